// One Worker with one empty database for each test file: importing this module starts both in workerd, through
// wrangler's own harness and from wrangler.toml, and stops them after the file's last test. The Worker must have been
// built. Tests don't share accounts, so none has to clean up after itself.
//
// Every answer any test gets passes `audit()`: what the API promises of all its answers is asserted on all of them.

import assert from "node:assert/strict";
import { createHash, randomInt } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { Conversations, type NewMessage, type Options } from "../clients/typescript/src/index.ts";
import { assertAcceptable, assertDescribed } from "./description.ts";
import "./quiet.ts";

const { createTestHarness, experimental_readRawConfig } = await import("wrangler");

const root = fileURLToPath(new URL("..", import.meta.url));
const { rawConfig } = experimental_readRawConfig({ config: join(root, "wrangler.toml") });
/** Requests a minute: more than any test makes, but for those which are about limits. */
const limited = { limit: Number(process.env.TEST_LIMIT ?? 1_000_000), period: 60 as const };
const ratelimits = rawConfig.ratelimits?.map((limit: object) => ({ ...limit, simple: limited }));
const vars = { ...rawConfig.vars, LIMITS: { token: limited, address: limited } };
const server = createTestHarness({
  root,
  workers: [{ config: { ...rawConfig, ratelimits, vars, main: "tests/workers/observed.js", build: {} } }],
});
after(() => server.close());

const { url } = await server.listen();
await server.getWorker().applyD1Migrations("DB");

/** Where the Worker listens, as a caller names it. */
export const origin = url.origin;

// ------------------------------------------------------------------------------------------------------ the database

export type Row = Record<string, string | number | null>;

/** Runs one statement on the Worker's own database, past the Worker. */
export async function sql(text: string, ...params: (string | number | null)[]): Promise<Row[]> {
  const body = JSON.stringify({ sql: text, params });
  const response = await fetch(origin, { method: "POST", headers: { "x-test-sql": "1" }, body });
  const answer = (await response.json()) as { results: Row[] } | { error: string };
  if ("error" in answer) throw new Error(answer.error);
  return answer.results;
}

/** A gate at which the calls to D1 of requests with its headers wait, before they do anything or after they did. */
export function gate(when: "before" | "after" = "before") {
  const name = randomId();
  const control = async (header: string) => void (await fetch(origin, { headers: { [header]: name } }));
  return {
    headers: { [when === "before" ? "x-test-gate" : "x-test-gate-after"]: name },
    /** Until a call waits there. */
    reached: () => control("x-test-reached"),
    open: () => control("x-test-open"),
  };
}

// -------------------------------------------------------------------------------------------------------- the answers

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** The body, where there is one. */
  json: any;
  /** What the answer took of D1. */
  cost: { calls: number; rowsRead: number; rowsWritten: number };
  /** The line that the log got. */
  log: any;
  /** The limiters that were asked, by the name of their binding, and for which key. */
  limited: [limiter: string, key: string][];
}

const EXPOSED = [
  "allow",
  "etag",
  "idempotent-replayed",
  "link",
  "location",
  "ratelimit-policy",
  "retry-after",
  "server-timing",
  "www-authenticate",
  "x-request-id",
];
const ENVELOPE = ["type", "code", "message", "param", "documentation_url", "request_id"];

