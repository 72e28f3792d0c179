// node-postgres (pg): simple and extended queries, named statements, cursors, COPY streams, a pool.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from, to } from "pg-copy-streams";
import Cursor from "pg-cursor";
import { Checks, CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, other, PORT, SUM, TENANTS, TIMES, type Tenant } from "./checks.js";

const LABEL = "pg";
const checks = new Checks(LABEL);
type Both = [Tenant, pg.Client][];

interface Canceller {
  cancel(client: pg.Client, query: unknown): void;
}

function config({ user, password }: Tenant): pg.ClientConfig {
  return { host: HOST, port: PORT, database: DATABASE, user, password, statement_timeout: 30_000, application_name: "drivers: pg" };
}

async function count(c: pg.ClientBase, body: string): Promise<number> {
  return (await c.query<{ n: number }>("SELECT count(*)::int AS n FROM notes WHERE label = $1 AND body = $2", [LABEL, body])).rows[0]!.n;
}

/** Each creates, reads, changes and deletes its own, and finds nothing of the other's. */
async function rows(both: Both): Promise<void> {
  const ids = new Map<Tenant, string>();
  for (const [t, c] of both) {
    await c.query("DELETE FROM notes WHERE label = $1", [LABEL]);
    const made = await c.query<{ id: string; team_id: string }>("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING id, team_id", [LABEL, t.user]);
    ids.set(t, made.rows[0]!.id);
    checks.same("the tenant by default", made.rows[0]!.team_id, t.team);
  }
  for (const [t, c] of both) {
    const [mine, theirs] = [ids.get(t), ids.get(other(t))];
    checks.same("reading", (await c.query("SELECT body FROM notes WHERE id = $1", [mine])).rows, [{ body: t.user }]);
    checks.same("changing", (await c.query("UPDATE notes SET n = 7 WHERE id = $1 RETURNING n", [mine])).rows, [{ n: 7 }]);
    checks.same("reading the other's", (await c.query("SELECT FROM notes WHERE id = $1", [theirs])).rowCount, 0);
    checks.same("changing the other's", (await c.query("UPDATE notes SET n = 9 WHERE id = $1", [theirs])).rowCount, 0);
    checks.same("deleting the other's", (await c.query("DELETE FROM notes WHERE id = $1", [theirs])).rowCount, 0);
    const intruding = c.query("INSERT INTO notes (team_id, label, body) VALUES ($1, $2, '')", [other(t).team, LABEL]);
    await checks.refused("writing as the other", "42501", intruding);
  }
  for (const [t, c] of both) {
    checks.same("deleting", (await c.query("DELETE FROM notes WHERE id = $1", [ids.get(t)])).rowCount, 1);
  }
}

/** Both use the same name for different texts, as two services do. */
async function prepared(both: Both): Promise<void> {
  for (let n = 0; n < TIMES; n++) {
    for (const [i, [t, c]] of both.entries()) {
      const text = `INSERT INTO notes (label, body, n) VALUES ($1, 'prepared', $2) RETURNING team_id, n + ${i} AS n`;
      if (n % 2) await c.query("BEGIN");
      const made = await c.query({ name: "add a note", text, values: [LABEL, n] });
      if (n % 2) await c.query("COMMIT");
      checks.same("a prepared insert", made.rows, [{ team_id: t.team, n: n + i }]);
    }
  }
}

async function transactions(both: Both): Promise<void> {
  for (const word of ["COMMIT", "ROLLBACK"]) {
    for (const [, c] of both) {
      await c.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await c.query("INSERT INTO notes (label, body) VALUES ($1, $2)", [LABEL, word]);
      await c.query("SAVEPOINT s");
      await c.query("INSERT INTO notes (label, body) VALUES ($1, 'savepoint')", [LABEL]);
      await checks.refused("an error in a savepoint", "22012", c.query("SELECT 1 / $1::int", [0]));
      await c.query("ROLLBACK TO s");
    }
    for (const [, c] of both) await c.query(word);
  }
  for (const [, c] of both) {
    checks.same("after commit and rollback", [await count(c, "COMMIT"), await count(c, "ROLLBACK"), await count(c, "savepoint")], [1, 0, 0]);
    const results = (await c.query("BEGIN; SELECT 1 AS one; COMMIT; SELECT 2 AS two")) as unknown as pg.QueryResult[];
    checks.same("several statements in one", results.map((r) => [r.command, r.rows]), [["BEGIN", []], ["SELECT", [{ one: 1 }]], ["COMMIT", []], ["SELECT", [{ two: 2 }]]]);
  }
}

async function failures(both: Both): Promise<void> {
  for (const [t, c] of both) {
    await checks.refused("a division by zero", "22012", c.query("SELECT 1 / 0"));
    const made = await c.query<{ id: string }>("INSERT INTO notes (label, body) VALUES ($1, 'unique') RETURNING id", [LABEL]);
    await checks.refused("a second one", "23505", c.query("INSERT INTO notes (id, label, body) VALUES ($1, $2, '')", [made.rows[0]!.id, LABEL]));
    await checks.refused("a statement that cannot be prepared", "42P01", c.query({ name: "broken", text: "SELECT FROM no_such_table" }));
    await c.query("BEGIN");
    await checks.refused("an error in a transaction", "22012", c.query("SELECT 1 / $1::int", [0]));
    await checks.refused("after it", "25P02", c.query("SELECT 1"));
    await c.query("ROLLBACK");
    checks.same("going on", await count(c, "unique"), 1);
    let slow: pg.Query | undefined;
    const ended = new Promise<void>((resolve, reject) => {
      slow = new pg.Query("SELECT pg_sleep(60)", (error?: Error) => (error ? reject(error) : resolve()));
      c.query(slow);
    });
    // a client that is not connected can cancel; pg's types do not know of it
    await checks.cancelled(ended, () => (new pg.Client(config(t)) as unknown as Canceller).cancel(c, slow));
    checks.same("after a cancelled query", (await c.query("SELECT 'here' AS x")).rows, [{ x: "here" }]);
  }
}

