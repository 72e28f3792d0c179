// The tenant-scoped cache in Redis, shared with applications in Rust (`tenantry-cache`) and Python: names and values by
// the rule of crates/cache/src/key.rs and seal.rs. Entries belong to the tenant of the running work. Redis may fail: then
// the loader answers, and `onError` hears why. There is no directory of tenants here: a suspended tenant is refused where
// its work begins.

import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { currentTenant } from "./tenant.js";

const HEAD = 50;
const TAG = 16;
const REMOVAL_MS = 60_000;
const KIND_BYTES_MAX = 64;
const ID_BYTES_MAX = 1024;
const TTL_SECONDS_MAX = 24 * 3600;
const NOTHING_SECONDS_MAX = 30;
const GENERATION_SECONDS = 7 * 24 * 3600;
/** How often it is looked whether the server is still the same run. */
const RUN_MS = 1000;

const STORE = `\
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if redis.call('GETRANGE', KEYS[3], 0, 49) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
return 1`;
const WRITE = `\
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1`;
const FORGET = `\
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1`;
const GENERATION = `\
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
return redis.call('GET', KEYS[1])`;

export type Argument = string | Buffer;
/** Sends a command and gives the answer with texts as Buffers: with ioredis, `([name, ...rest]) => redis.callBuffer(name, ...rest)`. */
export type Send = (command: [string, ...Argument[]]) => Promise<unknown>;
export type TenantKind = "uuid" | "integer" | "bigint" | "text";

export interface CacheOptions {
  /** 32 bytes in hexadecimal, the same in all processes. */
  secret: string;
  /** Names this cache among others that share a Redis: the application and its database. */
  realm: string;
  /** The type of the tenant column. */
  tenantKind?: TenantKind;
  prefix?: string;
  /** Seconds an entry lives where the caller has no opinion. */
  ttl?: number;
  /** Longest operation, in milliseconds. */
  operationTimeMax?: number;
  onError?: (error: unknown) => void;
}

/** What was found under a name. */
export type Found = { counts: true; value: Buffer | null } | { counts: false; damaged: boolean };

/** Each part with its length in front, so that no text in one can look like the end of it. */
function parts(...texts: (string | Buffer)[]): Buffer {
  const all: Buffer[] = [];
  for (const text of texts) {
    const raw = Buffer.isBuffer(text) ? text : Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(raw.length);
    all.push(length, raw);
  }
  return Buffer.concat(all);
}

function hmac(key: Buffer, ...of: Buffer[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of of) mac.update(part);
  return mac.digest();
}

/** The generation of an entry: of which run, of all tenants, of the tenant, of the kind. */
export function mix(runId: Buffer, all: Buffer, tenant: Buffer, kind: Buffer): Buffer {
  return createHash("sha256").update(parts(runId, all, tenant, kind)).digest().subarray(0, 16);
}

/** What stands in Redis: names and sealed values of one realm. */
export class Form {
  readonly #realm: string;
  readonly #kind: TenantKind;
  readonly #prefix: string;
  readonly #key: (info: Buffer) => Buffer;
  readonly #names: Buffer;
  readonly #message: Buffer;

