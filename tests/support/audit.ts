// What the API promises of every response, asserted on every response of every test: http.ts passes each through
// `audit`.

import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { keep } from "./bookmarks.ts";
import { COPIES, home } from "./configuration.ts";
import { assertDescribed } from "./described.ts";
import { origin } from "./server.ts";

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body, where there is one. */
  json: any;
  /** What the answer took of D1. */
  cost: { calls: number; rowsRead: number; rowsWritten: number };
  /** The bindings of the databases that were asked, in order. */
  databases: string[];
  /** With read replicas: the copies that have answered, in order. */
  copies: string[];
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
  "x-d1-bookmark",
  "x-request-id",
];
/** What the platform answers with its own `Cache-Control`. */
const FILES =
  /^\/(inbox|webhooks|openapi\.(json|yaml)|llms\.txt|favicon\.ico|\.well-known\/security\.txt|assets\/.*)?(\?|$)/;
const ENVELOPE = ["type", "code", "message", "param", "documentation_url", "request_id"];

/** The databases that have accounts of the tests. Only a health check asks others. */
export const asked = new Set([home.binding]);

/** Fails unless the response is as all must be; otherwise returns it with what the tests' Worker saw. */
export function audit(
  method: string,
  path: string,
  status: number,
  headers: IncomingHttpHeaders,
  text: string,
): Answer {
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
  assert.doesNotMatch(lines[0].line, /self_|whsec_|Bearer/, `a secret in the log: ${what}`);
  const log = JSON.parse(lines[0].line);
  assert.deepEqual([log.request_id, log.status], [requestId, status], what);
  assert.equal(headers["x-test-d1-excess"], "", `beyond the limits of D1: ${what}`);
  const databases = String(headers["x-test-d1-databases"]).split(" ").filter(Boolean);
  if (!/^\/health(\?|$)/.test(path)) {
    const foreign = databases.filter((name) => !asked.has(name));
    assert.deepEqual(foreign, [], `looks for an account in another database: ${what}`);
    // What a request was about is gone with the wasm that trapped.
    const hasTrapped = status === 500 && log.route === null;
    assert.equal(log.database, hasTrapped ? null : (databases.at(-1) ?? null), `the database in the log: ${what}`);
  }
  const bookmark = headers["x-d1-bookmark"];
  if (COPIES === 0) assert.equal(bookmark, undefined, `a bookmark without replicas: ${what}`);
  // Nothing of the database is told to those without a valid token.
  else if (path.startsWith("/v1/") && status < 500)
    assert.equal(bookmark !== undefined, databases.length > 0 && status !== 401 && status !== 429, `bookmark: ${what}`);
  keep(bookmark);
  // Only what has failed is repeated, and only a search that looked at enough rows goes on.
  // A health check asks every database once.
  assert.ok(cost.calls <= 1 || log.d1_calls === cost.calls, `more than one call to D1: ${what}`);
  if (status >= 500) assert.ok(log.cause, `no cause in the log: ${what}`);
  // The caller is told what D1 was seen to do.
  const [, read, written] =
    /^d1;dur=\d+\.\d{3};desc="(\d+) rows read, (\d+) written"$/.exec(String(headers["server-timing"])) ?? [];
  // Nothing tells a token that was revoked from one that never existed.
  if (status === 401 || status === 429) assert.equal(headers["server-timing"], undefined, what);
  else if (status < 500)
    assert.deepEqual([Number(read), Number(written)], [cost.rowsRead, cost.rowsWritten], `Server-Timing: ${what}`);
  assert.equal(headers["x-content-type-options"], "nosniff", what);
  assert.equal(headers["strict-transport-security"], undefined, `it has no meaning over plain HTTP: ${what}`);
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
  const isFile = status < 400 && FILES.test(path);
  if (!isFile && status !== 204 && status !== 304)
    assert.match(String(headers["content-type"]), /^application\/json(; ?charset=utf-8)?$/i, what);
  if (!isFile) {
    const secret =
      status >= 400 ||
      (method !== "OPTIONS" && /^\/v1\/(messages|tokens?|events|webhooks|.*[?&]include=.*last_message)/.test(path));
    assert.equal(headers["cache-control"], secret ? "private, no-store" : "private, no-cache", what);
  }
  // An object comes with its tag, and so does a page of events.
  const page = /^\{"(has_more|data)"/.test(text) && !path.startsWith("/v1/events");
  const tagged = [200, 201, 304].includes(status) && /^\/v1\/\w+([/?]|$)/.test(path) && !page;
  if (tagged && method !== "HEAD") assert.match(String(headers.etag), /^"[\w.-]+"$/, `no tag: ${what}`);
  let json: any;
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
      if (json.code === "scope_insufficient") assert.ok(headers["www-authenticate"], what);
    }
  } else if (!bodiless) {
    assert.ok(status < 400, `an error without the error object: ${what}`);
  }
  const limited = JSON.parse(String(headers["x-test-limited"]));
  const copies = String(headers["x-test-d1-copies"]).split(" ").filter(Boolean);
  return { status, headers, text, json, cost, databases, copies, log, limited };
}
