import assert from "node:assert/strict";
import { test } from "node:test";
import { signSession } from "../src/token.js";

// The same vector as in crates/model/src/token.rs, made there with Python.
test("a session token is the one that tenantry itself makes", () => {
  const key = { kid: 7, key: Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("hex") };
  const claims = { tenant: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", expiresAt: 1_800_000_000, counter: 5, sessionNo: "42" };
  assert.equal(
    signSession(key, claims),
    "t1.7.1800000000.5.42.0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d..ff28bb18ee7cb61c7efe2274ca182ed3da6f70bbd0e50913d444ea573bd9638e",
  );
});
