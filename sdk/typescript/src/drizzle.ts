// Drizzle, over pg or postgres.js: a transaction of a tenant.

import { sql, type SQL } from "drizzle-orm";
import { begin, type Options } from "./context.js";
import { currentTenant, runAs } from "./tenant.js";

/** What is used of a Drizzle database, whichever driver is under it. */
interface Database {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the transaction's type differs from driver to driver
  transaction<T>(work: (transaction: any) => Promise<T>, config?: any): Promise<T>;
}

interface Executor {
  execute(query: SQL): Promise<object[] | { rows: object[] }>;
}

type Transaction<D extends Database> = Parameters<Parameters<D["transaction"]>[0]>[0];

export interface DrizzleOptions<D extends Database> extends Options {
  /** Drizzle's own: isolation level and access mode. */
  transaction?: Parameters<D["transaction"]>[1];
}

/** Runs `work` in one transaction of `tenant`: committed when it ends, rolled back when it throws. */
export function withTenant<D extends Database, T>(db: D, tenant: string, work: (transaction: Transaction<D>) => Promise<T>, options: DrizzleOptions<D> = {}): Promise<T> {
  return runAs(tenant, () => inTransaction(db, work, options));
}

/** The same for the tenant of the running work. */
export async function inTransaction<D extends Database, T>(db: D, work: (transaction: Transaction<D>) => Promise<T>, options: DrizzleOptions<D> = {}): Promise<T> {
  const tenant = currentTenant();
  return db.transaction(async (transaction: Transaction<D>) => {
    await begin((text, values) => rows(transaction as Executor, text, values), tenant, options);
    return work(transaction);
  }, options.transaction);
}

async function rows(transaction: Executor, text: string, values: string[]): Promise<object[]> {
  // the text is one of context.ts and has at most one value
  const [before = "", after = ""] = text.split("$1");
  const query = values.length > 0 ? sql`${sql.raw(before)}${values[0]}${sql.raw(after)}` : sql.raw(text);
  const result = await transaction.execute(query);
  return Array.isArray(result) ? result : result.rows;
}
