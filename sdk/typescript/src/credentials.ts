// The file that `tenantry apply` writes.

import { readFileSync } from "node:fs";
import type { SigningKey } from "./token.js";

export interface Credentials {
  database: string;
  host: string;
  port: number;
  /** One for each pooled connection. */
  logins: { user: string; password: string }[];
  signing_key: SigningKey;
}

export function readCredentials(path: string): Credentials {
  return JSON.parse(readFileSync(path, "utf8")) as Credentials;
}
