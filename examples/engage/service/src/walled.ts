// After isolation: one login per pooled connection, and a signed context at the start of every transaction. The
// database keeps workspaces apart; this file only says which one it is.

import { readCredentials, signSession, type Credentials } from "@tenantry/sdk";
import pg from "pg";
import type { Caller, Database, Member, Session, WriteKey } from "./database.js";
import { Problem } from "./problem.js";

/** How long a request waits for a free connection, in milliseconds. */
const WAIT_MS_MAX = 5_000;
/** How long a signed context may be entered after it was made, in seconds. */
const TOKEN_SECONDS = 30;
/** What one workspace could leave behind on a connection for the next one. DISCARD ALL would also unbind the session. */
const CLEAN = "RESET ALL; CLOSE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()";

/** One login and, once it is used, its connection. */
class Slot {
  private client: pg.Client | undefined;
  private sessionNo = "";
  private counter = 0;

  constructor(
    private readonly credentials: Credentials,
    private readonly login: { user: string; password: string },
  ) {}

  async connected(): Promise<pg.Client> {
    if (this.client) return this.client;
    const { host, port, database } = this.credentials;
    const client = new pg.Client({ host, port, database, ...this.login, application_name: "engage" });
    client.on("error", (error) => {
      console.error("a connection broke:", error.message);
      if (this.client === client) this.client = undefined;
    });
    await client.connect();
    const bound = await client.query<{ session_no: string }>("SELECT tenantry.bind_session() AS session_no");
    this.sessionNo = bound.rows[0]!.session_no;
    this.counter = 0;
    return (this.client = client);
  }

  /** A fresh context for this connection. */
  token(workspaceId: string): string {
    const expiresAt = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
    const claims = { tenant: workspaceId, expiresAt, counter: ++this.counter, sessionNo: this.sessionNo };
    return signSession(this.credentials.signing_key, claims);
  }

  /** Closes the connection; the next use opens a new one. */
  async drop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }
}

export function walled(path: string): Database {
  const credentials = readCredentials(path);
  const slots = credentials.logins.map((login) => new Slot(credentials, login));
  const free = [...slots];
  const waiting: ((slot: Slot) => void)[] = [];

  function take(): Promise<Slot> {
    const slot = free.pop();
    if (slot) return Promise.resolve(slot);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(given), 1);
        reject(new Problem(503, "BUSY", "All connections are in use. Try again."));
      }, WAIT_MS_MAX);
      const given = (slot: Slot): void => {
        clearTimeout(timer);
        resolve(slot);
      };
      waiting.push(given);
    });
  }

  function give(slot: Slot): void {
    const next = waiting.shift();
    if (next) next(slot);
    else free.push(slot);
  }

  /** Lends a connection; one that failed in between is closed, not reused. */
  async function lend<T>(work: (client: pg.Client, slot: Slot) => Promise<T>): Promise<T> {
    const slot = await take();
    try {
      return await work(await slot.connected(), slot);
    } catch (error) {
      const refused = error instanceof pg.DatabaseError || error instanceof Problem;
      if (!refused) await slot.drop();
      throw error;
    } finally {
      give(slot);
    }
  }

  async function one<R extends pg.QueryResultRow>(text: string, value: string): Promise<R | undefined> {
    return lend(async (client) => (await client.query<R>(text, [value])).rows[0]);
  }

  return {
    inWorkspace<T>({ workspaceId }: Caller, work: (session: Session) => Promise<T>): Promise<T> {
      return lend(async (client, slot) => {
        await client.query("BEGIN");
        try {
          await client.query("SELECT tenantry.enter($1)", [slot.token(workspaceId)]);
          const result = await work(client);
          await client.query("COMMIT");
          return result;
        } catch (error) {
          await client.query("ROLLBACK");
          throw error;
        } finally {
          await client.query(CLEAN);
        }
      });
    },
    memberByEmail: (email) => one<Member>("SELECT * FROM tenantry.lookup_login($1)", email),
    writeKey: (value) => one<WriteKey>("SELECT * FROM tenantry.lookup_write_key($1)", value),
    async close(): Promise<void> {
      await Promise.all(slots.map((slot) => slot.drop()));
    },
  };
}
