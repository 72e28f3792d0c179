// Prisma 7 with its adapter for node-postgres: no engine, all SQL goes through pg.

import { PrismaPg } from "@prisma/adapter-pg";
import { Prisma, PrismaClient } from "../generated/client.js";
import { Checks, CROWD, CROWD_TRANSACTIONS, DATABASE, HOST, LARGE, MANY, other, PORT, SUM, TENANTS, TIMES, type Tenant } from "./checks.js";

const LABEL = "prisma";
const checks = new Checks(LABEL);
type Both = [Tenant, PrismaClient][];

async function rows(both: Both): Promise<void> {
  const ids = new Map<Tenant, string>();
  for (const [t, { note }] of both) {
    await note.deleteMany({ where: { label: LABEL } });
    const made = await note.create({ data: { label: LABEL, body: t.user } });
    ids.set(t, made.id);
    checks.same("the tenant by default", made.teamId, t.team);
  }
  for (const [t, { note }] of both) {
    const [mine, theirs] = [{ id: ids.get(t)! }, { id: ids.get(other(t))! }];
    checks.same("reading", (await note.findUnique({ where: mine }))?.body, t.user);
    checks.same("changing", (await note.update({ where: mine, data: { n: 7 } })).n, 7);
    checks.same("reading the other's", await note.findUnique({ where: theirs }), null);
    checks.same("changing the other's", (await note.updateMany({ where: theirs, data: { n: 9 } })).count, 0);
    checks.same("deleting the other's", (await note.deleteMany({ where: theirs })).count, 0);
    await checks.refused("writing as the other", "42501", note.create({ data: { teamId: other(t).team, label: LABEL, body: "" } }));
    checks.same("an upsert", (await note.upsert({ where: mine, create: { label: LABEL, body: "" }, update: { n: { increment: 1 } } })).n, 8);
  }
  for (const [t, { note }] of both) checks.same("deleting", (await note.delete({ where: { id: ids.get(t)! } })).n, 8);
}

async function prepared(both: Both): Promise<void> {
  for (let n = 0; n < TIMES; n++) {
    for (const [t, prisma] of both) {
      const [made, sum] = await prisma.$transaction([
        prisma.note.create({ data: { label: LABEL, body: "prepared", n } }),
        prisma.$queryRaw<{ x: number }[]>`SELECT ${n}::int + 1 AS x`,
      ]);
      checks.same("a transaction as a list", [made.teamId, made.n, sum], [t.team, n, [{ x: n + 1 }]]);
    }
  }
}

async function transactions(both: Both): Promise<void> {
  for (const [, prisma] of both) {
    await prisma.$transaction(
      async (tx) => {
        await tx.note.create({ data: { label: LABEL, body: "commit" } });
        await tx.$executeRaw`SAVEPOINT s`;
        await tx.note.create({ data: { label: LABEL, body: "savepoint" } });
        await checks.refused("an error in a savepoint", "22012", tx.$queryRaw`SELECT 1 / ${0}::int`);
        await tx.$executeRaw`ROLLBACK TO s`;
      },
      { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead },
    );
    const undone = prisma.$transaction(async (tx) => {
      await tx.note.create({ data: { label: LABEL, body: "rollback" } });
      throw new Error("not this time");
    });
    await undone.catch(() => undefined);
  }
  for (const [, { note }] of both) {
    const counts = await Promise.all(["commit", "rollback", "savepoint"].map((body) => note.count({ where: { label: LABEL, body } })));
    checks.same("after commit and rollback", counts, [1, 0, 0]);
  }
}

async function failures(both: Both): Promise<void> {
  for (const [, prisma] of both) {
    await checks.refused("a division by zero", "22012", prisma.$queryRaw`SELECT 1 / 0`);
    const made = await prisma.note.create({ data: { label: LABEL, body: "unique" } });
    const second = prisma.note.create({ data: { id: made.id, label: LABEL, body: "" } });
    checks.same("a second one", await second.then(() => "no refusal", (error: { code: string }) => error.code), "P2002");
    const aborted = prisma.$transaction(async (tx) => {
      await checks.refused("an error in a transaction", "42P01", tx.$queryRaw`SELECT FROM no_such_table`);
      await checks.refused("after it", "25P02", tx.$queryRaw`SELECT 1`);
      throw new Error("the transaction is lost");
    });
    await aborted.catch(() => undefined);
    checks.same("going on", await prisma.note.count({ where: { label: LABEL, body: "unique" } }), 1);
  }
}

async function many(both: Both): Promise<void> {
  for (const [, { note }] of both) {
    await note.createMany({ data: Array.from({ length: MANY }, (_, n) => ({ label: LABEL, body: "many", n })) });
  }
  for (const [t, { note }] of both) {
    const where = { label: LABEL, body: "many" };
    const found = await note.findMany({ where, orderBy: { n: "asc" }, select: { n: true, teamId: true } });
    checks.same("many rows", found, Array.from({ length: MANY }, (_, n) => ({ n, teamId: t.team })));
    checks.same("their sum", (await note.aggregate({ where, _sum: { n: true } }))._sum.n, SUM);
    checks.same("a large row", (await note.create({ data: { label: LABEL, body: LARGE } })).body === LARGE, true);
  }
}

/** More transactions than a pooler has servers: each still meets its own tenant. */
async function crowd(both: Both): Promise<void> {
  const one = async ([t, prisma]: [Tenant, PrismaClient], n: number): Promise<void> => {
    const [made] = await prisma.$transaction([prisma.note.create({ data: { label: LABEL, body: "crowd", n } })]);
    if (made.teamId !== t.team) checks.fail(`${t.user} met ${made.teamId} in the crowd`);
  };
  await Promise.all(both.flatMap((pair) => Array.from({ length: CROWD * CROWD_TRANSACTIONS }, (_, n) => one(pair, n))));
}

const both: Both = TENANTS.map((t) => {
  const adapter = new PrismaPg({ host: HOST, port: PORT, database: DATABASE, user: t.user, password: t.password, max: CROWD });
  return [t, new PrismaClient({ adapter })];
});
for (const part of [rows, prepared, transactions, failures, many, crowd]) await part(both);
for (const [t, prisma] of both) {
  const teams = await prisma.note.findMany({ distinct: ["teamId"], select: { teamId: true } });
  checks.same("whose rows were there at the end", teams, [{ teamId: t.team }]);
  await prisma.note.deleteMany({ where: { label: LABEL } });
  await prisma.$disconnect();
}
checks.done();
