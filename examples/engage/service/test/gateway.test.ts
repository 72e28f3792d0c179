// The whole way of a request: gateway, this service on plain pg, proxy, database. Run by ../gateway.sh, which starts them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { request as insecure } from "node:https";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Row } from "../src/resources.js";
import { Browser, type Answer } from "./browser.js";
import { Issuer } from "./issuer.js";
import { fresh, KINDS, needed, workspacesOf } from "./support.js";

const work = needed("WORK");
const application = `http://127.0.0.1:${needed("APPLICATION_PORT")}`;
const port = Number(needed("GATEWAY_PORT"));
/** Longest wait for a certificate, or for a change of the tenants to be seen. */
const WAIT_MS_MAX = 120_000;

interface Listed {
  tenants: { key: string; slug: string }[];
}
const listed = JSON.parse(readFileSync(join(work, "tenants.json"), "utf8")) as Listed;
const keyOf = (slug: string): string => listed.tenants.find((tenant) => tenant.slug === slug)!.key;
const tenantry = (...args: string[]): string =>
  execFileSync(needed("TENANTRY"), ["tenants", ...args, "--file", join(work, "tenants.json")], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();

/** One after the other, until it holds. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const begin = Date.now();
  while (!(await holds())) {
    assert.ok(Date.now() - begin < WAIT_MS_MAX, `never ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What the authority signs with: made anew each time it starts. */
function root(): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: Number(needed("AUTHORITY_PORT")), path: "/roots/0", ca: readFileSync(join(work, "authority.pem")), servername: "localhost" };
    const sent = insecure(options, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts).toString()));
    });
    sent.on("error", reject).end();
  });
}

