// node-postgres: a transaction of a tenant, and pools that use one login per connection.

import pg from "pg";
import { begin, type Options } from "./context.js";
import type { Credentials } from "./credentials.js";
import { currentTenant, runAs } from "./tenant.js";

export interface PgOptions extends Options {
  isolationLevel?: "read committed" | "repeatable read" | "serializable";
}

/** Runs `work` in one transaction of `tenant`: committed when it ends, rolled back when it throws. */
export function withTenant<T>(pool: pg.Pool, tenant: string, work: (client: pg.PoolClient) => Promise<T>, options: PgOptions = {}): Promise<T> {
  return runAs(tenant, () => inTransaction(pool, work, options));
}

/** The same for the tenant of the running work. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>, options: PgOptions = {}): Promise<T> {
  const tenant = currentTenant();
  const client = await pool.connect();
  let broken = true; // a connection whose transaction did not end well is closed, not lent again
  try {
    await client.query(options.isolationLevel ? `BEGIN ISOLATION LEVEL ${options.isolationLevel}` : "BEGIN");
    try {
      await begin(async (text, values) => (await client.query<object>(text, values)).rows, tenant, options);
      const result = await work(client);
      // of a transaction that failed, and whose error was swallowed, COMMIT says ROLLBACK
      const ended = await client.query("COMMIT");
      broken = false;
      if (ended.command === "ROLLBACK") throw new Error("tenantry: the transaction was rolled back: a statement in it failed, and its error was not passed on.");
      return result;
    } catch (error) {
      if (broken) {
        await client.query("ROLLBACK");
        broken = false;
      }
      throw error;
    }
  } finally {
    client.release(broken);
  }
}

/**
 * What a pool for PostgreSQL itself is made of, `new pg.Pool(slots(credentials))`: each of its connections gets a login of
 * its own, as `tenantry apply` made them. Only a connection that is just being closed may share its login with the next.
 */
export function slots(credentials: Credentials, config: Omit<pg.PoolConfig, "max" | "user" | "password"> = {}): pg.PoolConfig {
  const { host, port, database, logins } = credentials;
  const known = logins.map((login) => ({ login, connections: 0 }));

  class SlotClient extends pg.Client {
    constructor(given?: pg.ClientConfig) {
      const slot = known.reduce((least, one) => (one.connections < least.connections ? one : least));
      super({ ...given, ...slot.login });
      slot.connections += 1;
      this.once("end", () => (slot.connections -= 1));
    }
  }
  return { host, port, database, ...config, Client: SlotClient, max: logins.length };
}
