import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { Cache, type CacheOptions, Form, mix, type Send, type TenantKind } from "../src/cache.js";
import { NoTenant, runAs } from "../src/tenant.js";

// The vectors that all three languages share.
const vectors = JSON.parse(readFileSync(new URL("../../../cache-vectors.json", import.meta.url), "utf8"));
const options = (tenantKind: TenantKind): CacheOptions => ({ secret: vectors.secret, realm: vectors.realm, tenantKind, operationTimeMax: 5000 });

let server: ChildProcess;
let redis: Redis;
let send: Send;

before(async () => {
  const port = await new Promise<number>((found) => {
    const free = createServer().listen(0, "127.0.0.1", () => {
      const address = free.address();
      free.close(() => found(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
  server = spawn("redis-server", ["--bind", "127.0.0.1", "--port", String(port), "--save", ""], { stdio: ["ignore", "pipe", "ignore"] });
  for await (const line of createInterface({ input: server.stdout! })) if (line.includes("Ready to accept")) break;
  redis = new Redis(port, "127.0.0.1");
  send = ([name, ...rest]) => redis.callBuffer(name, ...rest);
});
beforeEach(() => redis.flushall());
after(() => {
  redis.disconnect();
  server.kill("SIGKILL");
});

const text = (value: string) => Buffer.from(value);

test("names and sealed values are the same everywhere", () => {
  for (const of of vectors.entries) {
    const form = new Form(options(of.tenantKind));
    const name = form.entry(of.tenant, of.kind, of.id);
    assert.equal(form.text("e", name), of.name);
    assert.equal(form.generation(of.tenant), of.generation);
    assert.equal(form.generationOfKind(of.tenant, of.kind), of.generationOfKind);
    const found = form.open(of.tenant, name, Buffer.from(vectors.generation, "hex"), 0, Buffer.from(of.sealed, "hex"));
    assert.deepEqual(found, { counts: true, value: text(of.value) });
  }
  const { mixed } = vectors;
  const [all, tenant, kind] = ["all", "tenant", "kind"].map((part) => Buffer.from(mixed[part], "hex"));
  assert.equal(mix(text(mixed.runId), all!, tenant!, kind!).toString("hex"), mixed.is);
  assert.equal(new Form(options("text")).channel(), vectors.channel);
});

test("each tenant has its own", async () => {
  const cache = new Cache(send, options("text"));
  for (const tenant of ["a", "b", "a:b", "*"]) {
    await runAs(tenant, async () => {
      assert.deepEqual(await cache.getOrLoad("k", "b:c", async () => text(tenant)), text(tenant));
      assert.deepEqual(await cache.getOrLoad("k", "b:c", async () => text("again")), text(tenant));
    });
  }
  await assert.rejects(cache.getOrLoad("k", "b:c", async () => null), NoTenant);
  await runAs("*", async () => assert.equal(await cache.clear(), true));
  await runAs("*", async () => assert.deepEqual(await cache.getOrLoad("k", "b:c", async () => text("new")), text("new")));
  await runAs("a", async () => assert.deepEqual(await cache.getOrLoad("k", "b:c", async () => null), text("a")));
  assert.ok(!(await redis.keys("*")).join().includes("b:c"));
});

test("of all who ask at once one loads, and a removal overtakes it", async () => {
  const cache = new Cache(send, options("text"));
  await runAs("a", async () => {
    let loads = 0;
    const load = async () => text(String(++loads));
    const all = await Promise.all(Array.from({ length: 20 }, () => cache.getOrLoad("k", "1", load)));
    assert.deepEqual(new Set(all.map(String)), new Set(["1"]));
    for (const forget of [() => cache.remove("k", "2"), () => cache.removeKind("k"), () => cache.clear()]) {
      const old = async () => {
        assert.equal(await forget(), true);
        return text("old");
      };
      assert.deepEqual(await cache.getOrLoad("k", "2", old), text("old"));
      assert.equal(await cache.getOrLoad("k", "2", async () => null), null);
      assert.equal(await cache.getOrLoad("k", "2", load), null, "nothing is known too");
      assert.equal(await cache.put("k", "2", text("put")), true);
      assert.deepEqual(await cache.getOrLoad("k", "2", load), text("put"));
      await cache.clear();
    }
  });
});

test("without Redis the loader answers, and what was not removed is not believed", async () => {
  const heard: unknown[] = [];
  let broken = false;
  const sometimes: Send = (command) => (broken ? Promise.reject(new Error("no line")) : send(command));
  const cache = new Cache(sometimes, { ...options("text"), onError: (error) => heard.push(error) });
  await runAs("a", async () => {
    await cache.put("k", "1", text("old"));
    broken = true;
    assert.deepEqual(await cache.getOrLoad("k", "1", async () => text("loaded")), text("loaded"));
    assert.equal(await cache.remove("k", "1"), false);
    assert.equal(heard.length, 2);
    broken = false;
    assert.deepEqual(await cache.getOrLoad("k", "1", async () => text("new")), text("new"));
  });
  await runAs("a", () => assert.rejects(cache.put("", "1", null), RangeError));
});
