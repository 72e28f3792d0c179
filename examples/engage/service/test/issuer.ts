// Somebody who signs tokens, as an OpenID provider does: ES256, with a key that the gateway reads from a file.

import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Makes a key pair in a folder. */
function make(folder: string): void {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "login-1", use: "sig", alg: "ES256" };
  writeFileSync(join(folder, "jwks.json"), JSON.stringify({ keys: [jwk] }));
  writeFileSync(join(folder, "issuer.pem"), privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
}

/** The issuer of a folder. */
export class Issuer {
  private readonly key: KeyObject;

  constructor(folder: string) {
    this.key = createPrivateKey(readFileSync(join(folder, "issuer.pem")));
  }

  /** A token for one workspace, by slug or key. */
  token(workspace: string): string {
    const now = Math.floor(Date.now() / 1000);
    const head = base64({ alg: "ES256", typ: "JWT", kid: "login-1" });
    const claims = { iss: "https://login.example", aud: "engage", sub: "ann", iat: now, exp: now + 300, workspace };
    const signed = `${head}.${base64(claims)}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), { key: this.key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  }
}

const folder = process.argv[2];
if (folder !== undefined && process.argv[1]?.endsWith("issuer.js")) make(folder);
