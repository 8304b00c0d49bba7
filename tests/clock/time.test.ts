// The API shows whole seconds and decides more finely: of two messages in the same second the later one counts as
// later. And time never runs backwards in an object, also when the clock does.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Account, account } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { sql } from "../support/database.ts";
import { assertConversation, idsOf } from "../support/expectations.ts";
import { type Headers, keyed } from "../support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, rotation, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { base62 } from "../support/tokens.ts";

/** Many, because two requests of one second may also fall into two. */
const ROUNDS = 20;

/** The database's clock is so many seconds ahead. */
const clock = (ahead: number): Headers => ({ "x-test-clock": String(ahead) });
const NOW = clock(0);
const HOUR_BACK = clock(-3600);
const END_OF_TIME = 253402300799;

const CONTACT = { contact_id: "bob" };
const TOKEN = { name: "another", scopes: "messages:read" };
const OWN = { contact_id: null };

async function expectStatus(status: number, request: Promise<Answer>): Promise<any> {
  const answer = await request;
  assert.equal(answer.status, status, answer.text);
  return answer.json;
}

const create = async (alice: Account, headers = NOW) =>
  expectStatus(201, alice.post(COLLECTION, { contact_id: "bob" }, headers));

const say = (alice: Account, conversation: string, sender: typeof CONTACT | typeof OWN, headers = NOW) =>
  expectStatus(201, alice.post(MESSAGES, { conversation_id: conversation, message: "Hello", ...sender }, headers));

const open = (alice: Account, conversation: string, last_opened_at: number, headers = NOW) =>
  expectStatus(200, alice.put(item(conversation), { last_opened_at }, headers));

async function isUnread(alice: Account, conversation: string): Promise<boolean> {
  const [unread, read] = await Promise.all(
    [true, false].map(async (flag) => idsOf(await alice.get(`${COLLECTION}?unread=${flag}`)).includes(conversation)),
  );
  assert.notEqual(unread, read);
  return unread!;
}

const byActivity = async (alice: Account, query = "") =>
  idsOf(await alice.get(`${COLLECTION}?sort=last_active_at&limit=100${query}`));

/** The current second, as the database has it. */
const now = async () => Number((await sql("SELECT unixepoch() AS now"))[0]!.now);

describe("in the same second", () => {
  test("of two conversations the one with the later message comes first in order of activity", async () => {
    const alice = await account();
    const [a, b] = [(await create(alice)).id, (await create(alice)).id];
    for (let round = 0; round < 50; round += 1) {
      const [later, earlier] = round % 2 ? [a, b] : [b, a];
      await say(alice, earlier, round % 3 ? CONTACT : OWN);
      await say(alice, later, CONTACT);
      assert.deepEqual(await byActivity(alice), [later, earlier]);
    }
  });

  test("messages sent at once order their conversations as they order themselves", async () => {
    const alice = await account();
    const conversations = await Promise.all(Array.from({ length: ROUNDS }, () => create(alice)));
    await Promise.all(conversations.map(({ id }, n) => say(alice, id, n % 2 ? CONTACT : OWN)));
    const messages = (await alice.get(`${MESSAGES}?limit=100`)).json.data;
    const expected = messages.map(({ conversation_id }: { conversation_id: string }) => conversation_id);
    assert.equal(expected.length, ROUNDS);
    assert.deepEqual(await byActivity(alice), expected);
    assert.deepEqual(
      await byActivity(alice, "&unread=true"),
      expected.filter((id: string) => conversations.findIndex((each) => each.id === id) % 2),
    );
  });

  test("a contact's message after an opening makes the conversation unread", async () => {
    const alice = await account();
    const { id } = await create(alice);
    for (let round = 0; round < ROUNDS; round += 1) {
      await open(alice, id, round % 2 ? await now() : END_OF_TIME);
      assert.equal(await isUnread(alice, id), false);
      await say(alice, id, CONTACT);
      assert.equal(await isUnread(alice, id), true);
    }
  });

  test("a contact's message after one of the account's own makes the conversation unread", async () => {
    const alice = await account();
    const { id } = await create(alice);
    for (let round = 0; round < ROUNDS; round += 1) {
      await say(alice, id, OWN);
      assert.equal(await isUnread(alice, id), false);
      await say(alice, id, CONTACT);
      assert.equal(await isUnread(alice, id), true);
    }
  });
});