async function many(both: Both): Promise<void> {
  const sql = "INSERT INTO notes (label, body, n) SELECT $1, 'many', n FROM unnest($2::int[]) n";
  for (const [, c] of both) await c.query(sql, [LABEL, Array.from({ length: MANY }, (_, n) => n)]);
  for (const [t, c] of both) {
    const found = await c.query({ text: "SELECT n, team_id FROM notes WHERE label = $1 AND body = 'many' ORDER BY n", values: [LABEL], rowMode: "array" });
    checks.same("many rows", found.rows, Array.from({ length: MANY }, (_, n) => [n, t.team]));
    const cursor = c.query(new Cursor<{ n: number }>("SELECT n FROM notes WHERE label = $1 AND body = 'many'", [LABEL]));
    let sum = 0;
    for (let part = await cursor.read(500); part.length > 0; part = await cursor.read(500)) sum += part.reduce((all, { n }) => all + n, 0);
    await cursor.close();
    checks.same("a cursor", sum, SUM);
    const stopped = c.query(new Cursor("SELECT n FROM notes WHERE label = $1 AND body = 'many'", [LABEL]));
    checks.same("a cursor that is closed half way", (await stopped.read(10)).length, 10);
    await stopped.close();
    const back = await c.query("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING body", [LABEL, LARGE]);
    checks.same("a large row", back.rows[0].body === LARGE, true);
  }
}

async function copying(both: Both): Promise<void> {
  for (const [t, c] of both) {
    let text = "";
    for await (const part of c.query(to("COPY (SELECT team_id FROM notes WHERE label = 'pg' AND body = 'many') TO STDOUT"))) text += part;
    const teams = text.trim().split("\n");
    checks.same("COPY OUT", [teams.length, [...new Set(teams)]], [MANY, [t.team]]);
    const label = `${LABEL} ${t.team}`;
    await c.query("DELETE FROM scratch WHERE label = $1", [label]);
    const lines = Array.from({ length: MANY }, (_, n) => `${label}\t${n}\tx\n`);
    await pipeline(Readable.from(lines), c.query(from("COPY scratch (label, n, body) FROM STDIN")));
    await checks.refused("a bad COPY", "22P04", pipeline(Readable.from(["one column\n"]), c.query(from("COPY scratch (label, n) FROM STDIN"))));
    checks.same("COPY IN", (await c.query("DELETE FROM scratch WHERE label = $1", [label])).rowCount, MANY);
  }
}

/** Every query is sent without waiting for the one before. */
async function pipelining(): Promise<void> {
  for (const t of TENANTS) {
    const c = new pg.Client({ ...config(t), pipeline: true });
    await c.connect();
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const results = await Promise.allSettled(
      numbers.map((n) => c.query({ name: "pipelined", text: "SELECT team_id, 1 / ($1::int - 25) AS x FROM notes WHERE label = $2 LIMIT 1", values: [n, LABEL] })),
    );
    const failed = results.flatMap((r, n) => (r.status === "rejected" ? [n] : []));
    const teams = new Set(results.flatMap((r) => (r.status === "fulfilled" ? [r.value.rows[0]?.team_id] : [])));
    checks.same("a pipeline", [failed, [...teams]], [[25], [t.team]]);
    await c.end();
  }
}

/** More connections than a pooler has servers: each transaction still meets its own tenant. */
async function crowd(): Promise<void> {
  const pools = TENANTS.map((t) => new pg.Pool({ ...config(t), max: CROWD }));
  const member = async (t: Tenant, pool: pg.Pool): Promise<void> => {
    for (let n = 0; n < CROWD_TRANSACTIONS; n++) {
      const c = await pool.connect();
      await c.query("BEGIN");
      const made = await c.query("INSERT INTO notes (label, body, n) VALUES ($1, 'crowd', $2) RETURNING team_id", [LABEL, n]);
      await c.query("COMMIT");
      c.release();
      if (made.rows[0].team_id !== t.team) checks.fail(`${t.user} met ${made.rows[0].team_id} in the crowd`);
    }
  };
  await Promise.all(TENANTS.flatMap((t, i) => Array.from({ length: CROWD }, () => member(t, pools[i]!))));
  for (const [i, pool] of pools.entries()) {
    const { rows } = await pool.query("SELECT DISTINCT team_id FROM notes WHERE body = 'crowd'");
    checks.same("a crowd of both", rows, [{ team_id: TENANTS[i]!.team }]);
    await pool.end();
  }
}

const both: Both = TENANTS.map((t) => [t, new pg.Client(config(t))]);
for (const [, c] of both) await c.connect();
for (const part of [rows, prepared, transactions, failures, many, copying]) await part(both);
await pipelining();
await crowd();
for (const [t, c] of both) {
  checks.same("whose rows were there at the end", (await c.query("SELECT DISTINCT team_id FROM notes")).rows, [{ team_id: t.team }]);
  await c.query("DELETE FROM notes WHERE label = $1", [LABEL]);
  await c.end();
}
checks.done();
