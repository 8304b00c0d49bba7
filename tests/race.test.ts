// Simultaneous requests: what the API promises of one holds of fifty at once.

import assert from "node:assert/strict";
import test from "node:test";
import { COLLECTION, account, assertConversation, assertError, idsOf, item } from "./harness.ts";

const times = <T>(count: number, request: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => request(n)));

const tally = (answers: { status: number }[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

test("50 simultaneous creates with distinct=true make one conversation", async () => {
  for (const attributes of ["contact_id=bob", "group_id=team", "contact_id=bob&group_id=team"]) {
    const alice = await account();
    const answers = await times(50, () => alice.post(COLLECTION, `${attributes}&distinct=true`));
    assert.deepEqual(tally(answers), { 200: 49, 201: 1 }, attributes);
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.equal((await alice.contents()).conversations.length, 1);
  }
});

test("50 simultaneous creates without it make fifty", async () => {
  const alice = await account();
  const answers = await times(50, () => alice.post(COLLECTION, "contact_id=bob"));
  assert.deepEqual(tally(answers), { 201: 50 });
  const ids = new Set(answers.map(({ json }) => json.id));
  assert.equal(ids.size, 50);
  assert.deepEqual(new Set(idsOf(await alice.get(`${COLLECTION}?limit=100`))), ids);
});

test("simultaneous updates of different attributes all survive", async () => {
  const alice = await account();
  for (let round = 0; round < 10; round += 1) {
    const id = await alice.insert();
    const message = await alice.insertMessage(id);
    const changes = [{ is_muted: true }, { is_pinned: true }, { archived_at: round }, { pinned_message_id: message }];
    const answers = await Promise.all(changes.map((change) => alice.put(item(id), change)));
    answers.forEach((answer, n) => assertConversation(answer.json, changes[n] ?? {}));
    assertConversation((await alice.get(item(id))).json, Object.assign({}, ...changes));
  }
});

test("of simultaneous deletes one succeeds, the others find nothing", async () => {
  const alice = await account();
  for (let round = 0; round < 10; round += 1) {
    const id = await alice.insert();
    const answers = await times(4, () => alice.delete(item(id)));
    assert.deepEqual(tally(answers), { 204: 1, 404: 3 });
  }
});

test("an update never brings a deleted conversation back", async () => {
  const alice = await account();
  for (let round = 0; round < 10; round += 1) {
    const id = await alice.insert();
    const message = await alice.insertMessage(id);
    const [pin, gone, mute] = await Promise.all([
      alice.put(item(id), { pinned_message_id: message }), alice.delete(item(id)), alice.put(item(id), "is_muted=true"),
    ]);
    assert.equal(gone.status, 204);
    for (const answer of [pin, mute]) assert.ok(answer.status === 200 || answer.status === 404, answer.text);
    assertError(await alice.get(item(id)), 404, "resource_missing");
  }
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });
});

test("distinct=true and deletes at once: never two, and the one that answers exists", async () => {
  const alice = await account();
  let id = (await alice.post(COLLECTION, "contact_id=bob&distinct=true")).json.id;
  for (let round = 0; round < 10; round += 1) {
    const [gone, ...answers] = await Promise.all([
      alice.delete(item(id)), ...Array.from({ length: 8 }, () => alice.post(COLLECTION, "contact_id=bob&distinct=true")),
    ]);
    assert.equal(gone.status, 204);
    assert.ok((tally(answers)[201] ?? 0) <= 1);
    assert.ok((await alice.contents()).conversations.length <= 1);
    id = (await alice.post(COLLECTION, "contact_id=bob&distinct=true")).json.id;
  }
});