describe("last_opened_at", () => {
  /** A conversation with a message in each of three seconds of the past. */
  async function past(senders: (typeof CONTACT | typeof OWN)[]) {
    const alice = await account();
    const { id } = await create(alice, clock(-100));
    const messages = [];
    for (const [n, sender] of senders.entries()) messages.push(await say(alice, id, sender, clock(10 * n - 90)));
    return { alice, id, seconds: messages.map(({ created_at }) => created_at as number) };
  }

  test("in an earlier second means its end: what was received in that second is read", async () => {
    const { alice, id, seconds } = await past([CONTACT, CONTACT]);
    const [first, last] = seconds as [number, number];
    for (const [second, unread] of [
      [first - 1, true],
      [first, true],
      [last - 1, true],
      [last, false],
      [last + 1, false],
    ] as const) {
      assert.equal((await open(alice, id, second)).last_opened_at, second);
      assert.equal(await isUnread(alice, id), unread, `${second - last} seconds from the last message`);
    }
  });

  test("in an earlier second covers its last millisecond, and not the next one", async () => {
    const alice = await account();
    for (const [received, unread] of [
      [5000, false],
      [5999, false],
      [6000, true],
    ] as const) {
      const id = await alice.insert({ last_active_ms: received, last_received_ms: received });
      await open(alice, id, 5);
      assert.equal(await isUnread(alice, id), unread, `${received}`);
    }
  });

  test("in the current second or later means now", async () => {
    const alice = await account();
    const { id } = await create(alice);
    for (const ahead of [0, 1, 3600, END_OF_TIME]) {
      await say(alice, id, CONTACT);
      const from = await now();
      const { last_opened_at } = await open(alice, id, Math.min(END_OF_TIME, from + ahead));
      assert.ok(from <= last_opened_at && last_opened_at <= (await now()) + 1, `${last_opened_at}`);
      assert.equal(await isUnread(alice, id), false);
      await say(alice, id, CONTACT);
      assert.equal(await isUnread(alice, id), true);
    }
  });

  test("before an own message: the conversation stays read", async () => {
    const { alice, id, seconds } = await past([CONTACT, OWN, OWN]);
    const [received, own] = seconds as [number, number];
    assert.equal(await isUnread(alice, id), false);
    for (const [second, unread] of [
      [own, false],
      [received, false],
      [received - 1, true],
    ] as const) {
      assertConversation(await open(alice, id, second), { last_opened_at: second, last_active_at: seconds[2] });
      assert.equal(await isUnread(alice, id), unread);
    }
  });

  test("null: unread, until it is opened", async () => {
    const { alice, id, seconds } = await past([OWN]);
    await expectStatus(200, alice.put(item(id), { last_opened_at: null }));
    assert.equal(await isUnread(alice, id), true);
    await open(alice, id, seconds[0]!);
    assert.equal(await isUnread(alice, id), false);
  });
});

describe("when the clock jumped back an hour", () => {
  test("last_active_at does not decrease, and the order of activity is that of the messages", async () => {
    const alice = await account();
    const [a, b, c] = [(await create(alice)).id, (await create(alice)).id, (await create(alice, HOUR_BACK)).id];
    let last = 0;
    for (const [conversation, sender, headers] of [
      [a, CONTACT, NOW],
      [b, OWN, HOUR_BACK],
      [a, OWN, HOUR_BACK],
      [c, CONTACT, clock(-7200)],
      [b, CONTACT, HOUR_BACK],
      [a, CONTACT, NOW],
    ] as const) {
      const { created_at } = await say(alice, conversation, sender, headers);
      const { last_active_at } = (await alice.get(item(conversation))).json;
      assert.equal(last_active_at, created_at);
      assert.ok(last_active_at >= last);
      last = last_active_at;
      assert.equal((await byActivity(alice))[0], conversation);
    }
  });

  test("last_active_at does not decrease when the last message was deleted", async () => {
    const alice = await account();
    const { id } = await create(alice);
    const deleted = await say(alice, id, CONTACT);
    await expectStatus(204, alice.delete(messageItem(deleted.id)));
    const { created_at } = await say(alice, id, CONTACT, HOUR_BACK);
    assert.ok(created_at >= deleted.created_at);
    assert.equal((await alice.get(item(id))).json.last_active_at, created_at);
  });

  test("a contact's message makes the conversation unread, and one of the account's own opens it", async () => {
    const alice = await account();
    const { id } = await create(alice);
    await say(alice, id, CONTACT);
    for (const headers of [HOUR_BACK, clock(-7200), HOUR_BACK, NOW]) {
      await say(alice, id, OWN, headers);
      assert.equal(await isUnread(alice, id), false);
      await say(alice, id, CONTACT, headers);
      assert.equal(await isUnread(alice, id), true);
    }
  });

  test("opening a conversation now marks it read, and the next message of a contact makes it unread", async () => {
    const alice = await account();
    const { id } = await create(alice);
    for (const headers of [HOUR_BACK, clock(-7200), HOUR_BACK]) {
      await say(alice, id, CONTACT);
      const { last_active_at, last_opened_at } = await open(alice, id, (await now()) - 3600, clock(-7200));
      assert.ok(last_opened_at >= last_active_at);
      assert.equal(await isUnread(alice, id), false);
      await open(alice, id, END_OF_TIME, NOW);
      await say(alice, id, CONTACT, headers);
      assert.equal(await isUnread(alice, id), true);
    }
  });

  test("updated_at of a message does not decrease, and is not before created_at", async () => {
    const alice = await account();
    const { id } = await say(alice, (await create(alice)).id, CONTACT);
    let last = (await alice.get(messageItem(id))).json.created_at;
    for (const headers of [HOUR_BACK, clock(3600), HOUR_BACK, NOW]) {
      const { updated_at } = await expectStatus(200, alice.put(messageItem(id), "message=changed", headers));
      assert.ok(updated_at >= last, `${updated_at} after ${last}`);
      last = updated_at;
    }
  });

  test("conversations, messages and tokens are created, and the newest is first in its list", async () => {
    const alice = await account();
    const { id: conversation } = await create(alice);
    for (const headers of [NOW, HOUR_BACK, clock(-7200), NOW]) {
      const { id: message } = await say(alice, conversation, CONTACT, headers);
      const { id } = await create(alice, headers);
      const { id: newToken } = await expectStatus(201, alice.post(TOKEN_COLLECTION, TOKEN, headers));
      for (const [path, newest] of [
        [COLLECTION, id],
        [MESSAGES, message],
        [TOKEN_COLLECTION, newToken],
      ]) {
        assert.equal(idsOf(await alice.get(path))[0], newest);
      }
    }
  });
});

