// Simultaneous requests: what the API promises of one holds of fifty at once.

import assert from "node:assert/strict";
import test from "node:test";
import type { Message } from "../clients/typescript/src/index.ts";
import { account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { gate, sql } from "./support/database.ts";
import { assertConversation, assertError, assertWebhook, idsOf } from "./support/expectations.ts";
import type { Headers } from "./support/http.ts";
import { kindAt } from "./support/operations.ts";
import { COLLECTION, item, MESSAGES, messageItem, WEBHOOKS } from "./support/paths.ts";
import { NOWHERE, world } from "./support/requests.ts";

const times = <T>(count: number, request: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => request(n)));

const tally = (answers: { status: number }[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** Sends a request that waits before its transaction until another one was answered: which of simultaneous requests
 * comes first is for the machine to say, and it may say the same every time. */
async function overtaken<Late, First>(
  late: (headers: Headers) => Promise<Late>,
  first: () => Promise<First>,
): Promise<[Late, First]> {
  const { headers, reached, open } = gate();
  const answer = late(headers);
  await reached();
  const before = await first();
  await open();
  return [await answer, before];
}

test("of 50 simultaneous messages to 50 conversations, the order of ids is the order of activity", async () => {
  const alice = await account();
  const conversations = await times(50, () => alice.insert());
  const sent = await Promise.all(conversations.map((id) => alice.say(id, { contact_id: "bob" })));
  const newestFirst = sent.sort((a, b) => (a.id < b.id ? 1 : -1)).map(({ conversation_id }) => conversation_id);
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?sort=last_active_at&limit=100`)), newestFirst);
  const moments = new Set(sent.map(({ id }) => id.slice(0, 7)));
  assert.equal(moments.size, 50, "no two in the same millisecond");
});

test("50 simultaneous creations with distinct=true make one conversation", async () => {
  for (const attributes of ["contact_id=bob", "group_id=team", "contact_id=bob&group_id=team"]) {
    const alice = await account();
    const answers = await times(50, () => alice.post(COLLECTION, `${attributes}&distinct=true`));
    assert.deepEqual(tally(answers), { 200: 49, 201: 1 }, attributes);
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.equal((await alice.contents()).conversations.length, 1);
  }
});

test("simultaneous creations of endpoints never exceed the quota", async () => {
  for (const max of [0, 1, 7]) {
    const alice = await account();
    await sql("UPDATE accounts SET max_webhooks = ? WHERE id = ?", max, alice.id);
    const answers = await times(20, () => alice.post(WEBHOOKS, { url: NOWHERE }));
    assert.deepEqual(tally(answers), { ...(max && { 201: max }), 403: 20 - max });
    assert.equal((await alice.get(WEBHOOKS)).json.data.length, max);
  }
});

test("of simultaneous rotations of an endpoint each makes a secret, and the last two stay", async () => {
  const { account: alice, real } = await world();
  const path = real(`${WEBHOOKS}/${kindAt(WEBHOOKS).exampleId}`);
  const answers = await times(20, () => alice.post(`${path}/rotate`));
  assert.deepEqual(tally(answers), { 201: 20 });
  const secrets = new Set(answers.map(({ json }) => json.secret));
  assert.equal(secrets.size, 20);
  const [row] = await sql("SELECT salt, previous_salt FROM webhooks WHERE account_id = ?", alice.id);
  const requests = answers.map(({ headers }) => headers["x-request-id"]);
  assert.ok(requests.includes(String(row?.salt)) && requests.includes(String(row?.previous_salt)));
});

test("simultaneous updates of different attributes of an endpoint are all kept", async () => {
  const { account: alice, real } = await world();
  const path = real(`${WEBHOOKS}/${kindAt(WEBHOOKS).exampleId}`);
  for (let round = 0; round < 10; round += 1) {
    const changes = [{ description: `round ${round}` }, { types: null }, { url: `${NOWHERE}/${round}` }];
    const answers = await Promise.all(changes.map((change) => alice.put(path, change)));
    for (const [n, answer] of answers.entries()) assertWebhook(answer.json, changes[n] ?? {});
    assertWebhook((await alice.get(path)).json, Object.assign({}, ...changes));
    await alice.put(path, "types=message.created");
  }
});

test("50 simultaneous creations without distinct make 50 conversations", async () => {
  const alice = await account();
  const answers = await times(50, () => alice.post(COLLECTION, "contact_id=bob"));
  assert.deepEqual(tally(answers), { 201: 50 });
  const ids = new Set(answers.map(({ json }) => json.id));
  assert.equal(ids.size, 50);
  assert.deepEqual(new Set(idsOf(await alice.get(`${COLLECTION}?limit=100`))), ids);
});

test("simultaneous updates of different attributes are all kept", async () => {
  const alice = await account();
  for (let round = 0; round < 10; round += 1) {
    const id = await alice.insert();
    const message = await alice.insertMessage(id);
    const changes = [{ is_muted: true }, { is_pinned: true }, { archived_at: round }, { pinned_message_id: message }];
    const answers = await Promise.all(changes.map((change) => alice.put(item(id), change)));
    for (const [n, answer] of answers.entries()) assertConversation(answer.json, changes[n] ?? {});
    assertConversation((await alice.get(item(id))).json, Object.assign({}, ...changes));
  }
});

test("of simultaneous deletions one is a 204 and the others are a 404", async () => {
  const alice = await account();
  for (let round = 0; round < 10; round += 1) {
    const id = await alice.insert();
    const answers = await times(4, () => alice.delete(item(id)));
    assert.deepEqual(tally(answers), { 204: 1, 404: 3 });
  }
});

test("an update does not bring back a deleted conversation", async () => {
  const alice = await account();
  for (let round = 0; round < 10; round += 1) {
    const id = await alice.insert();
    const message = await alice.insertMessage(id);
    const [pin, gone, mute] = await Promise.all([
      alice.put(item(id), { pinned_message_id: message }),
      alice.delete(item(id)),
      alice.put(item(id), "is_muted=true"),
    ]);
    assert.equal(gone.status, 204);
    for (const answer of [pin, mute]) assert.ok(answer.status === 200 || answer.status === 404, answer.text);
    assertError(await alice.get(item(id)), 404, "resource_missing");
  }
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });
});

test("simultaneous deletions and creations with distinct=true never leave two conversations", async () => {
  const alice = await account();
  let id = (await alice.post(COLLECTION, "contact_id=bob&distinct=true")).json.id;
  for (let round = 0; round < 10; round += 1) {
    const [gone, ...answers] = await Promise.all([
      alice.delete(item(id)),
      ...Array.from({ length: 8 }, () => alice.post(COLLECTION, "contact_id=bob&distinct=true")),
    ]);
    assert.equal(gone.status, 204);
    assert.ok((tally(answers)[201] ?? 0) <= 1);
    assert.ok((await alice.contents()).conversations.length <= 1);
    id = (await alice.post(COLLECTION, "contact_id=bob&distinct=true")).json.id;
  }
});

test("50 simultaneous messages are all stored, and the conversation has the times of the last ones", async () => {
  const alice = await account();
  const id = await alice.insert();
  const answers = await times(50, (n) =>
    alice.post(MESSAGES, { conversation_id: id, message: `Message ${n}`, contact_id: n % 2 ? "bob" : null }),
  );
  assert.deepEqual(tally(answers), { 201: 50 });
  for (const [n, { json }] of answers.entries()) assert.equal(json.message, `Message ${n}`);
  const ids = new Set(answers.map(({ json }) => json.id));
  assert.equal(ids.size, 50);
  assert.deepEqual(new Set(idsOf(await alice.get(`${MESSAGES}?conversation_id=${id}&limit=100`))), ids);
  // The order of ids is the order in which the messages were stored.
  const last = (messages: Message[]) => messages.reduce((a, b) => (a.id > b.id ? a : b));
  const sent: Message[] = answers.map(({ json }) => json);
  const lastOwn = last(sent.filter(({ contact_id }) => contact_id === null));
  assertConversation((await alice.get(item(id))).json, {
    last_active_at: last(sent).created_at,
    last_opened_at: lastOwn.created_at,
  });
  const unread = last(sent.filter(({ contact_id }) => contact_id !== null)).id > lastOwn.id;
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?unread=${unread}`)), [id]);
});

