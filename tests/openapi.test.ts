// openapi.yaml describes the API, all of it and nothing else. That every answer of every API test is as it says is
// asserted in tests/support/audit.ts; here is what no response shows.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { assertAcceptable, assertDescribed } from "./support/described.ts";
import { FORM, send } from "./support/http.ts";
import { complaint, description, methodsOf, needsToken, operationOf, resolved, scopeOf } from "./support/openapi.ts";
import { COLLECTION, EVENTS, item, NO_ID } from "./support/paths.ts";
import { REQUESTS, send as sendRequest, world } from "./support/requests.ts";
import { origin } from "./support/server.ts";

const source = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const paths = Object.keys(description.paths);
const operations = paths.flatMap((path) =>
  methodsOf(path).map((method) => ({ method, path, operation: operationOf(method, path) })),
);

test("/openapi.json is openapi.yaml, for pages of any origin", async () => {
  const { status, headers, json } = await send("GET", "/openapi.json", { Origin: "https://app.example" });
  assert.deepEqual(
    [status, headers["content-type"], headers["access-control-allow-origin"]],
    [200, "application/json", "*"],
  );
  assert.deepEqual(json, description);
  const again = await send("GET", "/openapi.json", { "If-None-Match": headers.etag });
  assert.deepEqual([again.status, again.text], [304, ""]);
});

test("openapi.yaml describes every route with its scope, and no other", () => {
  const routes = source("src/routes.rs");
  const table = /const TABLE: .*?= &\[\n(.*?)\n\];/s.exec(routes)![1]!;
  const scopes = Object.fromEntries(
    [...source("src/auth/scopes.rs").matchAll(/Self::(\w+) => "([\w:]+)"/g)].map(([, name, scope]) => [name, scope]),
  );
  const expected: [string, string | undefined][] = [];
  let path = "";
  for (const [, route, method, scope] of table.matchAll(/\("(\/[^"]+)"|\("([A-Z]+)", +(?:Some\((\w+)\)|None)/g)) {
    if (route !== undefined) path = route.replace(":id", "{id}");
    else expected.push([`${method} ${path}`, scope && scopes[scope]]);
  }
  const [, files] = /const FILES: .*?= &\[(.*?)\]/s.exec(routes)!;
  // The other files are pages for people.
  for (const [, file] of files!.matchAll(/"([^"]*\.json)"/g)) expected.push([`GET ${file}`, undefined]);
  assert.deepEqual(
    operations.map(({ method, path, operation }) => [`${method} ${path}`, scopeOf(operation)]).sort(),
    expected.sort(),
  );
});

test("every operation accepts its example, and all its attributes with their examples at once", async () => {
  for (const request of REQUESTS) {
    const here = await world();
    const answer = await sendRequest(here, request);
    assert.equal(answer.status, request.operation.success, `${request.name}: ${answer.text}`);
    const again = await sendRequest(here, request);
    assert.equal(again.status, request.again, `${request.name}, again: ${again.text}`);
    const { operation } = request;
    if (operation.body === undefined) continue;
    const all = await sendRequest(await world(), { ...request, body: operation.body.all });
    assert.equal(all.status, operation.success, `${request.name}, all attributes: ${all.text}`);
  }
});

test("every operation that needs a token takes a bookmark", () => {
  const of = (path: string): any[] => (description.paths[path].parameters ?? []).map(resolved);
  for (const { path, operation } of operations)
    assert.equal(
      of(path).some(({ in: place, name }) => place === "header" && name === "X-D1-Bookmark"),
      needsToken(operation),
      path,
    );
});

