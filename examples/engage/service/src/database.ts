// The ways to the database: the one login of old times, the walled logins, and tenantry's proxy behind its gateway. Routes
// see only `Database`, and their queries are the same in all.

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

/** Whom a request is for. */
export interface Caller {
  workspaceId: string;
  /** What the gateway gave for the proxy, where there is one. */
  pass?: string | undefined;
}

export interface Database {
  /** Runs `work` in one transaction for one workspace. */
  inWorkspace<T>(caller: Caller, work: (session: Session) => Promise<T>): Promise<T>;
  /** Looks a member up by login e-mail, before a workspace is known. */
  memberByEmail(email: string): Promise<Member | undefined>;
  /** Looks the workspace of a write key up. */
  writeKey(value: string): Promise<WriteKey | undefined>;
  close(): Promise<void>;
}
