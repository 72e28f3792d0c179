// What every Node program here shares: the two tenants, how many of what, and checks that stop at the first difference.

import { isDeepStrictEqual } from "node:util";

export interface Tenant {
  user: string;
  password: string;
  /** The team whose rows this login sees. */
  team: string;
}

function needed(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: start this with ../run`);
  return value;
}

function tenant(letter: string): Tenant {
  return { user: needed(`${letter}_USER`), password: needed(`${letter}_PASSWORD`), team: needed(`${letter}_TEAM`) };
}

export const TENANTS: readonly [Tenant, Tenant] = [tenant("A"), tenant("B")];
export const HOST = needed("PGHOST");
export const PORT = Number(needed("PGPORT"));
export const DATABASE = needed("PGDATABASE");
// the drivers read these too, and must not log in as somebody else by accident
delete process.env["PGUSER"];
delete process.env["PGPASSWORD"];

/** More often than any driver waits before it prepares a statement. */
export const TIMES = 12;
export const MANY = 10_000;
export const SUM = (MANY * (MANY - 1)) / 2;
export const LARGE = `ü${"x".repeat(1_048_576)}€`;
/** Connections of each tenant at once, and transactions on each. */
export const CROWD = 4;
export const CROWD_TRANSACTIONS = 25;
/** How often a query is cancelled until it ends, in milliseconds. */
const CANCEL_MS = 100;

export function other(tenant: Tenant): Tenant {
  return tenant === TENANTS[0] ? TENANTS[1] : TENANTS[0];
}

export class Checks {
  private count = 0;

  constructor(readonly driver: string) {}

  /** Both are equal, or the program ends and says what differs. */
  same(what: string, found: unknown, wanted: unknown): void {
    if (!isDeepStrictEqual(found, wanted)) this.fail(`${what}: wanted ${short(wanted)}, found ${short(found)}`);
    this.count += 1;
  }

  /** The work fails with this SQLSTATE. */
  async refused(what: string, state: string, work: PromiseLike<unknown>): Promise<void> {
    const found = await work.then(
      () => "no refusal",
      (error: unknown) => stateOf(error),
    );
    this.same(what, found, state);
  }

  /** Cancels until the query ends with the SQLSTATE of a cancelled one. */
  async cancelled(query: PromiseLike<unknown>, cancel: () => unknown): Promise<void> {
    const timer = setInterval(cancel, CANCEL_MS);
    try {
      await this.refused("a cancelled query", "57014", query);
    } finally {
      clearInterval(timer);
    }
  }

  fail(what: string): never {
    console.error(`not ok ${this.driver}: ${what}`);
    process.exit(1);
  }

  done(): void {
    console.log(`ok ${this.driver} ${this.count} checks`);
  }
}

/** The SQLSTATE somewhere in an error or its causes; each layer over a driver has its own place for it. */
function stateOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null) return error;
  const { code, originalCode, cause, meta } = error as { code?: unknown; originalCode?: unknown; cause?: unknown; meta?: { driverAdapterError?: unknown } };
  if (typeof originalCode === "string") return originalCode;
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("P")) return code;
  const inner = cause ?? meta?.driverAdapterError;
  return inner === undefined ? error : stateOf(inner);
}

function short(value: unknown): string {
  const text = value instanceof Error ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= 200 ? text : `${text.slice(0, 200)}… (${text.length} characters)`;
}
