// Prisma: a transaction of a tenant.

import { begin, type Options } from "./context.js";
import { currentTenant, runAs } from "./tenant.js";

/** What is used of the client that Prisma generates. */
interface Client {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the generated client has a type of its own
  $transaction<T>(work: (transaction: any) => Promise<T>, options?: any): Promise<T>;
}

interface Raw {
  $executeRawUnsafe(text: string, ...values: string[]): Promise<number>;
  $queryRawUnsafe(text: string, ...values: string[]): Promise<object[]>;
}

/** The transaction as a callback of `prisma.$transaction` gets it. */
type Transaction<C extends Client> = Omit<C, "$connect" | "$disconnect" | "$on" | "$transaction" | "$use" | "$extends">;

export interface PrismaOptions extends Options {
  /** Prisma's own: `{ maxWait, timeout, isolationLevel }`. */
  transaction?: { maxWait?: number; timeout?: number; isolationLevel?: string };
}

/** Runs `work` in one transaction of `tenant`: committed when it ends, rolled back when it throws. */
export function withTenant<C extends Client, T>(prisma: C, tenant: string, work: (transaction: Transaction<C>) => Promise<T>, options: PrismaOptions = {}): Promise<T> {
  return runAs(tenant, () => inTransaction(prisma, work, options));
}

/** The same for the tenant of the running work. */
export async function inTransaction<C extends Client, T>(prisma: C, work: (transaction: Transaction<C>) => Promise<T>, options: PrismaOptions = {}): Promise<T> {
  const tenant = currentTenant();
  return prisma.$transaction(async (transaction: Transaction<C>) => {
    const raw = transaction as unknown as Raw;
    const run = async (text: string, values: string[]): Promise<object[]> => {
      if (text.startsWith("SELECT")) return raw.$queryRawUnsafe(text, ...values);
      await raw.$executeRawUnsafe(text, ...values);
      return [];
    };
    await begin(run, tenant, options);
    return work(transaction);
  }, options.transaction);
}