describe("behind gateway and proxy", () => {
  let browser: Browser, issuer: Issuer;
  const one = { host: "workspace-1.engage.example", id: keyOf("workspace-1") };
  const two = { host: "workspace-2.engage.example", id: keyOf("workspace-2") };
  const three = { host: "mail.third.example", id: keyOf("workspace-3") };
  const rows = (answer: Answer): Row[] => {
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body["items"] as Row[];
  };
  const refused = (answer: Answer, status: number, code: string): void =>
    assert.deepEqual([answer.status, answer.body["code"]], [status, code]);

  before(async () => {
    browser = new Browser(port, [readFileSync(join(work, "engage.pem"), "utf8"), await root()]);
    issuer = new Issuer(work);
    await until("a certificate for the domain", () => browser.ask(three.host, "/health").then(() => true, () => false));
  });

  test("no query of the service filters by workspace", () => {
    const source = join(import.meta.dirname, "../../src");
    const queries = readdirSync(source).flatMap((file) => readFileSync(join(source, file), "utf8").match(/`[^`]*\b(SELECT|UPDATE|DELETE)\b[^`]*`/g) ?? []);
    assert.ok(queries.length >= 5, "they were found");
    const condition = /\b(WHERE|AND|ON|HAVING)\b[^`]*workspace/i;
    assert.deepEqual(queries.filter((query) => condition.test(query)), []);
    assert.ok(condition.test("SELECT 1 FROM t WHERE c.workspace_id = $1"), "one would be found");
  });

  test("a domain of its own has a certificate of the authority, and nobody else's name has one", async () => {
    assert.match((await browser.ask(three.host, "/health")).issuer, /Pebble/);
    await assert.rejects(browser.ask("mail.fourth.example", "/health"));
  });

  for (const kind of KINDS) {
    test(`each workspace sees its own ${kind} only, on its own host`, async () => {
      for (const { host, id } of [one, two, three]) {
        assert.deepEqual(workspacesOf(rows(await browser.ask(host, `/${kind}?limit=200`))), [id]);
      }
      const [theirs] = rows(await browser.ask(two.host, `/${kind}?limit=1`));
      const absent = await browser.ask(one.host, `/${kind}/${randomUUID()}`);
      const foreign = await browser.ask(one.host, `/${kind}/${theirs!.id}`);
      assert.deepEqual([foreign.status, foreign.body], [404, absent.body]);
    });
  }

  test("a workspace writes for itself, and for nobody else", async () => {
    const name = fresh();
    const made = await browser.ask(three.host, "/segments", {}, "POST", { name });
    assert.deepEqual([made.status, made.body["workspaceId"]], [201, three.id]);
    refused(await browser.ask(three.host, "/segments", {}, "POST", { name: fresh(), workspaceId: one.id }), 403, "NOT_YOURS");
    const seen = await browser.ask(one.host, "/segments?limit=200");
    assert.ok(!rows(seen).some((row) => row.name === name));
  });

  test("a header that contradicts the host is refused", async () => {
    for (const header of ["X-Tenant-ID", "X-Workspace-Id", "X-Tenant"]) {
      refused(await browser.ask(one.host, "/segments", { [header]: two.id }), 403, "TENANT_CONFLICT");
    }
    const same = await browser.ask(one.host, "/segments?limit=200", { "X-Workspace-Id": one.id });
    assert.deepEqual(workspacesOf(rows(same)), [one.id], "one that agrees is not");
  });

  test("a token of one workspace on the host of another is refused", async () => {
    const token = { authorization: `Bearer ${issuer.token("workspace-1")}` };
    const key = { "x-api-key": tenantry("key", "workspace-1") };
    for (const credential of [token, key]) {
      await until("the key is known", async () => (await browser.ask(one.host, "/segments", credential)).status === 200);
      refused(await browser.ask(two.host, "/segments", credential), 403, "TENANT_CONFLICT");
      refused(await browser.ask(three.host, "/segments", credential), 403, "TENANT_CONFLICT");
      const anywhere = await browser.ask("api.engage.example", "/segments?limit=200", credential);
      assert.deepEqual(workspacesOf(rows(anywhere)), [one.id], "where no host names one, the credential does");
    }
    const forged = issuer.token("workspace-1").replace(/.{8}$/, "AAAAAAAA");
    refused(await browser.ask(one.host, "/segments", { authorization: `Bearer ${forged}` }), 401, "CREDENTIAL_REFUSED");
  });

  test("a request of no workspace, or of one that nobody knows, ends at the gateway", async () => {
    refused(await browser.ask("api.engage.example", "/segments"), 400, "TENANT_REQUIRED");
    refused(await browser.ask("api.engage.example", "/segments", { "X-Workspace-Id": one.id }), 403, "TENANT_NOT_PROVEN");
    refused(await browser.ask("nobody.engage.example", "/segments"), 404, "TENANT_UNKNOWN");
    refused(await browser.ask(one.host, "/segments", { host: two.host }), 421, "MISDIRECTED_REQUEST");
  });

  test("around the gateway nothing is seen: a header is no proof to the database", async () => {
    for (const [pass, code] of [[undefined, "NO_PASS"], ["x", "NOT_YOURS"]] as const) {
      const headers = { "x-workspace-id": one.id, ...(pass === undefined ? {} : { "x-tenantry-pass": pass }) };
      const answer = await fetch(`${application}/segments`, { headers });
      assert.deepEqual([answer.status, ((await answer.json()) as Answer["body"])["code"]], [403, code]);
    }
    const forged = { "x-workspace-id": two.id, "X-Tenantry-Pass": "x" };
    refused(await browser.ask(one.host, "/segments", forged), 403, "TENANT_CONFLICT");
    assert.equal((await browser.ask(one.host, "/segments", { "X-Tenantry-Pass": "x" })).status, 200, "the gateway's own replaces it");
  });

  test("many requests of many workspaces at once never mix", async () => {
    const hosts = [one, two, three];
    const answers = await Promise.all(Array.from({ length: 90 }, (_, i) => browser.ask(hosts[i % 3]!.host, "/segments?limit=200")));
    answers.forEach((answer, i) => assert.deepEqual(workspacesOf(rows(answer)), [hosts[i % 3]!.id]));
  });

  test("who is suspended is kept out, by name and by key, and comes back", async () => {
    const status = async (): Promise<number> => (await browser.ask(two.host, "/segments")).status;
    tenantry("suspend", "workspace-2");
    await until("kept out", async () => (await status()) === 403);
    assert.equal((await browser.ask(one.host, "/segments")).status, 200);
    tenantry("resume", "workspace-2");
    await until("back", async () => (await status()) === 200);
  });
});