test("a message sent during the deletion of its conversation is deleted with it or a 404", async () => {
  const alice = await account();
  const kept = await alice.insert();
  const assertGone = async (answer: Answer) => {
    if (answer.status === 201) assertError(await alice.get(messageItem(answer.json.id)), 404, "resource_missing");
    else assertError(answer, 404, "resource_missing", "conversation_id");
  };
  const requests = async () => {
    const id = await alice.insert();
    return {
      say: (headers: Headers = {}) => alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, headers),
      remove: (headers: Headers = {}) => alice.delete(item(id), undefined, headers),
    };
  };
  for (let round = 0; round < 20; round += 1) {
    const { say, remove } = await requests();
    const before = Array.from({ length: 5 }, () => say());
    const [gone, ...answers] = await Promise.all([remove(), ...before, ...Array.from({ length: 5 }, () => say())]);
    assert.equal(gone.status, 204);
    for (const answer of answers) await assertGone(answer);
  }
  for (const status of [201, 404]) {
    const { say, remove } = await requests();
    const [gone, sent] = status === 201 ? await overtaken(remove, say) : (await overtaken(say, remove)).toReversed();
    assert.deepEqual([gone?.status, sent?.status], [204, status]);
    await assertGone(sent!);
  }
  const { conversations, messages } = await alice.contents();
  assert.deepEqual([conversations.map((row) => row.id), messages], [[kept], []]);
});

