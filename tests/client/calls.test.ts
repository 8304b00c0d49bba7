// The calls of the client, with scripted responses: what they return, their options, their errors and the debug log.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import * as library from "../../clients/typescript/src/index.ts";
import {
  Call,
  type ClientOptions,
  ConversationsClient,
  ConversationsError,
  List,
  NetworkError,
  NotFoundError,
  ServerError,
  TimeoutError,
} from "../../clients/typescript/src/index.ts";
import { description } from "../support/openapi.ts";

const TOKEN = `self_${"0".repeat(36)}`;

type Step = (init: RequestInit) => Response | Promise<Response>;

/** A response of the API. */
const respond =
  (status: number, body: object | null = {}, headers: Record<string, string> = {}): Step =>
  () =>
    new Response(body && JSON.stringify(body), { status, headers: { "x-request-id": `request${status}`, ...headers } });
const refuse = (status: number, code = "resource_missing") => respond(status, { code, message: "No.", param: null });
const UNREACHED: Step = () => {
  throw new TypeError("no such host");
};
/** Never responds. Rejects when its signal is aborted. */
const NEVER: Step = ({ signal }) =>
  new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
const EMPTY_PAGE = { has_more: false, data: [] };

/** A client that gets these responses. `sent` has its requests. */
function connect(steps: Step[], options: Partial<ClientOptions> = {}) {
  const sent: { url: string; method: string; headers: globalThis.Headers; body: unknown }[] = [];
  const client = new ConversationsClient({
    token: TOKEN,
    baseUrl: "https://api.example/",
    fetch: async (url, init) => {
      const { method = "", headers, body = null } = init;
      sent.push({ url, method, headers: new Headers(headers), body: body && JSON.parse(String(body)) });
      const step = steps[sent.length - 1];
      assert.ok(step !== undefined, "one request too many");
      return step(init);
    },
    wait: async () => {},
    ...options,
  });
  return { client, sent };
}

/** The error of a call. */
const errorOf = (call: Promise<unknown>): Promise<any> =>
  call.then(
    () => assert.fail("no error"),
    (error) => error,
  );

// ---------------------------------------------------------------------------------------------------------- responses

test("withResponse returns the result with the status, the headers and the request id of its response", async () => {
  const conversation = { id: "1" };
  const page = { has_more: true, data: [conversation] };
  const link = { Link: '<https://api.example/v1/conversations?starting_after=1>; rel="next"' };
  const { client } = connect([
    respond(201, conversation, { "X-Extra": "7" }),
    UNREACHED,
    respond(200, page, link),
    respond(200, EMPTY_PAGE),
    respond(204, null),
    respond(304, null),
    respond(200, EMPTY_PAGE, { Link: '<https://api.example/v1/events?starting_after=9>; rel="next"' }),
  ]);
  const { headers, ...created } = await client.conversations.create({ contact_id: "bob" }).withResponse();
  assert.deepEqual(created, { data: conversation, status: 201, requestId: "request201", attempts: 1 });
  assert.equal(headers.get("x-extra"), "7");
  const listed = await client.conversations.list().withResponse();
  assert.deepEqual([listed.data.data, listed.status, listed.attempts], [[conversation], 200, 2]);
  assert.equal((await listed.data.next!().withResponse()).requestId, "request200");
  const deleted = await client.conversations.delete("1").withResponse();
  assert.deepEqual([deleted.data, deleted.status], [undefined, 204]);
  const unchanged = await client.conversations.retrieve("1", { ifNoneMatch: '"1"' }).withResponse();
  assert.deepEqual([unchanged.data, unchanged.status], [null, 304]);
  assert.equal((await client.events.list().withResponse()).data.position, "9");
});

test("withResponse of a delete whose first response was lost has the last response", async () => {
  const { client } = connect([UNREACHED, refuse(404)]);
  const { data, status, attempts, requestId } = await client.conversations.delete("1").withResponse();
  assert.deepEqual([data, status, attempts, requestId], [undefined, 404, 2, "request404"]);
});

test("withResponse rejects with the error of the call, and the call does not reject a second time", async (t) => {
  const unhandled = t.mock.fn();
  process.on("unhandledRejection", unhandled);
  t.after(() => process.off("unhandledRejection", unhandled));
  const { client } = connect([refuse(404), refuse(404)]);
  assert.ok((await errorOf(client.conversations.retrieve("1").withResponse())) instanceof NotFoundError);
  assert.ok((await errorOf(client.conversations.list().withResponse())) instanceof NotFoundError);
  await new Promise(setImmediate);
  assert.equal(unhandled.mock.callCount(), 0);
});

test("a call is sent at once and one time, whatever is done with it", async () => {
  const { client, sent } = connect([respond(201, { id: "1" })]);
  const call = client.conversations.create({ contact_id: "bob" });
  assert.ok(call instanceof Call);
  const ended: string[] = [];
  assert.deepEqual(await call.finally(() => void ended.push("finally")), { id: "1" });
  assert.deepEqual(await call.catch(() => ended.push("catch")), { id: "1" });
  assert.deepEqual(await Promise.all([call, call]), [{ id: "1" }, { id: "1" }]);
  assert.deepEqual([sent.length, ended], [1, ["finally"]]);
});

