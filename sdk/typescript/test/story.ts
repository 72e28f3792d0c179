// What must hold for every driver, by naming the tenant (to tenantry's proxy, or to what stands in for it) and by signing
// (to PostgreSQL itself). The databases hold examples/drivers/schema.sql; sdk/test makes them.

import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { currentTenant, NoTenant, OtherTenant, readCredentials, runAs, type Credentials, type Options } from "../src/index.js";

export const ACME = "a0000000-0000-4000-8000-00000000000a";
export const GLOBEX = "b0000000-0000-4000-8000-00000000000b";

export type Query = (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** One driver with its helpers. */
export interface Subject {
  withTenant<T>(tenant: string, work: (query: Query) => Promise<T>): Promise<T>;
  inTransaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** A transaction that says nothing of a tenant. */
  bare(text: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Where a driver connects: one URL for all its connections, or the logins of `tenantry apply`. */
export interface Place {
  url: string;
  credentials?: Credentials;
  options: Options;
}

/** An environment variable without which these tests cannot run: they fail, they do not skip. */
function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run sdk/test`);
  return value;
}

function naming(): Place {
  return { url: needed("SDK_NAMING_URL"), options: {} };
}

function direct(key?: string): Place {
  const credentials = readCredentials(needed("SDK_CREDENTIALS"));
  const [login] = credentials.logins;
  const url = `postgres://${login!.user}:${login!.password}@${credentials.host}:${credentials.port}/${credentials.database}`;
  return { url, credentials, options: { signingKey: { ...credentials.signing_key, ...(key ? { key } : {}) } } };
}

/** Tells the story of a driver; `connections` of 1 makes every transaction meet the connection of the one before. */
export function story(driver: string, open: (place: Place, connections: number) => Subject): void {
  const places: [string, () => Place][] = [
    ["naming the tenant", naming],
    ["signing its context", direct],
  ];
  for (const [how, place] of places) {
    describe(`${driver}, ${how}`, () => {
      let one: Subject, several: Subject;
      const label = `${driver} ${randomUUID()}`;
      before(() => ([one, several] = [open(place(), 1), open(place(), 4)]));
      after(async () => {
        await one.close();
        await several.close();
      });

      const add = async (query: Query, n: number): Promise<unknown> =>
        (await query("INSERT INTO notes (label, body, n) VALUES ($1, 'sdk', $2) RETURNING team_id", [label, n]))[0]!["team_id"];
      const mine = async (query: Query): Promise<unknown[]> =>
        (await query("SELECT DISTINCT team_id FROM notes WHERE label = $1", [label])).map((row) => row["team_id"]);

      test("each tenant writes and reads its own", async () => {
        for (const tenant of [ACME, GLOBEX, ACME]) {
          assert.equal(await one.withTenant(tenant, (query) => add(query, 1)), tenant);
          assert.deepEqual(await one.withTenant(tenant, mine), [tenant]);
        }
      });

      test("many at once never mix", async () => {
        const tenants = Array.from({ length: 60 }, (_, n) => (n % 3 ? ACME : GLOBEX));
        const found = await Promise.all(tenants.map((tenant, n) => several.withTenant(tenant, async (query) => [await add(query, n), await mine(query)])));
        assert.deepEqual(found, tenants.map((tenant) => [tenant, [tenant]]));
      });

      test("an error takes everything back, and the next tenant is not held up", async () => {
        const failing = one.withTenant(ACME, async (query) => {
          await add(query, 77);
          throw new Error("not this time");
        });
        await assert.rejects(failing, /not this time/);
        await assert.rejects(one.withTenant(ACME, (query) => query("SELECT 1 / 0")), refusedWith("22012"));
        const left = await one.withTenant(ACME, (query) => query("SELECT FROM notes WHERE label = $1 AND n = 77", [label]));
        assert.deepEqual([left.length, await one.withTenant(GLOBEX, mine)], [0, [GLOBEX]]);
      });

      test("the tenant ends with the transaction", async () => {
        await one.withTenant(ACME, mine);
        await assert.rejects(one.bare("SELECT count(*) FROM notes"), refusedWith("42501"));
      });

      // for whoever names the tenant it is the proxy's to clean up, and what stands in for it does not
      if (place === direct || process.env["SDK_PROXY"]) {
        test("what a tenant leaves on the connection is gone for the next", async () => {
          const left = `SELECT set_config('sdk.left', 'behind', false), pg_advisory_lock(${randomInt(2 ** 31)})::text`;
          await one.withTenant(ACME, (query) => query(left));
          const [found] = await one.withTenant(GLOBEX, (query) => query("SELECT coalesce(current_setting('sdk.left', true), '') AS setting, (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks"));
          assert.deepEqual(found, { setting: "", locks: 0 });
        });
      }

      test("one tenant's work cannot write as another", async () => {
        const intruding = one.withTenant(ACME, (query) => query("INSERT INTO notes (team_id, label, body) VALUES ($1::uuid, $2, '')", [GLOBEX, label]));
        await assert.rejects(intruding, refusedWith("42501"));
      });

      test("the running work's tenant is the transaction's, through every await", async () => {
        const found = await runAs(GLOBEX, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          return one.inTransaction(async (query) => [currentTenant(), await mine(query)]);
        });
        assert.deepEqual(found, [GLOBEX, [GLOBEX]]);
      });

      test("work without a tenant fails before it reaches the database", async () => {
        let reached = false;
        const job = async (): Promise<void> => one.inTransaction(async () => void (reached = true));
        await assert.rejects(job(), NoTenant);
        assert.equal(reached, false);
      });

      test("work for one tenant cannot begin work for another", async () => {
        await assert.rejects(several.withTenant(ACME, async () => several.withTenant(GLOBEX, mine)), OtherTenant);
        assert.deepEqual(await several.withTenant(ACME, () => several.withTenant(ACME, mine)), [ACME]);
      });
    });
  }

  test(`${driver}: a context signed with another key is refused`, async () => {
    const forger = open(direct("00".repeat(32)), 1);
    await assert.rejects(forger.withTenant(ACME, (query) => query("SELECT FROM notes")), refusedWith("42501"));
    await forger.close();
  });
}

/** Each layer over a driver has its own place for the SQLSTATE. */
function refusedWith(state: string): (error: unknown) => boolean {
  return (error) => {
    for (let at = error; typeof at === "object" && at !== null; at = causeOf(at)) {
      const { code, originalCode } = at as { code?: unknown; originalCode?: unknown };
      if (code === state || originalCode === state) return true;
    }
    return false;
  };
}

function causeOf(error: object): unknown {
  const { cause, meta } = error as { cause?: unknown; meta?: { driverAdapterError?: unknown } };
  return cause ?? meta?.driverAdapterError;
}
