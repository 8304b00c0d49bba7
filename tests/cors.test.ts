// CORS: pages of any origin may call the API with a token, without credentials, and read every response and its
// headers. That every response allows any origin and exposes its headers is asserted in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { assertError } from "./support/expectations.ts";
import { send } from "./support/http.ts";
import { description, methodsOf, resolved, type Schema } from "./support/openapi.ts";
import { OPERATIONS } from "./support/operations.ts";
import { COLLECTION, item, MESSAGES, NO_ID } from "./support/paths.ts";
import { REQUESTS, send as sendRequest, world } from "./support/requests.ts";

const ORIGIN = { Origin: "https://app.example" };
const words = (header: unknown): string[] =>
  String(header)
    .split(/, */)
    .map((word) => word.toLowerCase());

/** The paths of the description, with an id that no object has. */
const PATHS = Object.keys(description.paths).map((path) => ({ path, target: path.replace("{id}", NO_ID) }));
/** The headers that all operations of a path take. */
const ALWAYS = Object.values(description.paths as Record<string, Schema>)
  .flatMap(({ parameters = [] }) => parameters.map(resolved))
  .filter((parameter: Schema) => parameter.in === "header")
  .map(({ name }: Schema) => name);

test("a preflight allows every method and header that the API takes, on any path", async () => {
  for (const target of [...PATHS.map((each) => each.target), "/v1/nothing", "/"]) {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
      const { status, headers, cost } = await send("OPTIONS", target, {
        ...ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
      });
      assert.equal(status, 204, `${method} ${target}`);
      assert.equal(headers["access-control-allow-origin"], "*");
      assert.deepEqual(words(headers["access-control-allow-methods"]), [
        "get",
        "head",
        "post",
        "put",
        "patch",
        "delete",
      ]);
      const allowed = words(headers["access-control-allow-headers"]);
      const taken = [
        "Authorization",
        "Content-Type",
        ...ALWAYS,
        ...OPERATIONS.flatMap((operation) => operation.headers),
      ];
      assert.deepEqual(allowed, [...new Set(taken.map((name) => name.toLowerCase()))].sort());
      assert.equal(headers["access-control-max-age"], "86400");
      assert.equal(cost.calls, 0);
    }
  }
});

test("a preflight allows whatever harmless headers it asks for, beside those that the API takes", async () => {
  const tools = ["baggage", "sentry-trace", "traceparent", "tracestate", "x-request-id", "x-datadog-trace-id", "b3"];
  const preflight = async (asked?: string) => {
    const { status, headers, cost } = await send("OPTIONS", COLLECTION, {
      ...ORIGIN,
      "Access-Control-Request-Method": "GET",
      ...(asked !== undefined && { "Access-Control-Request-Headers": asked }),
    });
    assert.deepEqual([status, headers.vary, cost.calls], [204, "Access-Control-Request-Headers", 0]);
    return words(headers["access-control-allow-headers"]);
  };
  const own = await preflight();
  assert.deepEqual(await preflight(["authorization", ...tools].join(",")), [...own, ...tools]);
  assert.deepEqual(await preflight(tools.join(", ").toUpperCase()), [...own, ...tools]);
  assert.deepEqual(await preflight("*,cookie,sec-fetch-mode,cf-connecting-ip,a b,x-a"), [...own, "x-a"]);
  const many = Array.from({ length: 200 }, (_, n) => `x-${n}`);
  assert.deepEqual(await preflight(many.join()), [...own, ...many.slice(0, 64)]);
});

test("headers of tools change no request", async () => {
  const tools = {
    ...ORIGIN,
    baggage: "sentry-environment=production,sentry-release=1",
    "sentry-trace": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "vendor=1",
    "X-Requested-With": "XMLHttpRequest",
  };
  for (const request of REQUESTS) {
    const [plain, traced] = [
      await sendRequest(await world(), request),
      await sendRequest(await world(), request, tools),
    ];
    assert.deepEqual([traced.status, traced.cost], [plain.status, plain.cost], request.name);
    assert.deepEqual(Object.keys(traced.json ?? {}), Object.keys(plain.json ?? {}), request.name);
  }
});

test("OPTIONS without a preflight's header answers with the methods of the path", async () => {
  for (const { path, target } of PATHS) {
    const { status, headers } = await send("OPTIONS", target);
    const allowed = methodsOf(path).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    assert.deepEqual([status, headers.allow], [204, [...allowed, "OPTIONS"].join(", ")], path);
  }
  assertError(await send("OPTIONS", "/v1/nothing"), 404, "path_unknown");
});

test("a page of any origin may read responses and their headers, of successes and errors alike", async () => {
  const alice = await account();
  const id = await alice.insert();
  const answers = [
    await alice.post(MESSAGES, `conversation_id=${id}&message=Hello`, ORIGIN),
    await alice.get(MESSAGES, undefined, ORIGIN),
    await alice.post(COLLECTION, "contact_id=bob", ORIGIN),
    await alice.get(COLLECTION, undefined, ORIGIN),
    await alice.get(item(NO_ID), undefined, ORIGIN),
    await send("GET", COLLECTION, ORIGIN),
    await alice.delete(COLLECTION, undefined, ORIGIN),
    await alice.get("/v1/nothing", undefined, ORIGIN),
    await alice.get(COLLECTION, undefined, { ...ORIGIN, "x-test-d1-failure": "D1_ERROR: x" }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 200, 201, 200, 404, 401, 405, 404, 503],
  );
  for (const { headers } of answers) {
    assert.equal(headers["access-control-allow-origin"], "*");
    const exposed = words(headers["access-control-expose-headers"]);
    for (const name of ["link", "location", "x-request-id", "www-authenticate", "allow"])
      assert.ok(exposed.includes(name), name);
  }
});

test("there are no cookies and no credentials, and every origin gets the same response", async () => {
  const alice = await account();
  await alice.insert();
  const [without, from] = [
    await alice.get(COLLECTION),
    await alice.get(COLLECTION, undefined, { Origin: "null", Cookie: "a=b" }),
  ];
  assert.equal(without.text, from.text);
  for (const { headers } of [without, from]) {
    assert.equal(headers["access-control-allow-credentials"], undefined);
    assert.equal(headers["set-cookie"], undefined);
    assert.equal(headers["access-control-allow-origin"], "*");
  }
});
