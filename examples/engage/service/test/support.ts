import { createHash, randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Row } from "../src/resources.js";

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** A caller of the service, as one workspace or as nobody yet. */
export class Caller {
  constructor(
    private readonly base: string,
    readonly workspaceId?: string,
  ) {}

  static async listening(server: Server): Promise<Caller> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Caller(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** The first member of the n-th generated workspace signs in; gives a caller for that workspace. */
  async signedIn(n: number): Promise<Caller> {
    const { status, body } = await this.post("/login", { email: `member0@workspace-${n}.example`, password: "demo" });
    if (status !== 200) throw new Error(`member0 of workspace-${n} cannot sign in: ${status}`);
    return new Caller(this.base, body["workspaceId"] as string);
  }

  as(workspaceId: string): Caller {
    return new Caller(this.base, workspaceId);
  }

  get = (path: string): Promise<Answer> => this.call("GET", path);
  post = (path: string, body: unknown, headers = {}): Promise<Answer> => this.call("POST", path, body, headers);
  patch = (path: string, body: unknown): Promise<Answer> => this.call("PATCH", path, body);

  async list(path: string): Promise<Row[]> {
    const { status, body } = await this.get(path);
    if (status !== 200) throw new Error(`GET ${path} gave ${status}: ${JSON.stringify(body)}`);
    return body["items"] as Row[];
  }

  private async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const sent: Record<string, string> = { ...headers };
    if (this.workspaceId) sent["x-workspace-id"] = this.workspaceId;
    const response = await fetch(this.base + path, { method, headers: sent, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
}

export const KINDS = ["segments", "journeys", "broadcasts"];

export function workspacesOf(rows: Row[]): string[] {
  return [...new Set(rows.map((row) => row.workspaceId))];
}

/** A name nothing else has. */
export function fresh(): string {
  return `made by a test ${randomUUID()}`;
}

/** An environment variable without which these tests cannot run: they fail, they do not skip. */
export function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** The write key that generate.sql gives the n-th workspace (seed 1, or DEMO_SEED). */
export function writeKey(n: number): string {
  return `wk_${createHash("md5").update(`${process.env["DEMO_SEED"] ?? "1"}write key${n}`).digest("hex")}`;
}
