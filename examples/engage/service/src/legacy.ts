// Before isolation: one login that owns every table. Which workspace a request is for is known here, and nothing
// makes a query respect it.

import pg from "pg";
import type { Caller, Database, Member, Session, WriteKey } from "./database.js";

export function legacy(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 10, application_name: "engage (legacy)" });
  pool.on("error", (error) => console.error("an idle connection broke:", error.message));

  async function one<R extends pg.QueryResultRow>(text: string, value: string): Promise<R | undefined> {
    return (await pool.query<R>(text, [value])).rows[0];
  }

  return {
    async inWorkspace<T>(_caller: Caller, work: (session: Session) => Promise<T>): Promise<T> {
      const client = await pool.connect();
      let broken = true;
      try {
        await client.query("BEGIN");
        try {
          const result = await work(client);
          await client.query("COMMIT");
          broken = false;
          return result;
        } catch (error) {
          await client.query("ROLLBACK");
          broken = false;
          throw error;
        }
      } finally {
        client.release(broken);
      }
    },
    memberByEmail: (email) =>
      one<Member>("SELECT id, workspace_id, password_hash, status FROM members WHERE login_email = $1", email),
    writeKey: (value) => one<WriteKey>("SELECT workspace_id, revoked_at FROM write_keys WHERE key_value = $1", value),
    close: () => pool.end(),
  };
}
