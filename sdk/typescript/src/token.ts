// Signs the tenant context: the session token of crates/model/src/token.rs, whose layout is documented there.

import { createHmac } from "node:crypto";

export interface SigningKey {
  kid: number;
  /** 32 bytes in hexadecimal. */
  key: string;
}

export interface Claims {
  /** A uuid, or another key as its token form wants it. */
  tenant: string;
  /** Unix time in seconds after which the database refuses the token. */
  expiresAt: number;
  /** Higher than that of any token this session accepted before. */
  counter: number;
  /** What `tenantry.bind_session()` returned on this connection. */
  sessionNo: string;
}

/** The argument of `tenantry.enter`. */
export function signSession(key: SigningKey, claims: Claims): string {
  const scope = ""; // the whole workspace
  const message = ["t1", key.kid, claims.expiresAt, claims.counter, claims.sessionNo, claims.tenant, scope].join(".");
  const mac = createHmac("sha256", Buffer.from(key.key, "hex")).update(message).digest("hex");
  return `${message}.${mac}`;
}
