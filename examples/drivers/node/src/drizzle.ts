// Drizzle over node-postgres and over postgres.js: the query builder, prepared queries, nested transactions.

import { and, count, eq, sql, sum } from "drizzle-orm";
import { drizzle as overPg } from "drizzle-orm/node-postgres";
import { integer, pgTable, text, timestamp, uuid, type PgDatabase, type PgQueryResultHKT } from "drizzle-orm/pg-core";
import { drizzle as overPostgresJs } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { Checks, CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, other, PORT, SUM, TENANTS, TIMES, type Tenant } from "./checks.js";

const checks = new Checks("drizzle");
type Database = PgDatabase<PgQueryResultHKT>;
type Both = [Tenant, Database][];

const notes = pgTable("notes", {
  id: uuid().primaryKey().defaultRandom(),
  // filled by the database: the application never says whose a row is
  teamId: uuid("team_id").notNull().default(sql`DEFAULT`),
  label: text().notNull(),
  body: text().notNull(),
  n: integer().notNull().default(0),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

async function story(label: string, both: Both): Promise<void> {
  const of = (body: string) => and(eq(notes.label, label), eq(notes.body, body));
  const counted = async (d: Database, body: string): Promise<number> => (await d.select({ n: count() }).from(notes).where(of(body)))[0]!.n;

  const ids = new Map<Tenant, string>();
  for (const [t, d] of both) {
    await d.delete(notes).where(eq(notes.label, label));
    const [made] = await d.insert(notes).values({ label, body: t.user }).returning();
    ids.set(t, made!.id);
    checks.same("the tenant by default", made!.teamId, t.team);
  }
  for (const [t, d] of both) {
    const [mine, theirs] = [eq(notes.id, ids.get(t)!), eq(notes.id, ids.get(other(t))!)];
    checks.same("reading", await d.select({ body: notes.body }).from(notes).where(mine), [{ body: t.user }]);
    checks.same("changing", await d.update(notes).set({ n: 7 }).where(mine).returning({ n: notes.n }), [{ n: 7 }]);
    checks.same("reading the other's", await d.select().from(notes).where(theirs), []);
    checks.same("changing the other's", await d.update(notes).set({ n: 9 }).where(theirs).returning(), []);
    checks.same("deleting the other's", await d.delete(notes).where(theirs).returning(), []);
    await checks.refused("writing as the other", "42501", d.insert(notes).values({ teamId: other(t).team, label, body: "" }));
  }
  for (const [t, d] of both) {
    checks.same("deleting", (await d.delete(notes).where(eq(notes.id, ids.get(t)!)).returning()).length, 1);
  }

  const kept = both.map(([t, d]) => {
    const values = { label, body: "prepared", n: sql.placeholder("n") };
    return [t, d.insert(notes).values(values).returning({ team: notes.teamId, n: notes.n }).prepare("add")] as const;
  });
  for (let n = 0; n < TIMES; n++) {
    for (const [t, add] of kept) checks.same("a prepared insert", await add.execute({ n }), [{ team: t.team, n }]);
  }

  for (const [, d] of both) {
    await d.transaction(
      async (tx) => {
        await tx.insert(notes).values({ label, body: "commit" });
        const broken = tx.transaction(async (inner) => {
          await inner.insert(notes).values({ label, body: "savepoint" });
          await inner.execute(sql`SELECT 1 / ${0}::int`);
        });
        await checks.refused("an error in a savepoint", "22012", broken);
      },
      { isolationLevel: "repeatable read" },
    );
    const undone = d.transaction(async (tx) => {
      await tx.insert(notes).values({ label, body: "rollback" });
      tx.rollback();
    });
    await undone.catch(() => undefined);
  }
  for (const [, d] of both) {
    checks.same("after commit and rollback", [await counted(d, "commit"), await counted(d, "rollback"), await counted(d, "savepoint")], [1, 0, 0]);
    await checks.refused("a division by zero", "22012", d.execute(sql`SELECT 1 / 0`));
    const [made] = await d.insert(notes).values({ label, body: "unique" }).returning();
    await checks.refused("a second one", "23505", d.insert(notes).values({ id: made!.id, label, body: "" }));
    const aborted = d.transaction(async (tx) => {
      await checks.refused("an error in a transaction", "42P01", tx.execute(sql`SELECT FROM no_such_table`));
      await checks.refused("after it", "25P02", tx.execute(sql`SELECT 1`));
      throw new Error("the transaction is lost");
    });
    await aborted.catch(() => undefined);
    checks.same("going on", await counted(d, "unique"), 1);
  }

  for (const [, d] of both) {
    await d.insert(notes).values(Array.from({ length: MANY }, (_, n) => ({ label, body: "many", n })));
  }
  for (const [t, d] of both) {
    const found = await d.select({ n: notes.n, team: notes.teamId }).from(notes).where(of("many")).orderBy(notes.n);
    checks.same("many rows", found, Array.from({ length: MANY }, (_, n) => ({ n, team: t.team })));
    checks.same("their sum", await d.select({ sum: sum(notes.n) }).from(notes).where(of("many")), [{ sum: String(SUM) }]);
    const [back] = await d.insert(notes).values({ label, body: LARGE }).returning();
    checks.same("a large row", back!.body === LARGE, true);
  }

  // more transactions than a pooler has servers
  const one = async ([t, d]: [Tenant, Database], n: number): Promise<void> => {
    const [made] = await d.transaction((tx) => tx.insert(notes).values({ label, body: "crowd", n }).returning());
    if (made!.teamId !== t.team) checks.fail(`${t.user} met ${made!.teamId} in the crowd`);
  };
  await Promise.all(both.flatMap((pair) => Array.from({ length: CROWD * CROWD_TRANSACTIONS }, (_, n) => one(pair, n))));
  for (const [t, d] of both) {
    checks.same("whose rows were there at the end", await d.selectDistinct({ team: notes.teamId }).from(notes), [{ team: t.team }]);
    await d.delete(notes).where(eq(notes.label, label));
  }
}

const login = ({ user, password }: Tenant) => ({ host: HOST, port: PORT, database: DATABASE, user, password, max: CROWD });
const pools = TENANTS.map((t) => new pg.Pool(login(t)));
await story("drizzle over pg", TENANTS.map((t, i) => [t, overPg(pools[i]!)]));
for (const pool of pools) await pool.end();
const clients = TENANTS.map((t) => postgres(login(t)));
await story("drizzle over postgres.js", TENANTS.map((t, i) => [t, overPostgresJs(clients[i]!)]));
for (const client of clients) await client.end();
checks.done();
