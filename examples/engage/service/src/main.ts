// LEGACY=1 with DATABASE_URL: the old login, no wall. PROXY_URL: tenantry's proxy, behind tenantry's gateway. Otherwise
// CREDENTIALS names the file `tenantry apply` wrote.

import type { Database } from "./database.js";
import { legacy } from "./legacy.js";
import { proxied } from "./proxied.js";
import { server } from "./server.js";
import { walled } from "./walled.js";

function needed(name: string, meaning: string): string {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set: ${meaning}`);
  process.exit(2);
}

function chosen(): Database {
  if (process.env["LEGACY"] === "1") return legacy(needed("DATABASE_URL", "where the old login connects"));
  if (process.env["PROXY_URL"]) return proxied(process.env["PROXY_URL"]);
  return walled(needed("CREDENTIALS", "the credentials file that tenantry apply wrote (or PROXY_URL, or LEGACY=1 for the old login)"));
}

const database = chosen();
const http = server(database);
http.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1", () => {
  const address = http.address();
  if (address && typeof address === "object") console.log(`listening on http://127.0.0.1:${address.port}`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => http.close(() => void database.close()));
}
