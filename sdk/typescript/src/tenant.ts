// Whose work is running. Everything awaited inside `runAs` belongs to its tenant; outside of it there is none, and
// asking is an error: a background job that was not told its tenant stops before it reaches the database.

import { AsyncLocalStorage } from "node:async_hooks";

const scope = new AsyncLocalStorage<string>();
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Nobody said whose work this is. */
export class NoTenant extends Error {
  override name = "NoTenant";

  constructor() {
    super("tenantry: no tenant is known here. Run the work inside runAs(tenant, work), or give withTenant the tenant.");
  }
}

/** Work for one tenant asked for another one's data. */
export class OtherTenant extends Error {
  override name = "OtherTenant";

  constructor(running: string, asked: string) {
    super(`tenantry: this work runs for tenant ${running} and asked for tenant ${asked}. Finish the one before the other begins.`);
  }
}

/** Runs `work`, and all it starts, for a tenant. Inside another tenant's work it is refused. */
export function runAs<T>(tenant: string, work: () => T): T {
  const asked = checked(tenant);
  const running = scope.getStore();
  if (running !== undefined && running !== asked) throw new OtherTenant(running, asked);
  return scope.run(asked, work);
}

/** The tenant of the running work. Throws `NoTenant` where there is none. */
export function currentTenant(): string {
  const tenant = scope.getStore();
  if (tenant === undefined) throw new NoTenant();
  return tenant;
}

function checked(tenant: string): string {
  if (typeof tenant !== "string" || tenant.trim() === "" || tenant.includes("\0")) {
    throw new TypeError("tenantry: a tenant is a text that is not empty: its key or its slug.");
  }
  return UUID.test(tenant) ? tenant.toLowerCase() : tenant;
}