test("simultaneous deletion and pinning of a message never leave a pin without a message", async () => {
  const alice = await account();
  const id = await alice.insert();
  const assertUnpinned = async (message: string, gone: Answer | undefined, pins: Answer[]) => {
    assert.equal(gone?.status, 204);
    for (const answer of pins) {
      if (answer.status === 200) assert.equal(answer.json.pinned_message_id, message);
      else assertError(answer, 400, "parameter_invalid", "pinned_message_id");
    }
    assert.equal((await alice.get(item(id))).json.pinned_message_id, null);
  };
  const requests = async () => {
    const message = await alice.say(id);
    return {
      message: message.id,
      pin: (headers: Headers = {}) => alice.put(item(id), { pinned_message_id: message.id }, headers),
      remove: (headers: Headers = {}) => alice.delete(messageItem(message.id), undefined, headers),
    };
  };
  for (let round = 0; round < 20; round += 1) {
    const { message, pin, remove } = await requests();
    const first = round % 2 ? [] : [pin()];
    const [gone, ...pins] = await Promise.all([remove(), ...first, pin(), pin(), ...(round % 2 ? [pin()] : [])]);
    await assertUnpinned(message, gone, pins);
  }
  for (const status of [200, 400]) {
    const { message, pin, remove } = await requests();
    const [gone, pinned] = status === 200 ? await overtaken(remove, pin) : (await overtaken(pin, remove)).toReversed();
    assert.equal(pinned?.status, status);
    await assertUnpinned(message, gone, [pinned!]);
  }
});

test("simultaneous updates of a message are all kept, and none brings back a deleted message", async () => {
  const alice = await account();
  const id = await alice.insert();
  for (let round = 0; round < 10; round += 1) {
    const message = await alice.say(id);
    const path = messageItem(message.id);
    await Promise.all([alice.put(path, "read_at=5"), alice.put(path, "message=changed")]);
    const { json } = await alice.get(path);
    assert.deepEqual([json.read_at, json.message], [5, "changed"]);
    const [gone, changed] = await Promise.all([alice.delete(path), alice.put(path, "message=again")]);
    assert.equal(gone.status, 204);
    assert.ok(changed.status === 200 || changed.status === 404);
    assertError(await alice.get(path), 404, "resource_missing");
  }
});

test("a message and updates of a conversation at the same time do not undo each other", async () => {
  const alice = await account();
  for (let round = 0; round < 10; round += 1) {
    const id = await alice.insert({ last_active_at: 5 });
    const [sent] = await Promise.all([
      alice.say(id, { contact_id: "bob" }),
      alice.put(item(id), "last_opened_at=7"),
      alice.put(item(id), "is_muted=true"),
      alice.put(item(id), "archived_at=9"),
    ]);
    assertConversation((await alice.get(item(id))).json, {
      last_active_at: sent.created_at,
      last_opened_at: 7,
      is_muted: true,
      archived_at: 9,
    });
  }
});