test("every time and every new id is the database's, whatever the Worker's clock says", async () => {
  const alice = await account();
  // Ids come after the newest, and the account's own token has a random one.
  await sql("UPDATE tokens SET id = '0000000' || substr(id, 8) WHERE account_id = ?", alice.id);
  const ahead = 10 * 86_400;
  const headers = clock(ahead);
  const from = (await now()) + ahead;
  const isNow = (seconds: number | null) => {
    assert.ok(seconds !== null && from <= seconds && seconds <= from + 60, `${seconds}`);
  };
  const isNew = (id: string) => {
    assert.ok(base62(1000 * from, 7) <= id && id < base62(1000 * (from + 60), 7), id);
  };

  const { id, ...conversation } = await create(alice, headers);
  isNew(id);
  isNow(conversation.created_at);
  const distinct = { contact_id: "carol", distinct: true };
  isNew((await expectStatus(201, alice.post(COLLECTION, distinct, headers))).id);
  const message = await say(alice, id, OWN, headers);
  isNew(message.id);
  isNow(message.created_at);
  const { last_active_at, last_opened_at } = (await alice.get(item(id))).json;
  isNow(last_active_at);
  isNow(last_opened_at);
  isNow((await expectStatus(200, alice.put(messageItem(message.id), "message=changed", headers))).updated_at);
  isNow((await open(alice, id, END_OF_TIME, headers)).last_opened_at);

  const token = await expectStatus(201, alice.post(TOKEN_COLLECTION, TOKEN, { ...headers, ...keyed("once") }));
  isNew(token.id);
  isNow(token.created_at);
  const successor = await expectStatus(201, alice.post(rotation(token.id), { grace_period: 50 }, headers));
  isNew(successor.id);
  isNow(successor.created_at);
  isNow((await alice.get(tokenItem(token.id))).json.revoked_at - 50);
  await expectStatus(204, alice.delete(tokenItem(successor.id), undefined, headers));
  isNow((await alice.get(tokenItem(successor.id))).json.revoked_at);
  isNow(Number((await alice.everything()).keys![0]!.expires_at) - 86_400);
});

test("after an id far ahead of the clock ids rise, and so does the time of messages", async () => {
  const alice = await account();
  // As after a clock that was in the year 2060 for a while.
  const ahead = base62(2_850_000_000_000, 7);
  const conversation = await alice.insert({ id: `${ahead}000000000` });
  const message = await alice.insertMessage(conversation, { id: `${ahead}zzzzzzzzz` });
  const created = [await create(alice), await create(alice)].map(({ id }) => id);
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), [...created.toReversed(), conversation]);
  const sent = [await say(alice, created[0], CONTACT), await say(alice, created[1], OWN)];
  assert.deepEqual(idsOf(await alice.get(MESSAGES)), [sent[1].id, sent[0].id, message]);
  assert.deepEqual(await byActivity(alice), [created[1], created[0], conversation]);
  for (const [n, { created_at }] of sent.entries()) {
    assert.equal(created_at, 2_850_000_000);
    assert.equal((await alice.get(item(created[n]))).json.last_active_at, created_at);
  }
});

test("an id far ahead moves the ids of its own kind, and no time", async () => {
  const alice = await account();
  // The id of the conversation in the API reference. Its first characters would be the year 2076.
  await alice.insert({ id: "xgQQXg3hrtjh7AvZ" });
  const around = async (created_at: number) => assert.ok(Math.abs(created_at - (await now())) < 60, String(created_at));
  const kept = await create(alice);
  assert.ok(kept.id > "xgQQXg3hrtjh7AvZ");
  await around(kept.created_at);
  assert.equal((await alice.delete(item("xgQQXg3hrtjh7AvZ"))).status, 204);
  await around((await create(alice)).created_at);
  await around((await say(alice, kept.id, CONTACT)).created_at);
  await around((await alice.get(item(kept.id))).json.last_active_at);
});
