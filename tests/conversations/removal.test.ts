// Deletion in steps: a conversation with more than a thousand messages is hidden at once, and deleted a thousand
// messages at a time. Contract, "Delete". What the sweep does of it: tests/sweep/.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { sql } from "../support/database.ts";
import { assertError, idsOf, links } from "../support/expectations.ts";
import { api, ifMatch, keyed } from "../support/http.ts";
import { fillMessages } from "../support/large.ts";
import { COLLECTION, item, MESSAGES, TOKEN_COLLECTION } from "../support/paths.ts";
import { canBeKeyed, REQUESTS, send as sendRequest, type World, world } from "../support/requests.ts";

const messagesOf = async (holder: Account) => (await holder.contents()).messages.map(({ id }) => String(id));

/** Hides everything that the account has, as the deletion of a large conversation does. */
const hide = (holder: Account) =>
  sql("UPDATE conversations SET is_removed = 1, pinned_message_id = NULL WHERE account_id = ?", holder.id);

test("a conversation of 2,500 messages is deleted in three steps, the first of which hides it", async () => {
  const alice = await account();
  const [large, kept] = [await alice.insert(), await alice.insert()];
  await fillMessages(alice, large, 2500);
  const others = [await alice.insertMessage(kept), await alice.insertMessage(kept)].sort();
  await alice.put(item(large), { pinned_message_id: "0000000000000001" });

  const answer = await alice.delete(item(large));
  assert.deepEqual([answer.status, answer.text, answer.cost.calls], [204, "", 1]);
  assert.equal((await messagesOf(alice)).length, 1502);
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), [kept]);
  assert.deepEqual(idsOf(await alice.get(MESSAGES)).sort(), others);

  // Later deletions of the account take the next steps.
  await alice.delete(item(await alice.insert()));
  assert.equal((await messagesOf(alice)).length, 502);
  await alice.delete(item(await alice.insert()));
  assert.deepEqual((await messagesOf(alice)).sort(), others);
});

test("the first step costs the same, whatever the conversation has", async () => {
  const costs = [];
  for (const count of [2000, 20_000, 200_000]) {
    const alice = await account();
    const id = await alice.insert();
    await fillMessages(alice, id, count);
    const { status, cost } = await alice.delete(item(id));
    assert.equal(status, 204);
    costs.push(cost);
  }
  assert.deepEqual(costs, Array(3).fill(costs[0]));
  assert.ok(costs[0]!.rowsRead < 11_100 && costs[0]!.rowsWritten < 1100, JSON.stringify(costs[0]));
});

test("up to a thousand messages are deleted with their conversation, in the one transaction", async () => {
  const alice = await account();
  for (const [count, left] of [
    [1000, 0],
    [1001, 1],
  ] as const) {
    const id = await alice.insert();
    await fillMessages(alice, id, count);
    assert.equal((await alice.delete(item(id))).status, 204);
    const { conversations, messages } = await alice.contents();
    assert.deepEqual([conversations.length, messages.length], [left, left]);
  }
});

test("a token that expires between two statements of the deletion has done it whole, or nothing", async () => {
  for (const from of [1, 2, 3, 4]) {
    const alice = await account();
    const token = await grant(alice.id, { expires_at: 3_000_000_000 });
    const id = await alice.insert();
    await fillMessages(alice, id, 1500);
    const contents = await alice.contents();
    const moved = { "x-test-clock": "1600000000", "x-test-clock-from": String(from) };
    const { status } = await api(token).delete(item(id), undefined, moved);
    assert.equal(status, from === 1 ? 401 : 204);
    if (from === 1) assert.deepEqual(await alice.contents(), contents);
    else assert.deepEqual(idsOf(await alice.get(COLLECTION)), []);
  }
});

test("a second DELETE is a 404, and an outdated `If-Match` hides nothing", async () => {
  const alice = await account();
  const id = await alice.insert();
  await fillMessages(alice, id, 1500);
  const before = await alice.get(item(id));
  await alice.put(item(id), "is_muted=true");
  const contents = await alice.contents();
  assertError(await alice.delete(item(id), undefined, ifMatch(before)), 412, "precondition_failed", "If-Match");
  assert.deepEqual(await alice.contents(), contents);

  const current = await alice.get(item(id));
  assert.equal((await alice.delete(item(id), undefined, ifMatch(current))).status, 204);
  assertError(await alice.delete(item(id), undefined, ifMatch(current)), 404, "resource_missing");
});

test("deletions at the same time are one", async () => {
  const alice = await account();
  const id = await alice.insert();
  await fillMessages(alice, id, 1500);
  const answers = await Promise.all(Array.from({ length: 10 }, () => alice.delete(item(id))));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, ...Array(9).fill(404)]);
});

test("`distinct=true` doesn't find it, and creates another", async () => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob" });
  await hide(alice);
  const created = await alice.post(COLLECTION, "contact_id=bob&distinct=true");
  assert.equal(created.status, 201);
  assert.notEqual(created.json.id, id);
  assert.equal((await alice.post(COLLECTION, "contact_id=bob&distinct=true")).json.id, created.json.id);
});

