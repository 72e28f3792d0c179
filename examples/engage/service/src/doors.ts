// What comes before a workspace is known: signing in, and events that bring a write key.

import { scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Caller, Database } from "./database.js";
import { Problem } from "./problem.js";

const derive = promisify(scrypt) as (password: string, salt: Buffer, length: number) => Promise<Buffer>;
/** Compared against when there is no such member, so that both answers take the same time. */
const NOBODY = `scrypt:${"00".repeat(16)}:${"00".repeat(32)}`;

export async function login(database: Database, body: Record<string, unknown>): Promise<{ memberId: string; workspaceId: string }> {
  const { email, password } = body;
  if (typeof email !== "string" || typeof password !== "string") {
    throw new Problem(400, "INVALID_VALUE", "email and password are texts.");
  }
  const member = await database.memberByEmail(email);
  const [, salt = "", hash = ""] = (member?.password_hash ?? NOBODY).split(":");
  const fits = timingSafeEqual(await derive(password, Buffer.from(salt, "hex"), 32), Buffer.from(hash, "hex"));
  if (!member || !fits || member.status !== "active") throw new Problem(401, "WRONG_LOGIN", "E-mail or password is wrong.");
  return { memberId: member.id, workspaceId: member.workspace_id };
}

/** `caller` is whom the request says it is for, if it says so: then the write key has to be of that workspace. */
export async function track(
  database: Database,
  caller: Caller | undefined,
  writeKey: string | undefined,
  body: Record<string, unknown>,
): Promise<{ id: string }> {
  const { contact, name } = body;
  if (typeof contact !== "string" || typeof name !== "string") {
    throw new Problem(400, "INVALID_VALUE", "contact and name are texts.");
  }
  const known = writeKey === undefined ? undefined : await database.writeKey(writeKey);
  const fits = known && !known.revoked_at && (!caller || caller.workspaceId === known.workspace_id);
  if (!fits) throw new Problem(401, "WRONG_WRITE_KEY", "The write key is not known.");
  return database.inWorkspace({ workspaceId: known.workspace_id, pass: caller?.pass }, async (session) => {
    const { rows } = await session.query<{ id: string }>(
      `INSERT INTO events (workspace_id, contact_id, name)
       SELECT c.workspace_id, c.id, $2 FROM contacts c WHERE c.external_id = $1 RETURNING id`,
      [contact, name],
    );
    if (!rows[0]) throw new Problem(404, "NOT_FOUND", "There is no such contact.");
    return rows[0];
  });
}
