// Quotas: an account that has reached one adds nothing more, and everything else works. Contract, "Bounds and scopes".
// What is counted, and when: tests/sweep/. The quota of valid tokens: tests/tokens/.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { sql } from "./support/database.ts";
import { assertError, idsOf } from "./support/expectations.ts";
import { keyed } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, WEBHOOKS, webhookItem } from "./support/paths.ts";
import { canBeKeyed, NOWHERE, REQUESTS, type Request, send, world } from "./support/requests.ts";

const setFull = (holder: { id: number }, full: boolean) =>
  sql("UPDATE tokens SET is_full = ? WHERE account_id = ?", Number(full), holder.id);

/** Whether a request is one about tokens or endpoints: these have quotas of their own. */
const isCounted = ({ operation: { path } }: Request): boolean => /^\/v1\/(tokens|webhooks)/.test(path);

for (const request of REQUESTS.filter((each) => !isCounted(each))) {
  const adds = request.operation.method === "POST";
  const promise = adds ? "a full account is a 403, and nothing changes" : "works in a full account";
  test(`${request.name}: ${promise}`, async () => {
    const here = await world();
    await setFull(here.account, true);
    const before = await here.account.everything();
    const answer = await send(here, request);
    if (!adds) return assert.equal(answer.status, request.operation.success, answer.text);
    assertError(answer, 403, "quota_exceeded");
    assert.match(answer.json.message, /quota/);
    assert.deepEqual(await here.account.everything(), before);
  });
}

test("a refusal is replayed, and with another key the request succeeds when there is room again", async () => {
  for (const request of REQUESTS.filter((each) => canBeKeyed(each) && !isCounted(each))) {
    const here = await world();
    await setFull(here.account, true);
    const refused = await send(here, request, keyed("a"));
    assertError(refused, 403, "quota_exceeded");
    await setFull(here.account, false);
    const replay = await send(here, request, keyed("a"));
    assertError(replay, 403, "quota_exceeded");
    assert.equal(replay.headers["idempotent-replayed"], "true");
    assert.equal((await send(here, request, keyed("b"))).status, 201);
  }
});

test("what was created before the account was full is replayed", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const post = () => alice.post(MESSAGES, `conversation_id=${conversation}&message=Hello`, keyed("a"));
  const first = await post();
  await setFull(alice, true);
  const again = await post();
  assert.deepEqual([again.status, again.text, again.headers["idempotent-replayed"]], [201, first.text, "true"]);
});

test("`distinct=true` returns what there is, and adds nothing", async () => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob" });
  await setFull(alice, true);
  const found = await alice.post(COLLECTION, "contact_id=bob&distinct=true");
  assert.deepEqual([found.status, found.json.id], [200, id]);
  assertError(await alice.post(COLLECTION, "contact_id=carol&distinct=true"), 403, "quota_exceeded");
});

test("a message that a full account refused leaves its conversation as it was", async () => {
  const alice = await account();
  const id = await alice.insert({ last_active_at: 5 });
  const message = await alice.insertMessage(id);
  await setFull(alice, true);
  const before = (await alice.get(item(id))).text;
  assertError(await alice.post(MESSAGES, `conversation_id=${id}&message=Hello`), 403, "quota_exceeded");
  assert.equal((await alice.get(item(id))).text, before);
  assert.deepEqual(idsOf(await alice.get(MESSAGES)), [message]);
  assert.equal((await alice.put(messageItem(message), "message=Longer")).status, 200);
});

test("the quota of one account is not another's", async () => {
  const [alice, bob] = [await account(), await account()];
  await setFull(alice, true);
  assert.equal((await bob.post(COLLECTION, "contact_id=carol")).status, 201);
});

// ---------------------------------------------------------------------------------------------------------- endpoints

const allow = (holder: { id: number }, max: number) =>
  sql("UPDATE accounts SET max_webhooks = ? WHERE id = ?", max, holder.id);

test("an account has at most 50 endpoints, unless the operator says otherwise", async () => {
  const alice = await account();
  const create = () => alice.post(WEBHOOKS, { url: NOWHERE });
  for (let n = 0; n < 50; n += 1) assert.equal((await create()).status, 201);
  const before = await alice.everything();
  const refused = await create();
  assertError(refused, 403, "quota_exceeded");
  assert.match(refused.json.message, /\b50\b/);
  assert.equal(refused.cost.rowsWritten, 0);
  assert.deepEqual(await alice.everything(), before);
  await allow(alice, 51);
  assert.equal((await create()).status, 201);
  assertError(await create(), 403, "quota_exceeded");
});

test("an endpoint that is disabled counts, and one that is deleted makes room at once", async () => {
  const alice = await account();
  await allow(alice, 1);
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  assert.equal((await alice.put(webhookItem(id), "status=disabled")).status, 200);
  assertError(await alice.post(WEBHOOKS, { url: NOWHERE }), 403, "quota_exceeded");
  assert.equal((await alice.delete(webhookItem(id))).status, 204);
  assert.equal((await alice.post(WEBHOOKS, { url: NOWHERE })).status, 201);
});

test("in an account that has all endpoints that it may have, other requests about them work", async () => {
  for (const request of REQUESTS.filter(
    ({ operation }) => operation.path.startsWith(WEBHOOKS) && operation.id !== "createWebhook",
  )) {
    const here = await world();
    await allow(here.account, 0);
    const answer = await send(here, request);
    assert.equal(answer.status, request.operation.success, `${request.name}: ${answer.text}`);
  }
});

test("a refusal of an endpoint is replayed, and what was created before is replayed too", async () => {
  const alice = await account();
  const create = (key: string) => alice.post(WEBHOOKS, { url: NOWHERE }, keyed(key));
  await allow(alice, 1);
  const first = await create("a");
  assert.equal(first.status, 201);
  assertError(await create("b"), 403, "quota_exceeded");
  const again = await create("a");
  assert.deepEqual([again.status, again.text, again.headers["idempotent-replayed"]], [201, first.text, "true"]);
  await allow(alice, 2);
  const replay = await create("b");
  assertError(replay, 403, "quota_exceeded");
  assert.equal(replay.headers["idempotent-replayed"], "true");
});
