// Many users of many workspaces at once, through gateway, service, proxy and database. Every answer is searched for a byte of
// another workspace: each row carries the mark of its own. Ends with 1 on an error, on a leak, and if nothing was seen; with
// --sabotage, which ../gateway.sh load gives a service without a wall, it ends with 1 unless a leak was found.

import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Issuer } from "./issuer.js";
import { needed } from "./support.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "300" },
    users: { type: "string", default: "50" },
    tenants: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
    sabotage: { type: "boolean", default: false },
  },
});
const number = (name: "seconds" | "users" | "tenants"): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${name} is a whole number above 0`);
  process.exit(2);
};
const [seconds, users, tenants] = [number("seconds"), number("users"), number("tenants")];
/** An answer that takes longer is an error. */
const ANSWER_MS_MAX = 30_000;
/** Kinds of rows that are asked for. */
const KINDS = ["segments", "journeys", "broadcasts"];
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

interface Workspace {
  key: string;
  slug: string;
}
interface Answer {
  status: number;
  text: string;
}

const work = needed("WORK");
const port = Number(needed("GATEWAY_PORT"));
const listed = JSON.parse(readFileSync(join(work, "tenants.json"), "utf8")) as { tenants: Workspace[] };
const all = listed.tenants.slice(0, tenants);
if (all.length < tenants) {
  console.error(`there are ${all.length} workspaces, not ${tenants}`);
  process.exit(2);
}
const keys = new Set(listed.tenants.map((workspace) => workspace.key));
const issuer = new Issuer(work);
const agent = new Agent({ keepAlive: true, maxSockets: users, ca: readFileSync(join(work, "engage.pem")) });

const waits: number[] = [];
const found = { answers: 0, rows: 0, leaks: 0, errors: new Map<string, number>() };
/** Rows of each workspace that its users have seen: others ask for them. */
const seen = new Map<string, string[]>();

function ask(workspace: Workspace, method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Answer> {
  const host = `${workspace.slug}.engage.example`;
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, servername: host, agent, method, path, headers: { host, ...headers } }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: JSON.stringify(answer.rawHeaders) + Buffer.concat(parts).toString("utf8") }));
    });
    sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function fault(what: string): void {
  found.errors.set(what, (found.errors.get(what) ?? 0) + 1);
}

/** What one user does once: a request, the status it has to have, and whether rows have to be in the answer. */
interface Deed {
  method: string;
  path: string;
  status: number;
  rows: boolean;
  headers?: Record<string, string>;
  body?: unknown;
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;

function deed(own: Workspace, turn: number): Deed {
  const kind = KINDS[turn % KINDS.length]!;
  const mine = seen.get(own.key) ?? [];
  const foreign = pick(all.filter((other) => other !== own));
  const theirs = seen.get(foreign.key) ?? [];
  const name = `mark-${own.key} ${turn}`;
  const bearer = (workspace: Workspace): Record<string, string> => ({ authorization: `Bearer ${issuer.token(workspace.slug)}` });
  switch (turn % 10) {
    case 0:
    case 1:
      return { method: "GET", path: `/segments?limit=${1 + (turn % 60)}`, status: 200, rows: true };
    case 2:
      return { method: "GET", path: `/${kind}?limit=20`, status: 200, rows: false, headers: bearer(own) };
    case 3:
      return { method: "GET", path: `/${kind}/count`, status: 200, rows: false };
    case 4:
      if (mine.length > 0) return { method: "GET", path: `/segments/${pick(mine)}`, status: 200, rows: true };
      break;
    case 5:
      if (theirs.length > 0) return { method: "GET", path: `/segments/${pick(theirs)}`, status: 404, rows: false };
      break;
    case 6:
      return { method: "POST", path: `/${kind}`, status: 201, rows: true, body: { name: `${name} ${Math.random()}` } };
    case 7:
      if (mine.length > 0) return { method: "PATCH", path: `/segments/${pick(mine)}`, status: 200, rows: true, body: { name: `${name} ${Math.random()}` } };
      break;
    case 8:
      return { method: "GET", path: "/segments", status: 403, rows: false, headers: { "x-workspace-id": foreign.key } };
    case 9:
      return { method: "GET", path: "/segments", status: 403, rows: false, headers: bearer(foreign) };
  }
  return { method: "GET", path: "/segments?limit=5", status: 200, rows: true };
}

function judge(own: Workspace, wanted: Deed, answer: Answer): void {
  found.answers += 1;
  const foreign = (answer.text.match(UUID) ?? []).filter((id) => id !== own.key && keys.has(id));
  if (foreign.length > 0) {
    found.leaks += 1;
    if (found.leaks <= 3) console.error(`${own.slug} sees ${foreign[0]}: ${wanted.method} ${wanted.path}`);
  }
  const marks = answer.text.match(/mark-[0-9a-f-]{36}/g) ?? [];
  found.rows += marks.length;
  if (answer.status !== wanted.status) fault(`${wanted.method} /${wanted.path.split(/[/?]/)[1]}: ${answer.status}, not ${wanted.status}`);
  else if (wanted.rows && marks.length === 0) fault(`${wanted.method} ${wanted.path.split("?")[0]}: no row`);
}

async function user(own: Workspace, turn: number, until: number): Promise<void> {
  for (; Date.now() < until; turn += 1) {
    const wanted = deed(own, turn);
    const begin = performance.now();
    try {
      const answer = await ask(own, wanted.method, wanted.path, wanted.headers ?? {}, wanted.body);
      waits.push(performance.now() - begin);
      judge(own, wanted, answer);
      if (wanted.path.startsWith("/segments?") && answer.status === 200) {
        const { items } = JSON.parse(answer.text.slice(answer.text.indexOf("]{") + 1)) as { items: { id: string }[] };
        seen.set(own.key, items.map((row) => row.id));
      }
    } catch (error) {
      fault(error instanceof Error ? error.message : String(error));
    }
  }
}

const begin = Date.now();
await Promise.all(Array.from({ length: users }, (_, i) => user(all[i % all.length]!, i * 7, begin + seconds * 1000)));
agent.destroy();
waits.sort((a, b) => a - b);
const at = (percent: number): number => Number((waits[Math.min(waits.length - 1, Math.floor((waits.length * percent) / 100))] ?? 0).toFixed(1));
const errors = [...found.errors.values()].reduce((sum, count) => sum + count, 0);
const report = {
  users,
  tenants,
  seconds: Math.round((Date.now() - begin) / 1000),
  answers: found.answers,
  perSecond: Math.round((found.answers * 1000) / (Date.now() - begin)),
  rowsSeen: found.rows,
  foreign: found.leaks,
  errors: Object.fromEntries(found.errors),
  milliseconds: { p50: at(50), p95: at(95), p99: at(99), most: at(100) },
};
if (values.json) console.log(JSON.stringify(report));
else {
  const { p50, p95, p99, most } = report.milliseconds;
  console.log(`${users} users of ${tenants} tenants for ${report.seconds} s: ${report.answers} answers (${report.perSecond} a second), ${report.rowsSeen} rows seen`);
  console.log(`answered within ${p50} ms (p50), ${p95} ms (p95), ${p99} ms (p99), ${most} ms (all)`);
  console.log(`${report.foreign} answers held something of another tenant, ${errors} errors`);
  for (const [what, count] of found.errors) console.log(`  ${count} × ${what}`);
}
const isClean = found.leaks === 0 && errors === 0 && found.rows > 0;
process.exitCode = (values.sabotage ? found.leaks > 0 : isClean) ? 0 : 1;