function audit(method: string, path: string, status: number, headers: http.IncomingHttpHeaders, text: string): Answer {
  const what = `${method} ${path.slice(0, 200)} answered ${status} ${JSON.stringify(headers)} ${text.slice(0, 1000)}`;
  const number = (name: string): number => {
    assert.ok(headers[name] !== undefined, `not from the Worker: ${what}`);
    return Number(headers[name]);
  };
  const cost = {
    calls: number("x-test-d1-calls"),
    rowsRead: number("x-test-d1-rows-read"),
    rowsWritten: number("x-test-d1-rows-written"),
  };
  const requestId = headers["x-request-id"];
  assert.match(String(requestId), /^[\w-]{8,64}$/, `no X-Request-Id: ${what}`);
  const lines = JSON.parse(decodeURIComponent(String(headers["x-test-log"])));
  assert.equal(lines.length, 1, `not one line in the log: ${what}`);
  assert.equal(lines[0].stream, status < 500 ? "log" : "error", what);
  assert.doesNotMatch(lines[0].line, /self_|Bearer/, `a secret in the log: ${what}`);
  const log = JSON.parse(lines[0].line);
  assert.deepEqual([log.request_id, log.status], [requestId, status], what);
  // Only what has failed is repeated.
  assert.ok(cost.calls <= 1 || log.d1_calls === cost.calls, `more than one call to D1: ${what}`);
  if (status >= 500) assert.ok(log.cause, `no cause in the log: ${what}`);
  // The caller is told what D1 was seen to do.
  const [, read, written] =
    /^d1;dur=\d+\.\d{3};desc="(\d+) rows read, (\d+) written"$/.exec(String(headers["server-timing"])) ?? [];
  if (status < 500)
    assert.deepEqual([Number(read), Number(written)], [cost.rowsRead, cost.rowsWritten], `Server-Timing: ${what}`);
  assert.equal(headers["access-control-allow-origin"], "*", what);
  assert.equal(headers["access-control-allow-credentials"], undefined, what);
  if (headers["access-control-allow-methods"] === undefined) {
    const exposed = (headers["access-control-expose-headers"] ?? "").toString().toLowerCase().split(/, */);
    assert.deepEqual(
      EXPOSED.filter((name) => !exposed.includes(name)),
      [],
      `not exposed: ${what}`,
    );
  }

  assertDescribed(method, path, status, headers, text);
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  if (bodiless) assert.equal(text, "", `a body where none belongs: ${what}`);
  if (status !== 204 && path !== "/openapi.json" && !headers["content-type"]?.startsWith("text/html")) {
    if (status !== 304) assert.match(String(headers["content-type"]), /^application\/json(; ?charset=utf-8)?$/i, what);
    const secret = status === 201 && path.startsWith("/v1/tokens");
    assert.equal(headers["cache-control"], secret ? "no-store" : "private, no-cache", what);
  }
  // An object comes with its tag, and only an object.
  const tagged = [200, 201, 304].includes(status) && /^\/v1\/\w+(\/|$)/.test(path) && !/"has_more"/.test(text);
  if (tagged && method !== "HEAD") assert.match(String(headers.etag), /^"[\w-]+"$/, `no tag: ${what}`);
  let json;
  if (!bodiless && headers["content-type"]?.startsWith("application/json")) {
    json = JSON.parse(text);
    if (status >= 400) {
      assert.deepEqual(Object.keys(json), ENVELOPE, `not the error object: ${what}`);
      assert.equal(json.type, status < 500 ? "invalid_request" : "api_error", what);
      assert.match(json.code, /^[a-z_]+$/, what);
      assert.ok(json.message.length > 10 && json.message.length < 500, `hardly a message: ${what}`);
      assert.ok(json.param === null || (typeof json.param === "string" && [...json.param].length <= 64), what);
      assert.equal(json.documentation_url, `${origin}/#${json.code}`, what);
      assert.equal(json.request_id, requestId, what);
    }
  } else if (!bodiless) {
    assert.ok(status < 400, `an error without the error object: ${what}`);
  }
  const limited = JSON.parse(String(headers["x-test-limited"]));
  return { status, headers, text, json, cost, log, limited };
}

// ------------------------------------------------------------------------------------------------------- the requests

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
after(() => agent.destroy());

export type Headers = Record<string, string | string[] | undefined>;

