// HTTP in, JSON out. The header X-Workspace-Id says which workspace a request is for: whoever stands in front of this
// service has checked that the caller belongs there. Behind tenantry's gateway X-Tenantry-Pass proves it to the database.

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Caller, Database } from "./database.js";
import { login, track } from "./doors.js";
import { Problem, problemOf } from "./problem.js";
import { count, create, list, read, RESOURCES, update } from "./resources.js";

const BODY_BYTES_MAX = 65_536;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function server(database: Database): Server {
  return createServer((request, response) => {
    answer(database, request)
      .catch((error: unknown): [number, unknown] => {
        const problem = problemOf(error) ?? new Problem(500, "INTERNAL", "Something went wrong on our side.");
        if (problem.status >= 500) console.error(`${request.method} failed:`, error instanceof Error ? error.message : "unknown");
        return [problem.status, { type: "about:blank", title: problem.message, status: problem.status, code: problem.code }];
      })
      .then(([status, body]) => {
        const type = status >= 400 ? "application/problem+json" : "application/json";
        response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));
      })
      .catch((error: unknown) => response.destroy(error as Error));
  });
}

async function answer(database: Database, request: IncomingMessage): Promise<[number, unknown]> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const [first = "", second, ...more] = url.pathname.split("/").slice(1);
  const route = `${request.method} ${first}`;
  if (more.length > 0) throw new Problem(404, "NOT_FOUND", "There is no such route.");
  if (route === "GET health") return [200, { status: "ok" }];
  if (route === "POST login") return [200, await login(database, await json(request))];
  if (route === "POST events") return [202, await track(database, callerOf(request), header(request, "x-write-key"), await json(request))];

  const resource = Object.hasOwn(RESOURCES, first) ? RESOURCES[first] : undefined;
  if (!resource) throw new Problem(404, "NOT_FOUND", "There is no such route.");
  const caller = callerOf(request);
  if (!caller) throw new Problem(400, "MISSING_WORKSPACE", "Send the header X-Workspace-Id.");
  const body = request.method === "POST" || request.method === "PATCH" ? await json(request) : {};
  return database.inWorkspace(caller, async (session): Promise<[number, unknown]> => {
    if (request.method === "GET" && second === undefined) return [200, { items: await list(session, resource, url.searchParams) }];
    if (request.method === "GET" && second === "count") return [200, await count(session, resource)];
    if (request.method === "GET" && second) return [200, await read(session, resource, second)];
    if (request.method === "POST" && second === undefined) return [201, await create(session, resource, caller.workspaceId, body)];
    if (request.method === "PATCH" && second) return [200, await update(session, resource, second, body)];
    throw new Problem(405, "METHOD_NOT_ALLOWED", "This route does not know that method.");
  });
}

function callerOf(request: IncomingMessage): Caller | undefined {
  const id = header(request, "x-workspace-id");
  if (id === undefined) return undefined;
  if (!UUID.test(id)) throw new Problem(400, "INVALID_WORKSPACE", "X-Workspace-Id is a uuid.");
  return { workspaceId: id.toLowerCase(), pass: header(request, "x-tenantry-pass") };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function json(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Problem(413, "TOO_LARGE", `A body has at most ${BODY_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new Problem(400, "INVALID_BODY", "The body is a JSON object.");
}
