// Behind tenantry's gateway, in front of tenantry's proxy: an ordinary pool, and the gateway's pass in the first statement
// of every transaction. The proxy checks the pass and keeps the connection clean; nothing here can name another workspace.

import pg from "pg";
import type { Caller, Database, Member, Session, WriteKey } from "./database.js";
import { Problem } from "./problem.js";

/** How long a request waits for a free connection, in milliseconds. */
const WAIT_MS_MAX = 5_000;

export function proxied(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 20, connectionTimeoutMillis: WAIT_MS_MAX, application_name: "engage" });
  pool.on("error", (error) => console.error("an idle connection broke:", error.message));
  // one that is lent tells its queries too; without a listener it would end the process
  pool.on("connect", (client) => client.on("error", () => undefined));

  async function one<R extends pg.QueryResultRow>(text: string, value: string): Promise<R | undefined> {
    return (await pool.query<R>(text, [value])).rows[0];
  }

  return {
    async inWorkspace<T>({ pass }: Caller, work: (session: Session) => Promise<T>): Promise<T> {
      if (pass === undefined) throw new Problem(403, "NO_PASS", "This request did not come through the gateway.");
      const client = await pool.connect();
      let broken = true;
      try {
        await client.query("BEGIN");
        try {
          await client.query("SELECT set_config('tenantry.token', $1, true)", [pass]);
          const result = await work(client);
          await client.query("COMMIT");
          broken = false;
          return result;
        } catch (error) {
          // a pass that is not good ends the connection, as a wrong password does
          broken = await client.query("ROLLBACK").then(() => false, () => true);
          throw error;
        }
      } finally {
        client.release(broken);
      }
    },
    memberByEmail: (email) => one<Member>("SELECT * FROM tenantry.lookup_login($1)", email),
    writeKey: (value) => one<WriteKey>("SELECT * FROM tenantry.lookup_write_key($1)", value),
    close: () => pool.end(),
  };
}
