// Many databases: a token says in which one its account is, and a request looks nowhere else. The whole API is tested
// with three databases as well (scripts/test.ts); here are accounts of the same number side by side.

import "../support/three_databases.ts";
import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { closeAll, listen } from "../events/listening.ts";
import { SHARDS } from "../support/configuration.ts";
import { sqlIn } from "../support/database.ts";
import { assertError, idsOf } from "../support/expectations.ts";
import { api, send } from "../support/http.ts";
import { COLLECTION, EVENTS, item, rotation, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { BASE62, base62, hashOf, newToken } from "../support/tokens.ts";
import { endpoint, eventsOf, logged } from "../webhooks/endpoint.ts";
import { accountIn, FIRST, holder, namesakes, SECOND, THIRD } from "./accounts.ts";

afterEach(closeAll);

test("a request asks the database that its token names, and no other", async () => {
  for (const { id, shard, ...caller } of await namesakes()) {
    const created = await caller.post(COLLECTION, `contact_id=${shard.binding}`);
    assert.deepEqual(created.databases, [shard.binding]);
    for (const answer of [
      await caller.get(COLLECTION),
      await caller.get(item(created.json.id)),
      await caller.put(item(created.json.id), "is_muted=true"),
      await caller.get(`${COLLECTION}?limit=0`),
      await caller.delete(item(created.json.id)),
      await caller.get(item(created.json.id)),
    ]) {
      assert.deepEqual(answer.databases, [shard.binding]);
      assert.deepEqual([answer.log.database, answer.log.account], [shard.binding, id]);
    }
  }
});

test("accounts of the same number in several databases see and change only what is theirs", async () => {
  const holders = await namesakes();
  const created = await Promise.all(
    holders.map(async (caller) => (await caller.post(COLLECTION, `contact_id=${caller.shard.binding}`)).json),
  );
  const shared = idsOf(await holders[0]!.get(`${COLLECTION}?contact_id=bob`))[0]!;
  assert.equal((await holders[1]!.put(item(shared), "is_muted=true")).status, 200);
  assert.equal((await holders[2]!.delete(item(shared))).status, 204);
  for (const [index, caller] of holders.entries()) {
    const contacts = (await caller.get(COLLECTION)).json.data.map((each: any) => each.contact_id);
    assert.deepEqual(contacts, [caller.shard.binding, "bob"].slice(0, index === 2 ? 1 : 2));
    for (const [other, { id }] of created.entries())
      assert.equal((await caller.get(item(id))).status, other === index ? 200 : 404);
  }
  assert.deepEqual(
    await Promise.all(holders.slice(0, 2).map(async (caller) => (await caller.get(item(shared))).json.is_muted)),
    [false, true],
  );
});

test("a token opens nothing in a database that it does not name", async () => {
  const { id } = (await namesakes())[0]!;
  for (const shard of SHARDS) {
    for (const named of SHARDS.filter((each) => each !== shard)) {
      // The row is where no request with this token looks.
      const answer = await (await holder(shard, id, undefined, named)).get(COLLECTION);
      assertError(answer, 401, "token_invalid");
      assert.deepEqual(answer.databases, [named.binding]);
    }
  }
});

test("a token of a database that is not bound is a 401 without a call", async () => {
  for (const number of [3, 42, 9999]) {
    const token = newToken(number);
    for (const answer of [await api(token).get(COLLECTION), await api(token).post(COLLECTION, "contact_id=bob")]) {
      assertError(answer, 401, "token_invalid");
      assert.deepEqual([answer.databases, answer.log.database], [[], null]);
    }
  }
});

test("a token with another number of a database than it was made with is malformed", async () => {
  const { token } = await accountIn(SECOND);
  const rest = token.slice("self_1_".length);
  const last = BASE62[(BASE62.indexOf(token.at(-1)!) + 1) % 62];
  for (const malformed of [
    `self_${rest}`,
    `self_0_${rest}`,
    `self_2_${rest}`,
    `self_01_${rest}`,
    `self_11_${rest}`,
    `self_10000_${rest}`,
    `self_-1_${rest}`,
    `self_1_1_${rest}`,
    `self__${rest}`,
    `self_1${rest}`,
    `${token.slice(0, -1)}${last}`,
    newToken(0).replace("self_", "self_0_"),
    `self_0_${"0".repeat(30)}${base62(0, 6)}`,
  ]) {
    const answer = await api(malformed).get(COLLECTION);
    assertError(answer, 401, "token_invalid");
    assert.deepEqual(answer.databases, [], malformed);
  }
});

test("a token that the API makes names the database of its account", async () => {
  for (const shard of SHARDS) {
    const caller = await accountIn(shard);
    const pattern = new RegExp(`^self_${shard.number === 0 ? "" : `${shard.number}_`}[0-9A-Za-z]{36}$`);
    const created = (await caller.post(TOKEN_COLLECTION, { name: "new", scopes: "conversations:read" })).json;
    const rotated = (await caller.post(rotation(created.id))).json;
    for (const { id, token } of [created, rotated]) {
      assert.match(token, pattern);
      assert.equal((await api(token).get(COLLECTION)).status, 200);
      assert.deepEqual(await sqlIn(shard, "SELECT id FROM tokens WHERE hash = ?", hashOf(token)), [{ id }]);
    }
    assert.equal((await caller.delete(tokenItem(rotated.id))).status, 204);
    assertError(await api(rotated.token).get(COLLECTION), 401, "token_invalid");
  }
});

test("rate limits count by account, and accounts of the same number in several databases are several", async () => {
  const holders = await namesakes();
  const keys = [];
  for (const caller of holders) {
    await caller.get(COLLECTION);
    keys.push(...(await caller.get(COLLECTION)).limited);
  }
  const { id } = holders[0]!;
  assert.deepEqual(keys, [
    ["ACCOUNT_LIMIT", `${id}`],
    ["ACCOUNT_LIMIT", `1.${id}`],
    ["ACCOUNT_LIMIT", `2.${id}`],
  ]);
});

test("a listener hears of its own account, and not of one with the same number in another database", async () => {
  const holders = await namesakes();
  const streams = await Promise.all(holders.map(({ token }) => listen(token)));
  for (const caller of holders) await caller.post(COLLECTION, `contact_id=${caller.shard.binding}`);
  for (const [index, stream] of streams.entries()) {
    const [event] = await stream.take(1);
    assert.equal(event!.json.conversation.contact_id, SHARDS[index]!.binding);
  }
  // What came for the others would be there before this.
  for (const caller of holders) await caller.post(COLLECTION, "contact_id=end");
  for (const stream of streams)
    assert.deepEqual(
      (await stream.take(1)).map(({ json }) => json.conversation.contact_id),
      ["end"],
    );
});

test("the limit of listeners is of one account, and not of those with the same number", async () => {
  const [alice, bob] = await namesakes();
  const tokens = [];
  // Ten listeners of a token, a hundred of an account.
  for (let n = 0; n < 10; n += 1) tokens.push((await holder(alice!.shard, alice!.id)).token);
  await Promise.all(tokens.flatMap((token) => Array.from({ length: 10 }, () => listen(token))));
  assertError(await alice!.get(`${EVENTS}?starting_after=now&wait=30`), 429, "rate_limited");
  const stream = await listen(bob!.token);
  await bob!.post(COLLECTION, "contact_id=carol");
  await stream.take(1);
});

test("webhooks of accounts of the same number in several databases get the events of their own", async () => {
  const holders = await namesakes();
  const hooks = await Promise.all(holders.map((caller) => endpoint(caller)));
  for (const [index, caller] of holders.entries())
    for (let n = 0; n <= index; n += 1) await caller.post(COLLECTION, `contact_id=${caller.shard.binding}`);
  for (const [index, hook] of hooks.entries()) {
    const deliveries = await hook.take(index + 1);
    assert.deepEqual(eventsOf(deliveries), (await logged(holders[index]!)).slice(-index - 1));
    for (const { body } of deliveries)
      assert.equal(JSON.parse(body).data.conversation.contact_id, SHARDS[index]!.binding);
    await hook.upToDate();
  }
});

test("a log line has the database that was asked, and null where none was", async () => {
  for (const shard of [FIRST, SECOND, THIRD]) {
    const caller = await accountIn(shard);
    assert.equal((await caller.get(COLLECTION)).log.database, shard.binding);
    assert.equal((await api(newToken(shard.number)).get(COLLECTION)).log.database, shard.binding);
  }
  for (const answer of [await send("GET", COLLECTION), await api("x").get(COLLECTION), await send("GET", "/v1/x")])
    assert.equal(answer.log.database, null);
});