test("every error code has a section with its status, and every section is of an error code", () => {
  const rust = source("src/http/error.rs");
  const codes = [...rust.matchAll(/Self::\w+ => \("(\w+)", (\d+)\)/g)].map(([, code, status]) => ({ code, status }));
  const sections = [...description.info.description.matchAll(/^## (\w+)\n\n\*\*(\d+)\.\*\* /gm)].map(
    ([, code, status]) => `${code} ${status}`,
  );
  assert.ok(codes.length > 15);
  assert.deepEqual(sections.sort(), codes.map(({ code, status }) => `${code} ${status}`).sort());
  assert.deepEqual(
    [...description.components.schemas.Error.properties.code.enum].sort(),
    codes.map(({ code }) => code).sort(),
  );
});

test("every scope that a token can have is described", () => {
  const scopes = [...source("src/auth/scopes.rs").matchAll(/Self::\w+ => "([\w:]+)"/g)].map(([, scope]) => scope!);
  const { pattern } = description.components.schemas.Scopes;
  for (const scope of scopes) assert.match(scope, new RegExp(pattern));
  assert.match(scopes.join(" "), new RegExp(pattern));
  assert.deepEqual(
    [...new Set(operations.map(({ operation }) => scopeOf(operation)))].filter(Boolean).sort(),
    scopes.sort(),
  );
});

test("every attribute, parameter and header has a description, a type and an example that it can have", () => {
  const { parameters, headers, schemas } = description.components;
  const all: Record<string, any> = { ...parameters, ...headers };
  for (const { operation } of operations)
    for (const parameter of operation.parameters ?? [])
      all[`${operation.operationId} ${parameter.name}`] = resolved(parameter);
  for (const [name, { properties = {} }] of Object.entries<any>(schemas)) {
    for (const [attribute, schema] of Object.entries<any>(properties)) {
      all[`${name}.${attribute}`] = { schema, description: resolved(schema).description };
    }
  }
  assert.ok(Object.keys(all).length > 80);
  for (const [name, { schema, description }] of Object.entries(all)) {
    assert.ok(description, `no description: ${name}`);
    // Of what can be null the other half counts.
    const {
      type,
      const: only,
      example = only,
    }: any = { ...resolved(resolved(schema).oneOf?.[0] ?? {}), ...resolved(schema) };
    assert.ok(type !== undefined || only !== undefined, `no type: ${name}`);
    assert.notEqual(example, undefined, `no example: ${name}`);
    assert.equal(complaint(schema, example), undefined, name);
  }
  for (const [name, schema] of Object.entries<any>(schemas)) {
    if (schema.example !== undefined) assert.equal(complaint(schema, schema.example), undefined, name);
  }
});

test("a stream of events is as described, and the audit fails on one that is not", async () => {
  const { account: alice } = await world();
  const end = new AbortController();
  const { status, headers, body } = await fetch(`${origin}${EVENTS}?starting_after=0000000000000000`, {
    headers: { Authorization: `Bearer ${alice.token}`, Accept: "text/event-stream" },
    signal: end.signal,
  });
  let text = "";
  for await (const bytes of body!) {
    text += Buffer.from(bytes).toString();
    if (/^data: .*\n\n/m.test(text)) break;
  }
  end.abort();
  const described = (text: string) => () => assertDescribed("GET", EVENTS, status, Object.fromEntries(headers), text);
  described(text)();
  assert.throws(described(text.replace('"conversation_id":', '"account_id":')), assert.AssertionError);
});

test("the audit fails on a response that is not as described", async () => {
  const alice = await account();
  const { status, headers, text, json } = await alice.get(item(await alice.insert()));
  const answer = (
    changes: { method?: string; path?: string; status?: number; headers?: object; text?: string } = {},
  ) => {
    const changed = { method: "GET", path: item(json.id), status, text, ...changes };
    return () =>
      assertDescribed(changed.method, changed.path, changed.status, { ...headers, ...changes.headers }, changed.text);
  };
  answer()();
  for (const [what, changes] of [
    ["a path", { path: "/v2/conversations" }],
    ["a method", { method: "PROPFIND" }],
    ["a status", { status: 202 }],
    ["a header that is missing", { headers: { etag: undefined } }],
    ["a header that is wrong", { headers: { "cache-control": "public" } }],
    ["a header that is not described", { headers: { "x-powered-by": "Rust" } }],
    ["a type", { headers: { "content-type": "text/plain" } }],
    ["an attribute that is missing", { text: JSON.stringify({ ...json, is_muted: undefined }) }],
    ["an attribute of another type", { text: JSON.stringify({ ...json, created_at: "705103200" }) }],
    ["an attribute that is not described", { text: JSON.stringify({ ...json, account_id: 1 }) }],
  ] as const) {
    assert.throws(answer(changes), assert.AssertionError, what);
  }
});

test("the audit fails on an accepted request that is not as described", () => {
  const form = { "Content-Type": FORM };
  const accepted =
    (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
    () =>
      assertAcceptable(method, path, headers, body, 200);
  accepted("GET", `${COLLECTION}?limit=10&muted=true`)();
  accepted("POST", COLLECTION, { ...form, "Idempotency-Key": "a" }, "contact_id=bob&distinct=true")();
  for (const [what, request] of Object.entries({
    "an unknown parameter": accepted("GET", `${COLLECTION}?page=1`),
    "a wrong parameter": accepted("GET", `${COLLECTION}?limit=0`),
    "a wrong header": accepted("POST", COLLECTION, { ...form, "Idempotency-Key": "\t" }, "contact_id=bob"),
    "a wrong id": accepted("GET", item("short")),
    "no body": accepted("POST", COLLECTION),
    "another type": accepted("POST", COLLECTION, { "Content-Type": "text/plain" }, "contact_id=bob"),
    "an unknown attribute": accepted("POST", COLLECTION, form, "contact_id=bob&is_muted=true"),
    "a wrong attribute": accepted("PUT", item(NO_ID), form, "is_muted=1"),
    "too few attributes": accepted("POST", COLLECTION, form, "distinct=true"),
  })) {
    assert.throws(request, assert.AssertionError, what);
  }
});
