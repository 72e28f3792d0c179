// What a transaction begins with, so that the database knows its tenant. Through tenantry's proxy the tenant is named, and
// the proxy makes the context of it. Straight to PostgreSQL the context is signed here and entered.

import { signSession, type SigningKey } from "./token.js";

/** The settings by which the proxy lets itself be told; the first is the usual one. */
export type Setting = "app.tenant_id" | "app.current_workspace_id" | "app.current_tenant" | "app.current_tenant_id" | "rls.tenant_id";

export interface Options {
  /**
   * Left out: the connection goes through tenantry's proxy. Given: it goes to PostgreSQL itself, and every transaction
   * enters a context signed with this key of `credentials.json`.
   */
  signingKey?: SigningKey;
  /** What the tenants' keys are; only asked for signing. Default: "uuid". */
  keys?: "uuid" | "number" | "text";
  /** What the proxy is configured to listen to. Default: "app.tenant_id". */
  setting?: Setting;
}

/** Runs one statement of the transaction and gives its rows. */
export type Run = (text: string, values: string[]) => PromiseLike<readonly object[]>;

/** How long a signed context may be entered after it was made, in seconds. */
const TOKEN_SECONDS = 30;

/** What the connection's last tenant may have left behind; as one statement, since some clients send only one at a time. */
const CLEAN = "DO $$ BEGIN RESET ALL; EXECUTE 'CLOSE ALL'; UNLISTEN *; PERFORM pg_advisory_unlock_all(); END $$";

/** Tells the database the tenant of the transaction that has just begun. Nothing may run in it before. */
export async function begin(run: Run, tenant: string, options: Options): Promise<void> {
  const { signingKey, setting = "app.tenant_id" } = options;
  if (!signingKey) {
    await run(`SELECT set_config('${known(setting)}', $1, true)`, [tenant]);
    return;
  }
  await run(CLEAN, []);
  const [bound] = await run("SELECT tenantry.bind_session()::text AS session", []);
  const { session } = bound as { session: string };
  const expiresAt = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
  // the counter begins anew with every binding
  const claims = { tenant: tokenForm(tenant, options.keys ?? "uuid"), expiresAt, counter: 1, sessionNo: session };
  await run("SELECT tenantry.enter($1)::text", [signSession(signingKey, claims)]);
}

const SETTINGS: readonly Setting[] = ["app.tenant_id", "app.current_workspace_id", "app.current_tenant", "app.current_tenant_id", "rls.tenant_id"];

function known(setting: Setting): Setting {
  if (!SETTINGS.includes(setting)) throw new TypeError(`tenantry: the setting is one of ${SETTINGS.join(", ")}`);
  return setting;
}

/** A tenant's key as a token spells it. */
function tokenForm(tenant: string, keys: "uuid" | "number" | "text"): string {
  if (keys === "text") return Buffer.from(tenant, "utf8").toString("hex");
  const form = keys === "uuid" ? /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ : /^(0|-?[1-9][0-9]{0,18})$/;
  if (!form.test(tenant)) throw new TypeError(`tenantry: ${JSON.stringify(tenant)} is not the key of a tenant (${keys}): a signed context needs the key, not the slug.`);
  return tenant;
}
