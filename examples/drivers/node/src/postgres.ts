// postgres.js: every statement is named and prepared, queries are sent without waiting, queries can be cancelled.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import postgres from "postgres";
import { Checks, CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, other, PORT, SUM, TENANTS, TIMES, type Tenant } from "./checks.js";

const LABEL = "postgres.js";
const checks = new Checks(LABEL);
type Both = [Tenant, postgres.Sql][];

function open({ user, password }: Tenant, more: postgres.Options<{}> = {}): postgres.Sql {
  return postgres({ host: HOST, port: PORT, database: DATABASE, user, password, max: 1, ...more });
}

async function count(sql: postgres.Sql, body: string): Promise<number> {
  return (await sql<{ n: number }[]>`SELECT count(*)::int AS n FROM notes WHERE label = ${LABEL} AND body = ${body}`)[0]!.n;
}

/** Each creates, reads, changes and deletes its own, and finds nothing of the other's. */
async function rows(both: Both): Promise<void> {
  const ids = new Map<Tenant, string>();
  for (const [t, sql] of both) {
    await sql`DELETE FROM notes WHERE label = ${LABEL}`;
    const [made] = await sql<{ id: string; team_id: string }[]>`INSERT INTO notes ${sql({ label: LABEL, body: t.user })} RETURNING id, team_id`;
    ids.set(t, made!.id);
    checks.same("the tenant by default", made!.team_id, t.team);
  }
  for (const [t, sql] of both) {
    const [mine, theirs] = [ids.get(t)!, ids.get(other(t))!];
    checks.same("reading", [...(await sql`SELECT body FROM notes WHERE id = ${mine}`)], [{ body: t.user }]);
    checks.same("changing", [...(await sql`UPDATE notes SET n = 7 WHERE id = ${mine} RETURNING n`)], [{ n: 7 }]);
    checks.same("reading the other's", (await sql`SELECT FROM notes WHERE id = ${theirs}`).count, 0);
    checks.same("changing the other's", (await sql`UPDATE notes SET n = 9 WHERE id = ${theirs}`).count, 0);
    checks.same("deleting the other's", (await sql`DELETE FROM notes WHERE id = ${theirs}`).count, 0);
    await checks.refused("writing as the other", "42501", sql`INSERT INTO notes ${sql({ team_id: other(t).team, label: LABEL, body: "" })}`);
  }
  for (const [t, sql] of both) checks.same("deleting", (await sql`DELETE FROM notes WHERE id = ${ids.get(t)!}`).count, 1);
}

async function prepared(both: Both): Promise<void> {
  for (let n = 0; n < TIMES; n++) {
    for (const [t, sql] of both) {
      const add = (s: postgres.ISql<{}>) => s`INSERT INTO notes (label, body, n) VALUES (${LABEL}, 'prepared', ${n}) RETURNING team_id, n`;
      const made = n % 2 ? await sql.begin((tx) => add(tx)) : await add(sql);
      checks.same("a prepared insert", [...made], [{ team_id: t.team, n }]);
      checks.same("an unnamed statement", [...(await sql.unsafe("SELECT $1::int AS n", [n]))], [{ n }]);
    }
  }
  for (const t of TENANTS) {
    const sql = open(t, { prepare: false });
    for (let n = 0; n < TIMES; n++) checks.same("without prepared statements", [...(await sql`SELECT ${n}::int AS n`)], [{ n }]);
    await sql.end();
  }
}

async function transactions(both: Both): Promise<void> {
  for (const [, sql] of both) {
    await sql.begin("isolation level repeatable read", async (tx) => {
      await tx`INSERT INTO notes (label, body) VALUES (${LABEL}, 'commit')`;
      const broken = tx.savepoint(async (inner) => {
        await inner`INSERT INTO notes (label, body) VALUES (${LABEL}, 'savepoint')`;
        await inner`SELECT 1 / ${0}::int`;
      });
      await checks.refused("an error in a savepoint", "22012", broken);
    });
    const undone = sql.begin(async (tx) => {
      await tx`INSERT INTO notes (label, body) VALUES (${LABEL}, 'rollback')`;
      throw new Error("not this time");
    });
    await undone.catch(() => undefined);
    // BEGIN and all of these leave at once
    const together = await sql.begin((tx) => [1, 2, 3].map((n) => tx`SELECT ${n}::int AS n`));
    checks.same("a transaction sent at once", together.map((r) => r[0]!["n"]), [1, 2, 3]);
  }
  for (const [, sql] of both) {
    checks.same("after commit and rollback", [await count(sql, "commit"), await count(sql, "rollback"), await count(sql, "savepoint")], [1, 0, 0]);
    const several = (await sql`SELECT 1 AS a; SELECT 2 AS b`.simple()) as unknown as postgres.RowList<postgres.Row[]>[];
    checks.same("several statements in one", several.map((r) => ({ ...r[0] })), [{ a: 1 }, { b: 2 }]);
  }
}

