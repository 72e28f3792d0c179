// Before isolation: the service works, and every missing filter is a leak. Needs LEGACY_DATABASE_URL.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Server } from "node:http";
import { legacy } from "../src/legacy.js";
import { server } from "../src/server.js";
import type { Database } from "../src/database.js";
import { Caller, fresh, KINDS, needed, workspacesOf } from "./support.js";

const url = needed("LEGACY_DATABASE_URL");

describe("with the old login", () => {
  let database: Database, http: Server, one: Caller, two: Caller;

  before(async () => {
    database = legacy(url);
    http = server(database);
    const nobody = await Caller.listening(http);
    [one, two] = [await nobody.signedIn(1), await nobody.signedIn(2)];
  });
  after(async () => {
    http.close();
    await database.close();
  });

  for (const kind of KINDS) {
    test(`LEAK: one workspace lists the ${kind} of others`, async () => {
      assert.ok(workspacesOf(await one.list(`/${kind}?limit=200`)).length > 1);
      assert.deepEqual((await one.get(`/${kind}/count`)).body, (await two.get(`/${kind}/count`)).body);
    });
  }

  test("LEAK: one workspace changes what belongs to another", async () => {
    const theirs = (await two.post("/segments", { name: fresh() })).body;
    assert.equal(theirs["workspaceId"], two.workspaceId);
    const name = fresh();
    assert.equal((await one.patch(`/segments/${theirs["id"]}`, { name })).status, 200);
    assert.equal((await two.get(`/segments/${theirs["id"]}`)).body["name"], name);
  });

  test("LEAK: one workspace creates in another", async () => {
    const made = await one.post("/segments", { name: fresh(), workspaceId: two.workspaceId });
    assert.deepEqual([made.status, made.body["workspaceId"]], [201, two.workspaceId]);
  });
});
