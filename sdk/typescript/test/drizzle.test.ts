import { eq, sql } from "drizzle-orm";
import { drizzle as overPg } from "drizzle-orm/node-postgres";
import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { drizzle as overPostgresJs } from "drizzle-orm/postgres-js";
import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import postgres from "postgres";
import { inTransaction, withTenant } from "../src/drizzle.js";
import { slots } from "../src/pg.js";
import { ACME, story, type Place, type Query } from "./story.js";

function poolOf({ url, credentials }: Place, connections: number): pg.Pool {
  if (!credentials) return new pg.Pool({ connectionString: url, max: connections });
  return new pg.Pool(slots({ ...credentials, logins: credentials.logins.slice(0, connections) }));
}

/** A text with $1, $2 … as Drizzle wants it. */
function bound(text: string, values: unknown[] = []): ReturnType<typeof sql> {
  const parts = text.split(/\$\d+/);
  return sql.join(parts.flatMap((part, i) => (i < values.length ? [sql.raw(part), sql`${values[i]}`] : [sql.raw(part)])));
}

story("drizzle over pg", (place, connections) => {
  const pool = poolOf(place, connections);
  const db = overPg(pool);
  const asked = (tx: Pick<typeof db, "execute">): Query => async (text, values) => (await tx.execute(bound(text, values))).rows;
  return {
    withTenant: (tenant, work) => withTenant(db, tenant, (tx) => work(asked(tx)), place.options),
    inTransaction: (work) => inTransaction(db, (tx) => work(asked(tx)), { ...place.options, transaction: { isolationLevel: "repeatable read" } }),
    bare: (text) => db.execute(sql.raw(text)),
    close: () => pool.end(),
  };
});

story("drizzle over postgres.js", ({ url, options }, connections) => {
  const client = postgres(url, { max: connections });
  const db = overPostgresJs(client);
  const asked = (tx: Pick<typeof db, "execute">): Query => async (text, values) => [...(await tx.execute(bound(text, values)))];
  return {
    withTenant: (tenant, work) => withTenant(db, tenant, (tx) => work(asked(tx)), options),
    inTransaction: (work) => inTransaction(db, (tx) => work(asked(tx)), options),
    bare: (text) => db.execute(sql.raw(text)),
    close: () => client.end(),
  };
});

test("drizzle's query builder has its types in a tenant's transaction", async () => {
  const notes = pgTable("notes", { id: uuid().primaryKey().defaultRandom(), teamId: uuid("team_id"), label: text(), body: text() });
  const pool = new pg.Pool({ connectionString: process.env["SDK_NAMING_URL"] });
  after(() => pool.end());
  const found = await withTenant(overPg(pool, { schema: { notes } }), ACME, async (tx) => {
    await tx.insert(notes).values({ label: "typed", body: "" });
    return tx.select({ team: notes.teamId }).from(notes).where(eq(notes.label, "typed")).limit(1);
  });
  assert.deepEqual(found, [{ team: ACME }]);
});
