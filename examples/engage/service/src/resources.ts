// Segments, journeys and broadcasts: list, count, read, create, update. No query here names the workspace it reads
// from. Before isolation that is the classic leak; after it, the same text is safe.

import type { Session } from "./database.js";
import { Problem } from "./problem.js";

export interface Resource {
  table: "segments" | "journeys" | "broadcasts";
  /** How the status column is compared: an enum, or text. */
  status: string;
}

export const RESOURCES: Record<string, Resource> = {
  segments: { table: "segments", status: "segment_status" },
  journeys: { table: "journeys", status: "journey_status" },
  broadcasts: { table: "broadcasts", status: "text" },
};

const COLUMNS = `id, workspace_id AS "workspaceId", name, status, updated_at AS "updatedAt"`;
const LIST_MAX = 200;

export interface Row {
  id: string;
  workspaceId: string;
  name: string;
  status: string;
  updatedAt: Date;
}

export async function list(session: Session, { table, status }: Resource, query: URLSearchParams): Promise<Row[]> {
  const limit = Number(query.get("limit") ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX) {
    throw new Problem(400, "INVALID_VALUE", `limit is a whole number from 1 to ${LIST_MAX}.`);
  }
  const wanted = query.get("status");
  const order = "ORDER BY updated_at DESC, id LIMIT";
  const result =
    wanted === null
      ? await session.query<Row>(`SELECT ${COLUMNS} FROM ${table} ${order} $1`, [limit])
      : await session.query<Row>(`SELECT ${COLUMNS} FROM ${table} WHERE status = $2::${status} ${order} $1`, [limit, wanted]);
  return result.rows;
}

export async function count(session: Session, { table }: Resource): Promise<{ count: number; byStatus: Record<string, number> }> {
  const { rows } = await session.query<{ status: string; n: string }>(
    `SELECT status::text AS status, count(*) AS n FROM ${table} GROUP BY 1 ORDER BY 1`,
  );
  const byStatus = Object.fromEntries(rows.map((row) => [row.status, Number(row.n)]));
  return { count: Object.values(byStatus).reduce((sum, n) => sum + n, 0), byStatus };
}

export async function read(session: Session, { table }: Resource, id: string): Promise<Row> {
  const { rows } = await session.query<Row>(`SELECT ${COLUMNS} FROM ${table} WHERE id = $1`, [id]);
  return rows[0] ?? absent();
}

/** The workspace comes from the body if it names one: a caller may try another one's. */
export async function create(session: Session, { table }: Resource, workspaceId: string, body: Record<string, unknown>): Promise<Row> {
  const { rows } = await session.query<Row>(
    `INSERT INTO ${table} (workspace_id, name) VALUES ($1, $2) RETURNING ${COLUMNS}`,
    [text(body, "workspaceId") ?? workspaceId, text(body, "name")],
  );
  return rows[0]!;
}

export async function update(session: Session, { table, status }: Resource, id: string, body: Record<string, unknown>): Promise<Row> {
  const { rows } = await session.query<Row>(
    `UPDATE ${table} SET name = coalesce($2, name), status = coalesce($3::${status}, status) WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, text(body, "name"), text(body, "status")],
  );
  return rows[0] ?? absent();
}

function text(body: Record<string, unknown>, name: string): string | null {
  const value = body[name];
  if (value === undefined) return null;
  if (typeof value !== "string" || value === "") throw new Problem(400, "INVALID_VALUE", `${name} is a text that is not empty.`);
  return value;
}

/** The same for what does not exist and for what is another workspace's. */
function absent(): never {
  throw new Problem(404, "NOT_FOUND", "There is no such thing.");
}