test("a list is a call: then, catch and finally get its first page", async () => {
  const { client, sent } = connect([respond(200, EMPTY_PAGE), refuse(404)]);
  const list = client.conversations.list();
  assert.ok(list instanceof List && list instanceof Call);
  assert.equal(await list.then(({ data }) => data.length), 0);
  assert.equal(await list.finally(() => {}), await list);
  assert.equal(await client.messages.list().catch(({ status }) => status), 404);
  assert.equal(sent.length, 2);
});

test("include is one parameter with commas, and an empty one is not sent", async () => {
  const { client, sent } = connect(Array(5).fill(respond(200, EMPTY_PAGE)));
  await client.conversations.list({ include: ["last_message", "total_count"], order: "asc", since: 5, until: 9 });
  await client.conversations.list({ include: [] });
  await client.messages.list({ include: ["total_count"] });
  await client.conversations.retrieve("1", { include: ["last_message"] });
  await client.conversations.retrieve("1");
  assert.deepEqual(
    sent.map(({ url }) => decodeURIComponent(url.slice("https://api.example/v1/".length))),
    [
      "conversations?include=last_message,total_count&order=asc&since=5&until=9",
      "conversations",
      "messages?include=total_count",
      "conversations/1?include=last_message",
      "conversations/1",
    ],
  );
});

test("updateMany is one PATCH with the ids and the changes, which is retried", async () => {
  const updated = { data: [{ id: "2" }], missing: ["1"] };
  const { client, sent } = connect([UNREACHED, respond(200, updated), respond(204, null)]);
  assert.deepEqual(await client.conversations.updateMany(["1", "2"], { is_muted: true }), updated);
  assert.equal(await client.conversations.updateMany(["1"], { archived_at: null }), null);
  assert.deepEqual(
    sent.map(({ method, url, body }) => [method, url, body]),
    [
      ...Array(2).fill(["PATCH", "https://api.example/v1/conversations", { ids: ["1", "2"], is_muted: true }]),
      ["PATCH", "https://api.example/v1/conversations", { ids: ["1"], archived_at: null }],
    ],
  );
});

test("token.retrieve returns the token of the client", async () => {
  const { client, sent } = connect([respond(200, { id: "1", account: "web-shop" })]);
  assert.equal((await client.token.retrieve()).account, "web-shop");
  assert.deepEqual([sent[0]!.method, sent[0]!.url], ["GET", "https://api.example/v1/token"]);
});

// ------------------------------------------------------------------------------------------------------------- options

test("retries, timeout and headers of a call replace those of the client, for this call only", async () => {
  const { client, sent } = connect([UNREACHED, UNREACHED, respond(200), NEVER, UNREACHED], { retries: 0 });
  const headers = { "X-Trace": "7", "content-type": "application/json; charset=utf-8" };
  await client.conversations.update("1", {}, { retries: 2, headers });
  for (const request of sent) {
    assert.equal(request.headers.get("x-trace"), "7");
    assert.equal(request.headers.get("content-type"), headers["content-type"]);
    assert.equal(request.headers.get("authorization"), `Bearer ${TOKEN}`);
  }
  const { attempts, cause } = await errorOf(client.conversations.retrieve("1", { timeout: 1 }));
  assert.deepEqual([attempts, cause.message], [1, "No response within 1 ms."]);
  assert.equal((await errorOf(client.conversations.retrieve("1"))).attempts, 1);
  assert.deepEqual([sent.length, sent[4]!.headers.get("x-trace")], [5, null]);
});

test("an option that is undefined is the client's", async () => {
  const { client, sent } = connect([UNREACHED, respond(200)], { retries: 1 });
  const options = { retries: undefined, timeout: undefined, headers: undefined, signal: undefined };
  await client.conversations.retrieve("1", options);
  assert.equal(sent.length, 2);
});

test("the options of a list are those of all its pages, and each page can replace them", async () => {
  const link = { Link: '<https://api.example/v1/messages?starting_after=1>; rel="next"' };
  const page = respond(200, { has_more: true, data: [{ id: "1" }] }, link);
  const { client, sent } = connect([page, page, respond(200, EMPTY_PAGE)]);
  const first = await client.messages.list({}, { headers: { "X-Trace": "7" } });
  const second = await first.next!();
  await second.next!({ headers: { "X-Trace": "8" } });
  assert.deepEqual(
    sent.map(({ headers }) => headers.get("x-trace")),
    ["7", "7", "8"],
  );
});

test("a stream and a copy send the headers of the call with each of their requests", async () => {
  const link = { Link: '<https://api.example/v1/events?starting_after=9>; rel="next"' };
  const stream = () =>
    new Response('id: 10\ndata: {"id":"10"}\n\n', { headers: { "Content-Type": "text/event-stream" } });
  const { client, sent } = connect([
    respond(200, EMPTY_PAGE, link),
    stream,
    ...Array(2).fill(respond(200, EMPTY_PAGE)),
    respond(200, EMPTY_PAGE, link),
    stream,
  ]);
  const headers = { "X-Trace": "7" };
  for await (const { id } of client.events.stream({ headers })) {
    assert.equal(id, "10");
    break;
  }
  const onChange = () => assert.fail("enough");
  await errorOf(client.events.copy({ headers, onReset: () => {}, onChange }));
  assert.equal(sent.length, 6);
  assert.ok(sent.every(({ headers }) => headers.get("x-trace") === "7"));
  assert.equal(sent[5]!.headers.get("last-event-id"), "9");
});

