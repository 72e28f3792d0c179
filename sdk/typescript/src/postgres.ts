// postgres.js: a transaction of a tenant.

import type postgres from "postgres";
import { begin, type Options } from "./context.js";
import { currentTenant, runAs } from "./tenant.js";

export interface PostgresOptions extends Options {
  isolationLevel?: "read committed" | "repeatable read" | "serializable";
}

type Work<T> = (sql: postgres.TransactionSql) => Promise<T>;

/** Runs `work` in one transaction of `tenant`: committed when it ends, rolled back when it throws. */
export function withTenant<T>(sql: postgres.Sql, tenant: string, work: Work<T>, options: PostgresOptions = {}): Promise<T> {
  return runAs(tenant, () => inTransaction(sql, work, options));
}

/** The same for the tenant of the running work. */
export async function inTransaction<T>(sql: postgres.Sql, work: Work<T>, options: PostgresOptions = {}): Promise<T> {
  const tenant = currentTenant();
  const how = options.isolationLevel ? `isolation level ${options.isolationLevel}` : "";
  const ended = await sql.begin(how, async (transaction) => {
    await begin((text, values) => transaction.unsafe<object[]>(text, values), tenant, options);
    return { result: await work(transaction) };
  });
  return (ended as { result: T }).result;
}
