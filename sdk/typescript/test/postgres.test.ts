import postgres from "postgres";
import { inTransaction, withTenant } from "../src/postgres.js";
import { story, type Query } from "./story.js";

const asked = (sql: postgres.TransactionSql): Query => async (text, values) => [...(await sql.unsafe(text, values as never[]))];

story("postgres.js", ({ url, options }, connections) => {
  const sql = postgres(url, { max: connections });
  return {
    withTenant: (tenant, work) => withTenant(sql, tenant, (transaction) => work(asked(transaction)), options),
    inTransaction: (work) => inTransaction(sql, (transaction) => work(asked(transaction)), { ...options, isolationLevel: "serializable" }),
    bare: (text) => sql.unsafe(text),
    close: () => sql.end(),
  };
});