/** An answer without ids, times, costs and the account's name. */
const shape = ({ status, text, headers }: Answer) => ({
  status,
  text: text.replace(/whsec_[^"]+|\b[0-9A-Za-z]{16}\b/g, "ID").replace(/"created_at":\d+|"account":"[^"]+"/g, ""),
  etag: headers.etag !== undefined,
  link: headers.link?.toString().replace(/\b[0-9A-Za-z]{16,23}\b/g, "ID"),
});

describe("what is being deleted answers as what is gone", () => {
  for (const request of REQUESTS.filter(({ operation }) => !operation.path.startsWith(TOKEN_COLLECTION))) {
    test(request.name, async () => {
      const ask = async (remove: (here: World) => Promise<unknown>) => {
        const here = await world();
        await remove(here);
        const before = await here.account.contents();
        const answers = [await sendRequest(here, request)];
        if (canBeKeyed(request)) for (const _ of [1, 2]) answers.push(await sendRequest(here, request, keyed("a")));
        return { before, after: await here.account.contents(), answers: answers.map(shape) };
      };
      const removing = await ask((here) => hide(here.account));
      const gone = await ask((here) => sql("DELETE FROM conversations WHERE account_id = ?", here.account.id));
      assert.deepEqual(removing.answers, gone.answers);
      // What is being deleted is neither changed nor brought back.
      const hidden = ({ conversations }: typeof removing.before) =>
        conversations.filter(({ is_removed }) => is_removed);
      assert.deepEqual(hidden(removing.after), hidden(removing.before));
      assert.equal(removing.after.conversations.length - 1, gone.after.conversations.length);
      assert.ok(removing.after.messages.length - 1 <= gone.after.messages.length);
    });
  }
});

test("no list shows it, with whatever filter and order", async () => {
  const alice = await account();
  const attributes = { contact_id: "bob", group_id: "team", is_muted: 1, is_pinned: 1, archived_at: 5 };
  await alice.insert({ ...attributes, last_active_at: 5 });
  await hide(alice);
  const kept = await alice.insert({ ...attributes, last_active_at: 5 });
  const filters = ["muted=true", "archived=true", "pinned=true", "unread=true", "group_id=team", "contact_id=bob"];
  for (let chosen = 0; chosen < 1 << filters.length; chosen += 1) {
    const query = filters.filter((_, bit) => chosen & (1 << bit)).join("&");
    for (const sort of ["created_at", "last_active_at"]) {
      const answer = await alice.get(`${COLLECTION}?sort=${sort}&${query}`);
      assert.deepEqual([idsOf(answer), answer.json.has_more], [[kept], false], query);
    }
  }
});

test("a list of all messages passes over any number of hidden ones, in calls of twenty thousand", async () => {
  const alice = await account();
  const [large, kept] = [await alice.insert(), await alice.insert()];
  await fillMessages(alice, large, 45_000, 100_000);
  await fillMessages(alice, kept, 3, 1);
  await fillMessages(alice, kept, 3, 200_000);
  await sql("UPDATE conversations SET is_removed = 1 WHERE account_id = ? AND id = ?", alice.id, large);
  const id = (n: number) => String(n).padStart(16, "0");
  const newest = [200_002, 200_001, 200_000].map(id);
  const oldest = [3, 2, 1].map(id);

  const all = await alice.get(MESSAGES);
  assert.deepEqual([idsOf(all), all.json.has_more, all.headers.link], [[...newest, ...oldest], false, undefined]);
  assert.deepEqual([all.cost.calls, all.log.d1_calls, all.log.rows_read], [3, 3, all.cost.rowsRead]);
  assert.ok(all.cost.rowsRead < 250_000);

  const first = await alice.get(`${MESSAGES}?limit=3`);
  assert.deepEqual([idsOf(first), first.json.has_more], [newest, true]);
  const next = await alice.get(String(links(first).next));
  assert.deepEqual([idsOf(next), next.json.has_more], [oldest, false]);
  const back = await alice.get(String(links(next).prev));
  assert.deepEqual([idsOf(back), back.json.has_more], [newest, false]);

  const four = await alice.get(`${MESSAGES}?limit=4&ending_before=${id(999_999)}`);
  assert.deepEqual([idsOf(four), four.json.has_more], [[], false]);
  const backwards = await alice.get(`${MESSAGES}?limit=5&ending_before=${id(2)}`);
  assert.deepEqual([idsOf(backwards), backwards.json.has_more], [[...newest, id(3)], false]);
  const fromOldest = await alice.get(`${MESSAGES}?limit=3&ending_before=${id(1)}`);
  assert.deepEqual([idsOf(fromOldest), fromOldest.json.has_more], [[id(200_000), id(3), id(2)], true]);

  // A call that fails in passing is repeated, and what was found before it is kept.
  const failing = { "x-test-d1-failure": "D1_ERROR: Network connection lost.", "x-test-d1-failures": "1" };
  assert.equal((await alice.get(MESSAGES, undefined, failing)).text, all.text);
});
