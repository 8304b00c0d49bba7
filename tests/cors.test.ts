// Browsers: pages of any origin may call the API with a token, without credentials, and read what is useful of every
// answer, errors included. That every answer allows any origin and exposes its headers is asserted in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { assertError } from "./support/expectations.ts";
import { send } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, NO_ID } from "./support/paths.ts";

const ORIGIN = { Origin: "https://app.example" };
const words = (header: unknown): string[] =>
  String(header)
    .split(/, */)
    .map((word) => word.toLowerCase());

test("a preflight is allowed for every verb and header the API takes, on any path", async () => {
  for (const path of [COLLECTION, item(NO_ID), MESSAGES, messageItem(NO_ID), "/v1/nothing", "/"]) {
    for (const verb of ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
      const { status, headers, cost } = await send("OPTIONS", path, {
        ...ORIGIN,
        "Access-Control-Request-Method": verb,
        "Access-Control-Request-Headers": "authorization,content-type",
      });
      assert.equal(status, 204, `${verb} ${path}`);
      assert.equal(headers["access-control-allow-origin"], "*");
      assert.deepEqual(words(headers["access-control-allow-methods"]), [
        "get",
        "head",
        "post",
        "put",
        "patch",
        "delete",
      ]);
      assert.deepEqual(words(headers["access-control-allow-headers"]), [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
      ]);
      assert.equal(headers["access-control-max-age"], "86400");
      assert.equal(cost.calls, 0);
    }
  }
});

test("OPTIONS that is no preflight says what a path allows", async () => {
  const allowed = async (path: string) => {
    const { status, headers } = await send("OPTIONS", path);
    return [status, headers.allow];
  };
  assert.deepEqual(await allowed(COLLECTION), [204, "GET, HEAD, POST, OPTIONS"]);
  assert.deepEqual(await allowed(item(NO_ID)), [204, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"]);
  assert.deepEqual(await allowed(MESSAGES), [204, "GET, HEAD, POST, OPTIONS"]);
  assert.deepEqual(await allowed(messageItem(NO_ID)), [204, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"]);
  assertError(await send("OPTIONS", "/v1/nothing"), 404, "path_unknown");
});

test("what a page may read: the answer and its useful headers, of successes and errors alike", async () => {
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

test("no cookies, no credentials: any origin gets the same answer", async () => {
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