  constructor({ secret, realm, tenantKind = "uuid", prefix = "tenantry:1:" }: CacheOptions) {
    if (!/^[0-9a-f]{64}$/i.test(secret)) throw new TypeError("tenantry: the secret of a cache is 64 hexadecimal digits (32 bytes).");
    [this.#realm, this.#kind, this.#prefix] = [realm, tenantKind, prefix];
    const raw = Buffer.from(secret, "hex");
    this.#key = (info) => Buffer.from(hkdfSync("sha256", raw, "tenantry cache 1", info, 32));
    [this.#names, this.#message] = [this.#key(Buffer.from("name")), this.#key(Buffer.from("message"))];
  }

  get tenantKind(): TenantKind {
    return this.#kind;
  }

  #name(...texts: string[]): Buffer {
    return hmac(this.#names, parts(...texts));
  }

  text(letter: string, name: Buffer): string {
    return `${this.#prefix}${letter}:${name.toString("base64url")}`;
  }

  entry(tenant: string, kind: string, id: string): Buffer {
    return this.#name("entry", this.#realm, this.#kind, tenant, "", "", kind, id);
  }

  generation(tenant: string): string {
    return this.text("g", this.#name("generation", this.#realm, this.#kind, tenant));
  }

  generationOfKind(tenant: string, kind: string): string {
    return this.text("g", this.#name("generation of kind", this.#realm, this.#kind, tenant, kind));
  }

  generationOfAll(): string {
    return this.text("g", this.#name("generation of all", this.#realm));
  }

  channel(): string {
    return this.text("m", this.#name("channel", this.#realm));
  }

  seal(tenant: string, name: Buffer, generation: Buffer, ends: number, value: Buffer | null): Buffer {
    const nonce = randomBytes(24);
    const end = Buffer.alloc(8);
    end.writeBigUInt64BE(BigInt(ends));
    const head = Buffer.concat([Buffer.from([1, value === null ? 1 : 0]), generation, end, nonce]);
    return Buffer.concat([head, this.#encrypt(this.#tenant(tenant), "entry", nonce, Buffer.concat([head, name]), value ?? Buffer.alloc(0))]);
  }

  open(tenant: string, name: Buffer, generation: Buffer, now: number, stored: Buffer): Found {
    if (stored.length < HEAD || stored[0] !== 1) return { counts: false, damaged: true };
    const [head, body] = [stored.subarray(0, HEAD), stored.subarray(HEAD)];
    if (head[1] === 2 || !head.subarray(2, 18).equals(generation) || head.readBigUInt64BE(18) <= BigInt(now)) {
      return { counts: false, damaged: false };
    }
    if (body.length < TAG) return { counts: false, damaged: true };
    const nonce = head.subarray(26);
    const key = hmac(this.#tenant(tenant), Buffer.from("entry"), nonce.subarray(0, 12));
    try {
      const cipher = createDecipheriv("aes-256-gcm", key, nonce.subarray(12));
      cipher.setAAD(Buffer.concat([head, name]));
      cipher.setAuthTag(body.subarray(body.length - TAG));
      const value = Buffer.concat([cipher.update(body.subarray(0, body.length - TAG)), cipher.final()]);
      if (head[1] === 0) return { counts: true, value };
      return head[1] === 1 && value.length === 0 ? { counts: true, value: null } : { counts: false, damaged: true };
    } catch {
      return { counts: false, damaged: true };
    }
  }

  removal(now: number): Buffer {
    const end = Buffer.alloc(8);
    end.writeBigUInt64BE(BigInt(now + REMOVAL_MS));
    return Buffer.concat([Buffer.from([1, 2]), Buffer.alloc(16), end, randomBytes(24)]);
  }

  /** What other processes are told to forget. */
  message(...texts: string[]): Buffer {
    const nonce = randomBytes(24);
    return Buffer.concat([Buffer.from([1]), nonce, this.#encrypt(this.#message, "message", nonce, Buffer.from([1]), parts("sdk", ...texts))]);
  }

  #encrypt(from: Buffer, purpose: string, nonce: Buffer, associated: Buffer, plain: Buffer): Buffer {
    const cipher = createCipheriv("aes-256-gcm", hmac(from, Buffer.from(purpose), nonce.subarray(0, 12)), nonce.subarray(12));
    cipher.setAAD(associated);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  #tenant(tenant: string): Buffer {
    return this.#key(parts("tenant", this.#realm, this.#kind, tenant));
  }
}

/** What was seen before a load: it is stored only if that is still so. */
interface Ticket {
  name: Buffer;
  tenants: Buffer;
  kinds: Buffer;
  head: Buffer;
  generation: Buffer;
  seen: number;
}

/** The entries of the running work's tenant. */
export class Cache {
  readonly #form: Form;
  readonly #send: Send;
  readonly #options: CacheOptions;
  readonly #owed = new Set<string>();
  readonly #loads = new Map<string, Promise<Buffer | null>>();
  #run: { at: number; id: Buffer; all: Buffer } | undefined;

  constructor(send: Send, options: CacheOptions) {
    this.#form = new Form(options);
    this.#options = options;
    const time = options.operationTimeMax ?? 250;
    this.#send = (command) => inTime(send(command), time);
  }

  /** What is known of an entry, or what the loader finds; null is that there is nothing. Of all who ask here at once, one loads. */
  async getOrLoad(kind: string, id: string, load: () => Promise<Buffer | null>, ttl?: number): Promise<Buffer | null> {
    const tenant = checked(kind, id);
    const key = this.#form.text("e", this.#form.entry(tenant, kind, id));
    const known = this.#loads.get(key);
    if (known !== undefined) return known;
    const found = this.#lookOrLoad(tenant, kind, id, load, ttl).finally(() => {
      if (this.#loads.get(key) === found) this.#loads.delete(key);
    });
    this.#loads.set(key, found);
    return found;
  }

  /** Keeps a value, instead of what was there. False: Redis did not take it. */
  async put(kind: string, id: string, value: Buffer | null, ttl?: number): Promise<boolean> {
    const [tenant, form] = [checked(kind, id), this.#form];
    this.#loads.delete(form.text("e", form.entry(tenant, kind, id)));
    return this.#told(tenant, async () => {
      const { id: runId, all } = await this.#server();
      const tenants = await this.#generation(form.generation(tenant));
      const kinds = await this.#generation(form.generationOfKind(tenant, kind));
      const [name, life] = [form.entry(tenant, kind, id), this.#life(ttl, value)];
      const sealed = form.seal(tenant, name, mix(runId, all, tenants, kinds), Date.now() + life, value);
      const message = form.message("entry", form.tenantKind, tenant, "", "", kind, id);
      await this.#send(["EVAL", WRITE, "1", form.text("e", name), sealed, String(life), form.channel(), message]);
    });
  }

  /** Forgets an entry, in all processes; after the commit that changed it. */
  async remove(kind: string, id: string): Promise<boolean> {
    const [tenant, form] = [checked(kind, id), this.#form];
    const name = form.text("e", form.entry(tenant, kind, id));
    this.#loads.delete(name);
    return this.#told(tenant, async () => {
      const message = form.message("entry", form.tenantKind, tenant, "", "", kind, id);
      await this.#send(["EVAL", WRITE, "1", name, form.removal(Date.now()), String(REMOVAL_MS), form.channel(), message]);
    });
  }

  /** Forgets all entries of a kind. */
  async removeKind(kind: string): Promise<boolean> {
    const tenant = checked(kind, "");
    this.#loads.clear();
    return this.#told(tenant, async () => {
      const message = this.#form.message("kind", this.#form.tenantKind, tenant, kind);
      await this.#send(["EVAL", FORGET, "1", this.#form.generationOfKind(tenant, kind), this.#form.channel(), message]);
    });
  }

  /** Forgets all entries of the tenant. Costs the same whatever there is. */
  async clear(): Promise<boolean> {
    const tenant = currentTenant();
    this.#loads.clear();
    return this.#told(tenant, () => this.#clear(tenant));
  }

  async #clear(tenant: string): Promise<void> {
    const message = this.#form.message("tenant", this.#form.tenantKind, tenant);
    await this.#send(["EVAL", FORGET, "1", this.#form.generation(tenant), this.#form.channel(), message]);
  }

  async #lookOrLoad(tenant: string, kind: string, id: string, load: () => Promise<Buffer | null>, ttl?: number): Promise<Buffer | null> {
    const looked = await this.#tried(() => this.#look(tenant, kind, id));
    if (looked !== undefined && "value" in looked) return looked.value;
    const value = await load();
    if (looked !== undefined) await this.#tried(() => this.#store(tenant, kind, looked, this.#life(ttl, value), value));
    return value;
  }

  async #look(tenant: string, kind: string, id: string): Promise<{ value: Buffer | null } | Ticket> {
    const form = this.#form;
    // a removal that did not arrive comes first
    if (this.#owed.has(tenant)) {
      await this.#clear(tenant);
      this.#owed.delete(tenant);
    }
    const [ofTenant, ofKind, name, seen] = [form.generation(tenant), form.generationOfKind(tenant, kind), form.entry(tenant, kind, id), performance.now()];
    const { id: runId, all } = await this.#server();
    const answer = (await this.#send(["MGET", ofTenant, ofKind, form.text("e", name)])) as (Buffer | null)[];
    const tenants = answer[0] ?? (await this.#generation(ofTenant));
    const kinds = answer[1] ?? (await this.#generation(ofKind));
    const stored = answer[2] ?? null;
    const generation = mix(runId, all, tenants, kinds);
    if (stored !== null) {
      const found = form.open(tenant, name, generation, Date.now(), stored);
      if (found.counts) return { value: found.value };
    }
    return { name, tenants, kinds, head: (stored ?? Buffer.alloc(0)).subarray(0, HEAD), generation, seen };
  }

  async #store(tenant: string, kind: string, ticket: Ticket, life: number, value: Buffer | null): Promise<void> {
    // a removal that came meanwhile may be forgotten already
    if (life <= 0 || performance.now() - ticket.seen >= REMOVAL_MS) return;
    const form = this.#form;
    const sealed = form.seal(tenant, ticket.name, ticket.generation, Date.now() + life, value);
    const names = [form.generation(tenant), form.generationOfKind(tenant, kind), form.text("e", ticket.name)];
    await this.#send(["EVAL", STORE, "3", ...names, ticket.tenants, ticket.kinds, ticket.head, sealed, String(life)]);
  }

  /** Which run of the server this is, and the generation of all tenants. */
  async #server(): Promise<{ id: Buffer; all: Buffer }> {
    if (this.#run === undefined || performance.now() - this.#run.at > RUN_MS) {
      const info = String(await this.#send(["INFO", "server"]));
      const id = Buffer.from(/^run_id:(\w+)/m.exec(info)?.[1] ?? "");
      this.#run = { at: performance.now(), id, all: await this.#generation(this.#form.generationOfAll()) };
    }
    return this.#run;
  }

  async #generation(name: string): Promise<Buffer> {
    const known = (await this.#send(["GET", name])) as Buffer | null;
    return known ?? ((await this.#send(["EVAL", GENERATION, "1", name, randomBytes(16), String(GENERATION_SECONDS)])) as Buffer);
  }

  async #told(tenant: string, work: () => Promise<void>): Promise<boolean> {
    const done = await this.#tried(async () => {
      await work();
      return true;
    });
    if (done !== true) this.#owed.add(tenant);
    return done === true;
  }

  async #tried<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#run = undefined;
      this.#options.onError?.(error);
      return undefined;
    }
  }

  /** Milliseconds; up to a tenth less than asked, so that not all end at once. */
  #life(ttl: number | undefined, value: Buffer | null): number {
    const seconds = Math.min(ttl ?? this.#options.ttl ?? 300, value === null ? NOTHING_SECONDS_MAX : TTL_SECONDS_MAX);
    return Math.floor(seconds * 1000 * (1 - Math.random() / 10));
  }
}

function checked(kind: string, id: string): string {
  const bytes = Buffer.byteLength(kind);
  if (bytes < 1 || bytes > KIND_BYTES_MAX || Buffer.byteLength(id) > ID_BYTES_MAX) {
    throw new RangeError("tenantry: the kind of a cache entry has 1 to 64 bytes, its id at most 1024.");
  }
  return currentTenant();
}

async function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`tenantry: Redis did not answer within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