// ------------------------------------------------------------------------------------------------------------- errors

/** The statuses of the errors that openapi.yaml describes. */
const statuses = [
  ...new Set(
    Object.values<Record<string, any>>(description.paths).flatMap((path) =>
      Object.values(path).flatMap(({ responses = {} }) => Object.keys(responses).map(Number)),
    ),
  ),
].filter((status) => status >= 400);

test("every status of an error in openapi.yaml has a class, which the README lists", async () => {
  assert.ok(statuses.includes(429) && statuses.includes(503) && statuses.length > 10, String(statuses));
  const names = new Map<number, string>();
  for (const status of statuses) {
    const { client } = connect([refuse(status)], { retries: 0 });
    const error = await errorOf(client.conversations.retrieve("1"));
    assert.ok(error instanceof ConversationsError);
    assert.notEqual(error.constructor, ConversationsError, String(status));
    assert.ok(Object.entries(library).some(([name, value]) => name === error.name && value === error.constructor));
    assert.match(error.stack!, new RegExp(`^${error.name}: No\\.`));
    names.set(Math.min(status, 500), error.name);
  }
  assert.equal(new Set(names.values()).size, names.size);
  const readme = readFileSync(new URL("../../clients/typescript/README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| (\d{3}).* \| `(\w+)` \|$/gm)];
  assert.deepEqual(
    rows.map(([, status, name]) => [Number(status), name]),
    [...names].sort(([one], [other]) => one - other),
  );
  assert.deepEqual(
    [names.get(404), names.get(429), names.get(500)],
    ["NotFoundError", "RateLimitError", "ServerError"],
  );
});

test("a status that the API never sends is the general error, or the one of a server", async () => {
  const { client } = connect([refuse(418), refuse(599)]);
  assert.equal((await errorOf(client.conversations.retrieve("1"))).constructor, ConversationsError);
  assert.equal((await errorOf(client.conversations.retrieve("1"))).constructor, ServerError);
});

test("a timeout is a TimeoutError, which is a NetworkError; an unreachable server is only that", async () => {
  const { client } = connect([NEVER, UNREACHED], { retries: 0, timeout: 1 });
  const timeout = await errorOf(client.conversations.retrieve("1"));
  assert.ok(timeout instanceof TimeoutError && timeout instanceof NetworkError);
  assert.equal(String(timeout), "TimeoutError: Can't reach the server: No response within 1 ms.");
  assert.equal((await errorOf(client.conversations.retrieve("1"))).constructor, NetworkError);
});

// ---------------------------------------------------------------------------------------------------------- debug log

test("the logger gets a line for each response, failure and retry, without secrets", async (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  t.mock.method(Math, "random", () => 1);
  const lines: string[] = [];
  const logger = { debug: (line: string) => void lines.push(line) };
  const { client } = connect([UNREACHED, refuse(503, "database_unavailable"), respond(201, { token: TOKEN })], {
    logger,
    baseUrl: "https://api.example/base",
  });
  await client.tokens.create({ name: "secret name", scopes: "messages:read" });
  const post = "POST /v1/tokens";
  assert.deepEqual(lines, [
    `${post}: no response after 0 ms, no such host`,
    `${post}: attempt 2 in 500 ms`,
    `${post}: 503 after 0 ms, request id request503`,
    `${post}: attempt 3 in 1000 ms`,
    `${post}: 201 after 0 ms, request id request201`,
  ]);
});

test("the console is a logger, and the query of a request is in its line", async (t) => {
  const debug = t.mock.method(console, "debug", () => {});
  const { client } = connect([respond(200, EMPTY_PAGE)], { logger: console });
  await client.conversations.list({ limit: 1 });
  assert.match(
    String(debug.mock.calls[0]!.arguments[0]),
    /^GET \/v1\/conversations\?limit=1: 200 after \d+ ms, request id request200$/,
  );
});

test("a stream is in the debug log, with why it is opened again", async (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  t.mock.method(Math, "random", () => 0);
  const lines: string[] = [];
  const logger = { debug: (line: string) => void lines.push(line) };
  const empty = () => new Response("", { headers: { "Content-Type": "text/event-stream" } });
  const { client } = connect([empty, UNREACHED, refuse(401, "token_invalid")], { logger });
  await errorOf(client.events.stream({ after: "9" }).next());
  assert.deepEqual(lines, [
    "GET /v1/events: 200 after 0 ms, request id none",
    "The stream ended: next attempt in 1000 ms",
    "GET /v1/events: no response after 0 ms, no such host",
    "Can't reach the server: no such host: next attempt in 1000 ms",
    "GET /v1/events: 401 after 0 ms, request id request401",
  ]);
});
