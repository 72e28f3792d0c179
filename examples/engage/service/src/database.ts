// The two ways to the database: the one login of old times, and the walled one. Routes see only `Database`, and their
// queries are the same in both.

import type { QueryResult, QueryResultRow } from "pg";

export interface Session {
  query<R extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<R>>;
}

export interface Member {
  id: string;
  workspace_id: string;
  password_hash: string;
  status: string;
}

export interface WriteKey {
  workspace_id: string;
  revoked_at: Date | null;
}

export interface Database {
  /** Runs `work` in one transaction for one workspace. */
  inWorkspace<T>(workspaceId: string, work: (session: Session) => Promise<T>): Promise<T>;
  /** Looks a member up by login e-mail, before a workspace is known. */
  memberByEmail(email: string): Promise<Member | undefined>;
  /** Looks the workspace of a write key up. */
  writeKey(value: string): Promise<WriteKey | undefined>;
  close(): Promise<void>;
}
