import { PrismaPg } from "@prisma/adapter-pg";
import { readCredentials } from "@tenantry/sdk";
import { slots } from "@tenantry/sdk/pg";
import { inTransaction, withTenant } from "@tenantry/sdk/prisma";
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PrismaClient } from "./generated/client.js";
// the SDK's own tests tell what must hold
import { ACME, GLOBEX, story, type Query } from "../../dist/test/story.js";

type Raw = Pick<PrismaClient, "$queryRawUnsafe">;

const asked = (tx: Raw): Query => (text, values = []) => tx.$queryRawUnsafe(text, ...values);

story("prisma", ({ url, credentials, options }, connections) => {
  const config = credentials
    ? slots({ ...credentials, logins: credentials.logins.slice(0, connections) })
    : { connectionString: url, max: connections };
  const prisma = new PrismaClient({ adapter: new PrismaPg(config) });
  return {
    withTenant: (tenant, work) => withTenant(prisma, tenant, (tx) => work(asked(tx)), { ...options, transaction: { maxWait: 30_000, timeout: 30_000 } }),
    inTransaction: (work) => inTransaction(prisma, (tx) => work(asked(tx)), { ...options, transaction: { isolationLevel: "Serializable" } }),
    bare: (text) => prisma.$queryRawUnsafe(text),
    close: () => prisma.$disconnect(),
  };
});

test("prisma's models have their types in a tenant's transaction", async () => {
  const credentials = readCredentials(process.env["SDK_CREDENTIALS"]!);
  const prisma = new PrismaClient({ adapter: new PrismaPg(slots(credentials)) });
  after(() => prisma.$disconnect());
  const options = { signingKey: credentials.signing_key };
  const made = await withTenant(prisma, ACME, (tx) => tx.note.create({ data: { label: "typed", body: "" } }), options);
  const found = await withTenant(prisma, GLOBEX, (tx) => tx.note.findUnique({ where: { id: made.id } }), options);
  assert.deepEqual([made.teamId, found], [ACME, null]);
});
