// The error object: on every answer that isn't a success, and nothing in it that a caller must not see. Its shape is
// asserted on every response of every test, in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import { sql } from "./support/database.ts";
import { assertError } from "./support/expectations.ts";
import { api, FORM, JSON_TYPE, raw, send, textOf } from "./support/http.ts";
import { description, methodsOf } from "./support/openapi.ts";
import { OPERATIONS } from "./support/operations.ts";
import {
  COLLECTION,
  item,
  MESSAGES,
  messageItem,
  NO_ID,
  rotation,
  TOKEN_COLLECTION,
  WEBHOOKS,
} from "./support/paths.ts";
import { origin } from "./support/server.ts";
import { newToken } from "./support/tokens.ts";

const CODES: string[] = description.components.schemas.Error.properties.code.enum;

test("every error code comes with its status", async () => {
  const alice = await account();
  const id = await alice.insert();
  const reader = await account(1);
  const form = { "Content-Type": FORM };
  assertError(await alice.post(COLLECTION), 400, "parameter_missing", "contact_id");
  assertError(await alice.get(`${COLLECTION}?page=1`), 400, "parameter_unknown", "page");
  assertError(await alice.get(`${COLLECTION}?limit=0`), 400, "parameter_invalid", "limit");
  assertError(await alice.get(`${COLLECTION}?limit=1&limit=1`), 400, "parameter_duplicate", "limit");
  assertError(await alice.put(item(id), "contact_id=bob"), 400, "parameter_immutable", "contact_id");
  const many = Array.from({ length: 65 }, (_, n) => `a${n}`).join("&");
  assertError(await alice.get(`${COLLECTION}?${many}`), 400, "parameters_too_many");
  assertError(await alice.send("PUT", item(id), { "Content-Type": JSON_TYPE }, "["), 400, "body_malformed");
  assertError(await send("GET", COLLECTION), 401, "token_missing");
  assertError(await api(newToken()).get(COLLECTION), 401, "token_invalid");
  assertError(await reader.post(COLLECTION, "contact_id=bob"), 403, "scope_insufficient");
  await sql("UPDATE accounts SET max_tokens = 1 WHERE id = ?", reader.id);
  const keeper = api(await grant(reader.id));
  assertError(await keeper.post(TOKEN_COLLECTION, "name=x&scopes=messages:read"), 403, "quota_exceeded");
  assertError(await alice.get(item(NO_ID)), 404, "resource_missing");
  assertError(
    await alice.post(MESSAGES, { conversation_id: NO_ID, message: "Hello" }),
    404,
    "resource_missing",
    "conversation_id",
  );
  assertError(await alice.get("/v1/nothing"), 404, "path_unknown");
  assertError(await alice.delete(COLLECTION), 405, "method_not_allowed");
  const token = await alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read");
  await alice.post(rotation(token.json.id));
  assertError(await alice.post(rotation(token.json.id)), 409, "token_rotated", "id");
  assertError(await alice.send("POST", COLLECTION, form, "x".repeat(16_385)), 413, "body_too_large");
  assertError(
    await alice.send("POST", COLLECTION, { "Content-Type": "text/plain" }, "x"),
    415,
    "media_type_unsupported",
  );
  assertError(await alice.get(COLLECTION, undefined, { "x-test-d1-failure": "D1_ERROR" }), 500, "internal_error");
  assertError(
    await alice.get(COLLECTION, undefined, { "x-test-d1-failure": "D1_ERROR: D1 DB is overloaded." }),
    503,
    "database_unavailable",
  );
  assertError(await alice.get(WEBHOOKS, undefined, { "x-test-webhook-key": "" }), 503, "webhooks_unavailable");
});

test("every code is a heading of the guide on the page that documentation_url names", async () => {
  const { documentation_url } = (await send("GET", COLLECTION)).json;
  assert.equal(documentation_url, `${origin}/#token_missing`);
  const page = await send("GET", "/");
  assert.equal(page.status, 200);
  assert.match(String(page.headers["content-type"]), /^text\/html/);
  // The page is made from the description; tests/pages/reference.test.ts sees where each anchor leads.
  const { info } = (await (await fetch(`${origin}/openapi.json`)).json()) as { info: { description: string } };
  for (const code of CODES) assert.match(info.description, new RegExp(`^## ${code}$`, "m"), code);
});