/** One request, exactly as given: no header but the ones named (and Host), the path not touched. */
export function send(method: string, path: string, headers: Headers = {}, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
    const request = http.request(
      { agent, host: url.hostname, port: url.port, method, path, headers: { ...length, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          try {
            assertAcceptable(method, path, headers, body?.toString(), response.statusCode ?? 0);
            resolve(audit(method, path, response.statusCode ?? 0, response.headers, text));
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** What no client library would send, byte for byte over a socket. Say `Connection: close` in it. */
export function raw(bytes: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", (error) => (chunks.length === 0 ? reject(error) : socket.destroy()));
    socket.on("close", () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf("\r\n\r\n");
      const [status = "", ...lines] = answer.subarray(0, end).toString().split("\r\n");
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      const body = answer.subarray(end + 4);
      const text = (headers["transfer-encoding"] === "chunked" ? unchunk(body) : body).toString();
      const [method = "", path = ""] = bytes.toString().split(" ", 2);
      try {
        resolve(audit(method, path, Number(status.split(" ")[1]), headers, text));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function unchunk(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const line = body.indexOf("\r\n", at);
    const size = parseInt(body.subarray(at, line).toString(), 16);
    if (!(size > 0)) break;
    parts.push(body.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

export const FORM = "application/x-www-form-urlencoded";
export const JSON_TYPE = "application/json";

/** The API as the holder of a token uses it. A string is sent as a form, anything else as JSON. */
export function api(token: string) {
  const call =
    (method: string) =>
    (path: string, attributes?: unknown, headers: Headers = {}) => {
      const authorized = { Authorization: `Bearer ${token}`, ...headers };
      if (attributes === undefined) return send(method, path, authorized);
      return typeof attributes === "string"
        ? send(method, path, { "Content-Type": FORM, ...authorized }, attributes)
        : send(method, path, { "Content-Type": JSON_TYPE, ...authorized }, JSON.stringify(attributes));
    };
  return {
    token,
    get: call("GET"),
    head: call("HEAD"),
    post: call("POST"),
    put: call("PUT"),
    patch: call("PATCH"),
    delete: call("DELETE"),
    /** For bodies that aren't right, or not of the type they are said to be. */
    send: (method: string, path: string, headers: Headers = {}, body?: string | Buffer) =>
      send(method, path, { Authorization: `Bearer ${token}`, ...headers }, body),
  };
}

/** A fetch for the API's client that audits every answer as all others are. The headers are added to what is sent. */
export const audited =
  (added: Headers = {}): NonNullable<Options["fetch"]> =>
  async (url, { method = "GET", headers, body }) => {
    const sent = { ...Object.fromEntries(new globalThis.Headers(headers)), ...added };
    const answer = await send(method, url.slice(origin.length), sent, (body ?? undefined) as string | undefined);
    const response = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string]);
    return new Response(answer.text === "" ? null : answer.text, { status: answer.status, headers: response });
  };

// ----------------------------------------------------------------------------------------------- accounts and tokens

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export const READ = 1;
export const WRITE = 2;
export const MESSAGES_READ = 4;
export const MESSAGES_WRITE = 8;
export const TOKENS = 16;
export const ALL = READ | WRITE | MESSAGES_READ | MESSAGES_WRITE | TOKENS;

/** An id of no time at all: sixteen random characters. */
export const randomId = (): string => base62(16);

function base62(length: number): string {
  return Array.from({ length }, () => BASE62[randomInt(62)]).join("");
}

/** A token as the operator's command makes them, known to no database yet. */
export function newToken(): string {
  const secret = base62(30);
  let checksum = "";
  for (let rest = crc32(secret), i = 0; i < 6; i += 1, rest = Math.floor(rest / 62))
    checksum = BASE62[rest % 62] + checksum;
  return `self_${secret}${checksum}`;
}

export const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");

/** A new token that opens the account. */
export async function grant(
  account: number,
  { scopes = ALL, expires_at = null as number | null, revoked_at = null as number | null } = {},
): Promise<string> {
  const token = newToken();
  await sql(
    `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at, revoked_at)
     VALUES (?, ?, ?, 'test', ?, 0, ?, ?)`,
    hashOf(token),
    randomId(),
    account,
    scopes,
    expires_at,
    revoked_at,
  );
  return token;
}

let accounts = 0;

/** A new account, a token that opens it, and the API in its holder's hands. */
export async function account(scopes = ALL) {
  accounts += 1;
  const [row] = await sql("INSERT INTO accounts (name, created_at) VALUES (?, 0) RETURNING id", `account ${accounts}`);
  const id = Number(row?.id);
  const caller = api(await grant(id, { scopes }));
  const client = new Conversations({ token: caller.token, baseUrl: origin, fetch: audited(), retries: 0 });
  return {
    id,
    ...caller,

    /** Stores a conversation past the API, with whatever columns matter, and returns its id. */
    async insert(columns: Row = {}): Promise<string> {
      const values = { account_id: id, id: randomId(), contact_id: "someone", created_at: 692233200, ...columns };
      await insert("conversations", values);
      return String(values.id);
    },

    /** Stores a message of one of the account's conversations, and returns its id. */
    async insertMessage(conversation: string, columns: Row = {}): Promise<string> {
      const values = {
        account_id: id,
        conversation_id: conversation,
        id: randomId(),
        message: "Hello",
        created_at: 0,
        ...columns,
      };
      await insert("messages", values);
      return String(values.id);
    },

    /** The API's client, for what a test needs but is not about. */
    client,

    /** Sends a message through the API, which must take it, and returns it. */
    say: (conversation: string, attributes: Partial<NewMessage> = {}) =>
      client.messages.create({ conversation_id: conversation, message: "Hello", ...attributes }),

    /** All the account holds, to be compared with what it held before. */
    async contents(): Promise<{ conversations: Row[]; messages: Row[] }> {
      const [conversations = [], messages = []] = await Promise.all([
        sql("SELECT * FROM conversations WHERE account_id = ? ORDER BY id", id),
        sql("SELECT * FROM messages WHERE account_id = ? ORDER BY conversation_id, id", id),
      ]);
      return { conversations, messages };
    },

    /** And its tokens, and what it has been answered. */
    async everything(): Promise<Record<string, Row[]>> {
      const [contents, tokens = [], keys = []] = await Promise.all([
        this.contents(),
        sql("SELECT * FROM tokens WHERE account_id = ? ORDER BY id", id),
        sql("SELECT * FROM idempotency_keys WHERE account_id = ? ORDER BY key", id),
      ]);
      return { ...contents, tokens, keys };
    },
  };
}
export type Account = Awaited<ReturnType<typeof account>>;

/** Stores a row of any table. */
export async function insert(table: string, row: Row): Promise<void> {
  const names = Object.keys(row);
  await sql(
    `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
    ...Object.values(row),
  );
}

// ------------------------------------------------------------------------------------------------------ expectations

/** The ten fields, in the order of the reference. */
export const FIELDS = [
  "id",
  "contact_id",
  "group_id",
  "pinned_message_id",
  "is_pinned",
  "is_muted",
  "last_active_at",
  "last_opened_at",
  "created_at",
  "archived_at",
];

/** Those of a message, in the order of the documentation. */
export const MESSAGE_FIELDS = ["id", "conversation_id", "contact_id", "message", "read_at", "created_at", "updated_at"];

/** Those of a token. */
export const TOKEN_FIELDS = ["id", "name", "scopes", "created_at", "expires_at", "revoked_at"];

export const COLLECTION = "/v1/conversations";
export const item = (id: string): string => `${COLLECTION}/${id}`;
export const MESSAGES = "/v1/messages";
export const messageItem = (id: string): string => `${MESSAGES}/${id}`;
export const TOKEN_COLLECTION = "/v1/tokens";
export const tokenItem = (id: string): string => `${TOKEN_COLLECTION}/${id}`;
export const rotation = (id: string): string => `${tokenItem(id)}/rotate`;

export const keyed = (key: string): Headers => ({ "Idempotency-Key": key });
/** The condition that an object is still what an answer showed, and that it isn't. */
export const ifMatch = ({ headers }: Answer): Headers => ({ "If-Match": headers.etag });
export const ifNoneMatch = ({ headers }: Answer): Headers => ({ "If-None-Match": headers.etag });

/** An id that names nothing. */
export const NO_ID = "NoSuchConversat0";

export function assertError(answer: Answer, status: number, code: string, param: string | null = null): void {
  assert.deepEqual(
    { status: answer.status, code: answer.json?.code, param: answer.json?.param },
    { status, code, param },
    `${answer.status} ${answer.text}`,
  );
}

const assertObject =
  (fields: string[]) =>
  (json: unknown, expected: Record<string, unknown>): void => {
    assert.deepEqual(Object.keys(json as object), fields);
    assert.deepEqual(json, { ...(json as object), ...expected });
  };
export const assertConversation = assertObject(FIELDS);
export const assertMessage = assertObject(MESSAGE_FIELDS);
export const assertToken = assertObject(TOKEN_FIELDS);
/** The one answer that shows it. */
export const assertNewToken = assertObject([...TOKEN_FIELDS, "token"]);

/** The ids of a page, in its order. */
export function idsOf(answer: Answer): string[] {
  assert.equal(answer.status, 200, answer.text);
  return answer.json.data.map((object: { id: string }) => object.id);
}

/** The position of an id in order of activity, as the Link header has it: opaque to callers, known here. */
export const position = (id: string, lastActiveAt: number | null): string =>
  String(lastActiveAt === null ? 0 : lastActiveAt + 1).padStart(12, "0") + id;

/** The targets of a Link header by their relation: path and query, the origin having been asserted. */
export function links(answer: Answer): { next?: string; prev?: string } {
  const header = String(answer.headers.link ?? "");
  const found: Record<string, string> = {};
  for (const [, target = "", rel = ""] of header.matchAll(/<([^>]*)>; *rel="([^"]*)"/g)) {
    assert.ok(target.startsWith(`${origin}/`), `not an absolute URL of this origin: ${target}`);
    found[rel] = target.slice(origin.length);
  }
  return found;
}
