import pg from "pg";
import { inTransaction, slots, withTenant } from "../src/pg.js";
import { story, type Query } from "./story.js";

const asked = (client: pg.PoolClient): Query => async (text, values) => (await client.query(text, values)).rows;

story("pg", ({ url, credentials, options }, connections) => {
  const pool = credentials
    ? new pg.Pool(slots({ ...credentials, logins: credentials.logins.slice(0, connections) }))
    : new pg.Pool({ connectionString: url, max: connections });
  return {
    withTenant: (tenant, work) => withTenant(pool, tenant, (client) => work(asked(client)), options),
    inTransaction: (work) => inTransaction(pool, (client) => work(asked(client)), { ...options, isolationLevel: "repeatable read" }),
    bare: (text) => pool.query(text),
    close: () => pool.end(),
  };
});
