import assert from "node:assert/strict";
import { test } from "node:test";
import { begin, type Options } from "../src/context.js";
import { currentTenant, NoTenant, OtherTenant, runAs } from "../src/tenant.js";

test("without a tenant there is an error, not a default", () => {
  assert.throws(() => currentTenant(), NoTenant);
});

test("what runAs starts belongs to its tenant, and nothing after it", async () => {
  const started = runAs("acme", async () => {
    await Promise.resolve();
    return currentTenant();
  });
  assert.throws(() => currentTenant(), NoTenant);
  assert.equal(await started, "acme");
});

test("a tenant inside another is refused, the same one is not", () => {
  runAs("acme", () => {
    assert.throws(() => runAs("globex", currentTenant), OtherTenant);
    assert.equal(runAs("acme", currentTenant), "acme");
  });
});

test("a uuid is the same in upper case", () => {
  const key = "0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D";
  assert.equal(runAs(key, () => runAs(key.toLowerCase(), currentTenant)), key.toLowerCase());
});

test("no tenant is not a tenant", () => {
  for (const tenant of ["", "  ", "a\0b", undefined as unknown as string]) assert.throws(() => runAs(tenant, currentTenant), TypeError);
});

/** The statements a transaction begins with. */
async function beginning(tenant: string, options: Options): Promise<[string, string[]][]> {
  const said: [string, string[]][] = [];
  await begin(async (text, values) => (said.push([text, values]), [{ session: "42" }]), tenant, options);
  return said;
}

test("through the proxy one statement names the tenant, as a value", async () => {
  assert.deepEqual(await beginning("acme'; DROP TABLE notes; --", {}), [["SELECT set_config('app.tenant_id', $1, true)", ["acme'; DROP TABLE notes; --"]]]);
  assert.deepEqual(await beginning("7", { setting: "rls.tenant_id" }), [["SELECT set_config('rls.tenant_id', $1, true)", ["7"]]]);
  await assert.rejects(beginning("7", { setting: "x', 'y', false); --" as "rls.tenant_id" }), TypeError);
});

test("a signed context takes keys of each kind, and refuses what is none", async () => {
  const signingKey = { kid: 7, key: "00".repeat(32) };
  const token = async (tenant: string, keys: "uuid" | "number" | "text"): Promise<string> => (await beginning(tenant, { signingKey, keys })).at(-1)![1][0]!.split(".")[5]!;
  assert.equal(await token("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "uuid"), "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d");
  assert.equal(await token("-12", "number"), "-12");
  assert.equal(await token("acmé", "text"), "61636dc3a9");
  for (const keys of ["uuid", "number"] as const) await assert.rejects(token("acme", keys), TypeError);
});
