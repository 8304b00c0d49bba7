// X-D1-Bookmark: which responses have it, and which requests may send it.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { assertError } from "../support/expectations.ts";
import { api, ifNoneMatch, send } from "../support/http.ts";
import { mistakesOf, sendMistake } from "../support/mistakes.ts";
import { OPERATIONS } from "../support/operations.ts";
import { COLLECTION, item, MESSAGES, NO_ID } from "../support/paths.ts";
import { REQUESTS, send as sendRequest, world } from "../support/requests.ts";
import { newToken, READ } from "../support/tokens.ts";
import { bookmarkOf, near } from "./replicas.ts";

const STATE = "00000000-00000001-00000000-00000000000000000000000000000000";
const FORM = /^0\.[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

test("every response that the database was asked for has a bookmark, also an error", async () => {
  for (const request of REQUESTS) {
    const here = await world();
    for (const answer of [await sendRequest(here, request), await sendRequest(here, request)])
      assert.match(bookmarkOf(answer), FORM, request.name);
  }
  const here = await world();
  for (const mistake of OPERATIONS.flatMap(mistakesOf))
    assert.match(bookmarkOf(await sendMistake(here, mistake)), FORM, mistake.name);
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const object = await alice.get(item(json.id));
  for (const [status, answer] of [
    [404, await alice.get(item(NO_ID))],
    [403, await api(await grant(alice.id, { scopes: READ })).get(MESSAGES)],
    [304, await alice.get(item(json.id), undefined, ifNoneMatch(object))],
    [412, await alice.put(item(json.id), "is_muted=true", { "If-Match": '"x"' })],
    [200, await alice.head(item(json.id))],
  ] as const) {
    assert.equal(answer.status, status);
    assert.match(bookmarkOf(answer), FORM);
  }
});

test("a response that the database was not asked for has none, and neither has a 401 or a 429", async () => {
  const alice = await account();
  for (const [status, answer] of [
    [401, await send("GET", COLLECTION)],
    [401, await api("x").get(COLLECTION)],
    [401, await api(newToken()).get(COLLECTION)],
    [429, await alice.get(COLLECTION, undefined, { "x-test-limiters": "full" })],
    [404, await alice.get("/v1/nothing")],
    [405, await alice.post(item(NO_ID))],
    [204, await send("OPTIONS", COLLECTION)],
  ] as const) {
    assert.equal(answer.status, status);
    assert.equal(answer.headers["x-d1-bookmark"], undefined, `${status}`);
  }
});

const MALFORMED = [
  "x",
  "0",
  "0.",
  STATE,
  "first-primary",
  "0.first-primary",
  "0.first-unconstrained",
  `00.${STATE}`,
  `-1.${STATE}`,
  `10000.${STATE}`,
  `0.${STATE}0`,
  `0.${STATE.slice(1)}`,
  `0.${STATE.replace("0", "A")}`,
  `0.${STATE.replace("0", "g")}`,
  `0.${STATE.replaceAll("-", "")}`,
  `0.${STATE}, 0.${STATE}`,
  `0.${STATE} 0.${STATE}`,
  `"0.${STATE}"`,
  `0.${"-".repeat(59)}`,
];
/** Databases that this account is not in: not bound, or another's. */
const FOREIGN = [`1.${STATE}`, `9999.${STATE}`];

test("a malformed bookmark, or one of another database, is a 400 that names the header, and nothing is done", async () => {
  const here = await world();
  const before = await here.account.everything();
  for (const bookmark of [...MALFORMED, ...FOREIGN]) {
    for (const answer of [
      await here.account.get(COLLECTION, undefined, near("COPY_1", bookmark)),
      await here.account.post(COLLECTION, "contact_id=bob", near("COPY_1", bookmark)),
    ]) {
      assertError(answer, 400, "parameter_invalid", "X-D1-Bookmark");
      assert.deepEqual(answer.copies, ["primary"], bookmark);
    }
  }
  for (const request of REQUESTS)
    assertError(await sendRequest(here, request, near("COPY_1", "x")), 400, "parameter_invalid", "X-D1-Bookmark");
  assert.deepEqual(await here.account.everything(), before);
});

test("only a holder of a valid token is told what is wrong with a bookmark", async () => {
  const alice = await account();
  for (const bookmark of ["x", `1.${STATE}`, `0.${STATE}`]) {
    for (const caller of [api(newToken()), api("x"), api(await grant(alice.id, { revoked_at: 1 }))])
      assertError(await caller.get(COLLECTION, undefined, near("COPY_1", bookmark)), 401, "token_invalid");
    const narrow = api(await grant(alice.id, { scopes: READ }));
    assert.equal((await narrow.get(MESSAGES, undefined, near("primary", bookmark))).status, 403);
  }
});

test("white space around a bookmark means nothing", async () => {
  const alice = await account();
  const bookmark = bookmarkOf(await alice.get(COLLECTION));
  assert.equal((await alice.get(COLLECTION, undefined, near("COPY_1", `  ${bookmark}\t`))).status, 200);
});

test("a bookmark of a state that is still to come is left to the primary", async () => {
  const alice = await account();
  const future = `0.${"f".repeat(8)}-${"f".repeat(8)}-${"f".repeat(8)}-${"f".repeat(32)}`;
  const answer = await alice.get(COLLECTION, undefined, near("COPY_1", future));
  assert.deepEqual([answer.status, answer.copies], [200, ["primary"]]);
});

test("with D1's own sessions bookmarks have the form that is described, and are taken", async () => {
  const alice = await account();
  const real = (bookmark = "") => ({ "x-test-sessions": "real", "x-d1-bookmark": bookmark });
  const created = await alice.post(COLLECTION, "contact_id=bob", real());
  assert.equal(created.status, 201);
  let bookmark = bookmarkOf(created);
  for (let n = 0; n < 3; n += 1) {
    assert.match(bookmark, FORM);
    const answer = await alice.get(item(created.json.id), undefined, real(bookmark));
    assert.deepEqual([answer.status, answer.json], [200, created.json]);
    assert.ok(bookmarkOf(answer) >= bookmark);
    bookmark = bookmarkOf(answer);
  }
});