test("documentation_url has the origin that the request was sent to", async () => {
  const answer = await fetch(`${origin.replace("127.0.0.1", "localhost")}${COLLECTION}`);
  const { documentation_url } = (await answer.json()) as { documentation_url: string };
  assert.equal(documentation_url, `${origin.replace("127.0.0.1", "localhost")}/#token_missing`);
});

test("param names the wrong attribute, and is null where there is none", async () => {
  const alice = await account();
  const [named, none] = [await alice.get(`${COLLECTION}?muted=maybe`), await alice.get(item(NO_ID))];
  assert.equal(named.json.param, "muted");
  assert.match(named.json.message, /muted/);
  assert.match(named.json.message, /true.*false/, "the values that it can have");
  assert.equal(none.json.param, null);
  assert.ok(none.text.includes('"param":null'));
});

test("a message says which values limit can have", async () => {
  const alice = await account();
  assert.match((await alice.get(`${COLLECTION}?limit=101`)).json.message, /limit.*\b1\b.*\b100\b/);
});

test("a 404 names the kind of object, and a wrong message its length", async () => {
  const alice = await account();
  assert.match((await alice.get(item(NO_ID))).json.message, /\bconversation\b/i);
  assert.match((await alice.get(messageItem(NO_ID))).json.message, /\bmessage\b/i);
  assert.match(
    (await alice.post(MESSAGES, { conversation_id: NO_ID, message: "Hello" })).json.message,
    /conversation.*`conversation_id`.*deleted/,
  );
  assert.match(
    (await alice.post(MESSAGES, { conversation_id: NO_ID, message: "" })).json.message,
    /message.*\b1\b.*\b10,000\b/,
  );
});

test("a 405 lists the methods of the path in Allow", async () => {
  const alice = await account();
  for (const path of Object.keys(description.paths)) {
    const methods = methodsOf(path);
    const allow = [...methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])), "OPTIONS"];
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
      if (methods.includes(method)) continue;
      const { status, headers } = await alice.send(method, path.replace("{id}", NO_ID));
      assert.deepEqual([status, headers.allow], [405, allow.join(", ")], `${method} ${path}`);
    }
  }
});

test("HEAD has the status and the headers of GET's error, and no body", async () => {
  const alice = await account();
  for (const [caller, path] of [
    ...OPERATIONS.filter(({ method }) => method === "GET").flatMap(({ path }) => {
      const target = path.replace("{id}", NO_ID);
      return [[alice, `${target}?x=1`] as const, [path === target ? api("x") : alice, target] as const];
    }),
    [alice, "/v1/nothing"],
    [api("x"), COLLECTION],
    [api(newToken()), COLLECTION],
  ] as [ReturnType<typeof api>, string][]) {
    const [get, head] = [await caller.get(path), await caller.head(path)];
    assert.equal(head.status, get.status, path);
    for (const name of ["content-type", "cache-control", "www-authenticate", "allow"]) {
      assert.equal(head.headers[name], get.headers[name], `${path} ${name}`);
    }
  }
});

test("every request has a new id, which a caller cannot choose", async () => {
  const alice = await account();
  const ids = new Set<unknown>();
  for (let i = 0; i < 20; i += 1)
    ids.add((await alice.get(COLLECTION, undefined, { "X-Request-Id": "chosen-by-caller" })).headers["x-request-id"]);
  assert.equal(ids.size, 20);
  assert.ok(!ids.has("chosen-by-caller"));
});

test("an error contains neither the token, nor its hash, nor the body", async () => {
  const token = newToken();
  const answer = await api(token).post(COLLECTION, { contact_id: "private-matter" });
  assertError(answer, 401, "token_invalid");
  assert.doesNotMatch(answer.text + JSON.stringify(answer.headers), new RegExp(`${token.slice(5, 20)}|private-matter`));
});

test("X-Forwarded-Host and Forwarded are ignored", async () => {
  const alice = await account();
  const answer = await raw(
    textOf("GET", item(NO_ID), {
      "X-Forwarded-Host": "evil.example",
      Forwarded: "host=evil.example",
      Authorization: `Bearer ${alice.token}`,
    }),
  );
  assertError(answer, 404, "resource_missing");
});
