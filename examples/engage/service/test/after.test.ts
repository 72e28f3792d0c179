// After isolation: the same requests, and the wall. Needs CREDENTIALS, the file that `tenantry apply` wrote.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Server } from "node:http";
import { readCredentials, signSession } from "@tenantry/sdk";
import pg from "pg";
import { server } from "../src/server.js";
import { walled } from "../src/walled.js";
import type { Database } from "../src/database.js";
import { Caller, fresh, KINDS, needed, workspacesOf, writeKey } from "./support.js";

const path = needed("CREDENTIALS");

describe("with the walled logins", () => {
  let database: Database, http: Server, nobody: Caller, one: Caller, two: Caller;

  before(async () => {
    database = walled(path);
    http = server(database);
    nobody = await Caller.listening(http);
    [one, two] = [await nobody.signedIn(1), await nobody.signedIn(2)];
  });
  after(async () => {
    http.close();
    await database.close();
  });

  for (const kind of KINDS) {
    test(`a workspace lists and counts its own ${kind} only`, async () => {
      for (const caller of [one, two]) {
        assert.deepEqual(workspacesOf(await caller.list(`/${kind}?limit=200`)), [caller.workspaceId]);
      }
      const [first, second] = [await one.get(`/${kind}/count`), await two.get(`/${kind}/count`)];
      assert.ok(Number(first.body["count"]) > Number(second.body["count"]), "workspace 1 is the larger one");
    });

    test(`a workspace creates, reads, filters and changes its own ${kind}`, async () => {
      const name = fresh();
      const made = await one.post(`/${kind}`, { name });
      assert.deepEqual([made.status, made.body["workspaceId"], made.body["status"]], [201, one.workspaceId, "draft"]);
      const changed = await one.patch(`/${kind}/${made.body["id"]}`, { name: `${name}!` });
      assert.deepEqual([changed.status, changed.body["name"]], [200, `${name}!`]);
      assert.deepEqual((await one.get(`/${kind}/${made.body["id"]}`)).body, changed.body);
      assert.ok((await one.list(`/${kind}?status=draft&limit=200`)).some((row) => row.id === made.body["id"]));
    });

    test(`another workspace's ${kind} are not there: the same 404 as for what never was`, async () => {
      const [theirs] = await two.list(`/${kind}?limit=1`);
      const absent = await one.get(`/${kind}/${randomUUID()}`);
      assert.equal(absent.status, 404);
      assert.deepEqual(await one.get(`/${kind}/${theirs!.id}`), absent);
      assert.deepEqual(await one.patch(`/${kind}/${theirs!.id}`, { name: fresh() }), absent);
      assert.deepEqual((await two.get(`/${kind}/${theirs!.id}`)).body["name"], theirs!.name);
    });

    test(`nobody creates ${kind} in another workspace`, async () => {
      const before = await two.get(`/${kind}/count`);
      const refused = await one.post(`/${kind}`, { name: fresh(), workspaceId: two.workspaceId });
      assert.deepEqual([refused.status, refused.body["code"]], [403, "NOT_YOURS"]);
      assert.deepEqual(await two.get(`/${kind}/count`), before);
    });
  }

  test("a workspace that does not exist sees nothing", async () => {
    assert.deepEqual(await nobody.as(randomUUID()).list("/segments"), []);
  });

  test("many requests of many workspaces at once never mix", async () => {
    const callers = [one, two, await nobody.signedIn(3), await nobody.signedIn(4)];
    const lists = await Promise.all(Array.from({ length: 80 }, (_, i) => callers[i % 4]!.list("/segments?limit=200")));
    lists.forEach((rows, i) => assert.deepEqual(workspacesOf(rows), [callers[i % 4]!.workspaceId]));
  });

  test("the request is refused when it does not say its workspace, or says rubbish", async () => {
    assert.equal((await nobody.get("/segments")).status, 400);
    assert.equal((await nobody.as("'; DROP TABLE segments; --").get("/segments")).status, 400);
    assert.equal((await one.get("/segments?status=nonsense")).status, 400);
    assert.equal((await one.post("/segments", { name: "" })).status, 400);
  });

  test("signing in works before a workspace is known, and tells nothing", async () => {
    const wrong = await nobody.post("/login", { email: "member0@workspace-1.example", password: "no" });
    assert.equal(wrong.status, 401);
    assert.deepEqual(await nobody.post("/login", { email: "nobody@nowhere.example", password: "no" }), wrong);
  });

  test("an event finds its workspace by its write key, and an unknown key is refused", async () => {
    const event = { contact: "c-0", name: "page_viewed" };
    assert.equal((await nobody.post("/events", event, { "x-write-key": writeKey(1) })).status, 202);
    assert.equal((await nobody.post("/events", event, { "x-write-key": "wk_none" })).status, 401);
    assert.equal((await nobody.post("/events", event)).status, 401);
  });

  describe("somebody who can send any SQL with a login of the service", () => {
    const credentials = readCredentials(path);
    let client: pg.Client;

    before(async () => {
      const { host, port, database, logins } = credentials;
      client = new pg.Client({ host, port, database, ...logins.at(-1)! });
      await client.connect();
    });
    after(() => client.end());

    async function refused(sql: string, values: unknown[] = []): Promise<void> {
      await assert.rejects(client.query(sql, values), (error: pg.DatabaseError) => error.code === "42501");
      await client.query("ROLLBACK");
    }

    const token = async (key: string, tenant: string): Promise<string> => {
      const { rows } = await client.query<{ n: string }>("SELECT tenantry.bind_session() AS n");
      const expiresAt = Math.floor(Date.now() / 1000) + 30;
      return signSession({ kid: credentials.signing_key.kid, key }, { tenant, expiresAt, counter: 1, sessionNo: rows[0]!.n });
    };

    test("reads nothing without a context", () => refused("SELECT * FROM segments"));
    test("cannot name a workspace in a setting", async () => {
      await client.query("BEGIN");
      await client.query("SELECT set_config('tenantry.context', $1, true), set_config('app.tenant_id', $1, true)", [one.workspaceId]);
      await refused("SELECT * FROM segments");
    });
    test("cannot sign a context with another key", async () => {
      await refused("SELECT tenantry.enter($1)", [await token("00".repeat(32), one.workspaceId!)]);
    });
    test("loses the context at the end of the transaction, and cannot use the token again", async () => {
      const signed = await token(credentials.signing_key.key, one.workspaceId!);
      await client.query("BEGIN");
      await client.query("SELECT tenantry.enter($1)", [signed]);
      assert.ok((await client.query("SELECT FROM segments LIMIT 1")).rowCount);
      await client.query("COMMIT");
      await refused("SELECT * FROM segments");
      await refused("SELECT tenantry.enter($1)", [signed]);
    });
    test("does not read the keys, the members of all, or the statistics of all", async () => {
      await refused("SELECT * FROM tenantry.signing_key");
      await refused("SELECT login_email, password_hash FROM members");
      await refused("SELECT * FROM delivery_stats");
    });
  });
});