async function failures(both: Both): Promise<void> {
  for (const [, sql] of both) {
    await checks.refused("a division by zero", "22012", sql`SELECT 1 / 0`);
    const [made] = await sql`INSERT INTO notes (label, body) VALUES (${LABEL}, 'unique') RETURNING id`;
    await checks.refused("a second one", "23505", sql`INSERT INTO notes (id, label, body) VALUES (${made!["id"]}, ${LABEL}, '')`);
    await checks.refused("a statement that cannot be prepared", "42P01", sql`SELECT ${1}::int FROM no_such_table`);
    const aborted = sql.begin(async (tx) => {
      await checks.refused("an error in a transaction", "22012", tx`SELECT 1 / ${0}::int`.execute());
      await tx`SELECT 1`;
    });
    await checks.refused("the transaction", "22012", aborted);
    checks.same("going on", await count(sql, "unique"), 1);
    const slow = sql`SELECT pg_sleep(60)`.execute();
    await checks.cancelled(slow, () => slow.cancel());
    checks.same("after a cancelled query", [...(await sql`SELECT 'here' AS x`)], [{ x: "here" }]);
  }
}

async function many(both: Both): Promise<void> {
  const numbers = Array.from({ length: MANY }, (_, n) => n);
  for (const [, sql] of both) {
    await sql.begin((tx) => Promise.all([0, 1, 2, 3].map((part) => tx`INSERT INTO notes ${tx(numbers.filter((n) => n % 4 === part).map((n) => ({ label: LABEL, body: "many", n })))}`)));
  }
  for (const [t, sql] of both) {
    const found = await sql`SELECT n, team_id FROM notes WHERE label = ${LABEL} AND body = 'many' ORDER BY n`.values();
    checks.same("many rows", [...found], numbers.map((n) => [n, t.team]));
    let sum = 0;
    for await (const part of sql<{ n: number }[]>`SELECT n FROM notes WHERE label = ${LABEL} AND body = 'many'`.cursor(500)) {
      for (const { n } of part) sum += n;
    }
    checks.same("a cursor", sum, SUM);
    const [back] = await sql`INSERT INTO notes (label, body) VALUES (${LABEL}, ${LARGE}) RETURNING body`;
    checks.same("a large row", back!["body"] === LARGE, true);
  }
}

async function copying(both: Both): Promise<void> {
  for (const [t, sql] of both) {
    // small, for 3.4.9 pauses its socket after 16 KiB and may never go on, with PostgreSQL alone too
    let text = "";
    for await (const part of await sql`COPY (SELECT team_id, count(*) FROM notes WHERE label = 'postgres.js' AND body = 'many' GROUP BY 1) TO STDOUT`.readable()) text += part;
    checks.same("COPY OUT", text, `${t.team}\t${MANY}\n`);
    const label = `${LABEL} ${t.team}`;
    await sql`DELETE FROM scratch WHERE label = ${label}`;
    const lines = Array.from({ length: MANY }, (_, n) => `${label}\t${n}\tx\n`);
    await pipeline(Readable.from(lines), await sql`COPY scratch (label, n, body) FROM STDIN`.writable());
    checks.same("COPY IN", (await sql`DELETE FROM scratch WHERE label = ${label}`).count, MANY);
  }
}

async function pipelining(both: Both): Promise<void> {
  for (const [t, sql] of both) {
    const sent = Array.from({ length: 50 }, (_, n) => sql`SELECT team_id, 1 / (${n}::int - 25) AS x FROM notes WHERE label = ${LABEL} LIMIT 1`);
    const results = await Promise.allSettled(sent);
    const failed = results.flatMap((r, n) => (r.status === "rejected" ? [n] : []));
    const teams = new Set(results.flatMap((r) => (r.status === "fulfilled" ? [r.value[0]?.["team_id"]] : [])));
    checks.same("a pipeline", [failed, [...teams]], [[25], [t.team]]);
  }
}

/** More connections than a pooler has servers: each transaction still meets its own tenant. */
async function crowd(): Promise<void> {
  const pools = TENANTS.map((t) => open(t, { max: CROWD }));
  const one = async (t: Tenant, sql: postgres.Sql, n: number): Promise<void> => {
    const [made] = await sql.begin((tx) => tx`INSERT INTO notes (label, body, n) VALUES (${LABEL}, 'crowd', ${n}) RETURNING team_id`);
    if (made!["team_id"] !== t.team) checks.fail(`${t.user} met ${made!["team_id"]} in the crowd`);
  };
  await Promise.all(TENANTS.flatMap((t, i) => Array.from({ length: CROWD * CROWD_TRANSACTIONS }, (_, n) => one(t, pools[i]!, n))));
  for (const [i, sql] of pools.entries()) {
    checks.same("a crowd of both", [...(await sql`SELECT DISTINCT team_id FROM notes WHERE body = 'crowd'`)], [{ team_id: TENANTS[i]!.team }]);
    await sql.end();
  }
}

const both: Both = TENANTS.map((t) => [t, open(t)]);
for (const part of [rows, prepared, transactions, failures, many, copying, pipelining]) await part(both);
await crowd();
for (const [t, sql] of both) {
  checks.same("whose rows were there at the end", [...(await sql`SELECT DISTINCT team_id FROM notes`)], [{ team_id: t.team }]);
  await sql`DELETE FROM notes WHERE label = ${LABEL}`;
  await sql.end();
}
checks.done();
