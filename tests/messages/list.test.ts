// GET /v1/messages: what is listed, in which order, narrowed by what, and its pages.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError, idsOf, links, MESSAGE_FIELDS } from "../support/expectations.ts";
import { fillTexts } from "../support/large.ts";
import { item, MESSAGES, messageItem, NO_ID } from "../support/paths.ts";

/** Ids in order: `at(1)` is the oldest. Odd numbers name messages, even ones the gaps between them. */
const at = (n: number): string => String(n).padStart(16, "0");
const numbers = (ids: string[]): number[] => ids.map(Number);

/** An account with messages 1, 3, 5 … 2 × count - 1, by turns in two conversations. */
async function holder(count: number) {
  const alice = await account();
  const conversations = [await alice.insert(), await alice.insert()];
  for (let n = 0; n < count; n += 1)
    await alice.insertMessage(conversations[n % 2]!, { id: at(2 * n + 1), message: `Message ${n}` });
  return { alice, conversations: conversations as [string, string] };
}

const list = (query: string): string => `${MESSAGES}?${query}`;

test("an account without messages has an empty list", async () => {
  const alice = await account();
  await alice.insert();
  assert.equal((await alice.get(MESSAGES)).text, '{"has_more":false,"data":[]}');
});

test("a list is has_more and data, and a listed message is the same text as a retrieved one", async () => {
  const alice = await account();
  const message = await alice.say(await alice.insert(), { message: 'tab\tbreak\nquote"' });
  const { json, text } = await alice.get(MESSAGES);
  assert.deepEqual(Object.keys(json), ["has_more", "data"]);
  assert.deepEqual(Object.keys(json.data[0]), MESSAGE_FIELDS);
  assert.equal(text, `{"has_more":false,"data":[${(await alice.get(messageItem(message.id))).text}]}`);
});

test("newest first, at most ten, or as many as limit says", async () => {
  const { alice } = await holder(101);
  for (const [query, count] of [
    ["", 10],
    ["limit=1", 1],
    ["limit=100", 100],
    ["limit=11", 11],
  ] as const) {
    const answer = await alice.get(list(query));
    assert.deepEqual(
      numbers(idsOf(answer)),
      Array.from({ length: count }, (_, n) => 201 - 2 * n),
      query,
    );
    assert.equal(answer.json.has_more, true, query);
  }
});

test("conversation_id lists the messages of one conversation", async () => {
  const { alice, conversations } = await holder(6);
  assert.deepEqual(numbers(idsOf(await alice.get(list(`conversation_id=${conversations[0]}`)))), [9, 5, 1]);
  assert.deepEqual(numbers(idsOf(await alice.get(list(`conversation_id=${conversations[1]}`)))), [11, 7, 3]);
});

test("the list of a conversation that does not exist, or of another account, is empty", async () => {
  const { conversations } = await holder(3);
  const bob = await account();
  for (const id of [NO_ID, conversations[0]]) {
    const answer = await bob.get(list(`conversation_id=${id}`));
    assert.equal(answer.text, '{"has_more":false,"data":[]}');
    assert.equal(answer.headers.link, undefined);
  }
});

test("following next returns every message once, prev leads back, and links keep conversation_id", async () => {
  const {
    alice,
    conversations: [conversation],
  } = await holder(50);
  const seen: string[][] = [];
  let last = await alice.get(list(`conversation_id=${conversation}`));
  for (;;) {
    seen.push(idsOf(last));
    const { next } = links(last);
    assert.equal(last.json.has_more, next !== undefined);
    if (next === undefined) break;
    assert.ok(next.includes(`conversation_id=${conversation}`) && next.startsWith(`${MESSAGES}?`), next);
    last = await alice.get(next);
  }
  assert.deepEqual(
    seen.map((page) => page.length),
    [10, 10, 5],
  );
  assert.deepEqual(
    numbers(seen.flat()),
    Array.from({ length: 25 }, (_, n) => 97 - 4 * n),
  );
  const middle = await alice.get(String(links(last).prev));
  const first = await alice.get(String(links(middle).prev));
  assert.deepEqual([idsOf(first), idsOf(middle)], seen.slice(0, 2));
  assert.deepEqual([middle.json.has_more, first.json.has_more], [true, false]);
  assert.deepEqual(Object.keys(links(first)), ["next"]);
});

test("a cursor is a position: the id need not exist, nor belong to the conversation", async () => {
  const {
    alice,
    conversations: [conversation],
  } = await holder(6);
  const ids = async (query: string) => numbers(idsOf(await alice.get(list(query))));
  assert.deepEqual(await ids(`starting_after=${at(6)}`), [5, 3, 1]);
  assert.deepEqual(await ids(`ending_before=${at(6)}`), [11, 9, 7]);
  assert.deepEqual(await ids(`limit=1&ending_before=${at(6)}`), [7]);
  assert.deepEqual(await ids(`conversation_id=${conversation}&starting_after=${at(7)}`), [5, 1]);
  assert.deepEqual(await ids(`conversation_id=${conversation}&ending_before=${at(3)}`), [9, 5]);
  assert.deepEqual(await ids("starting_after=zzzzzzzzzzzzzzzz"), [11, 9, 7, 5, 3, 1]);
  assert.deepEqual(await ids("ending_before=zzzzzzzzzzzzzzzz"), []);
});

test("pagination goes on after the object of the cursor was deleted", async () => {
  const { alice } = await holder(6);
  const first = await alice.get(list("limit=2"));
  await alice.delete(messageItem(at(9)));
  assert.deepEqual(numbers(idsOf(await alice.get(String(links(first).next)))), [7, 5]);
});

test("messages of a deleted conversation are in no list", async () => {
  const { alice, conversations } = await holder(6);
  await alice.delete(item(conversations[0]));
  assert.deepEqual(numbers(idsOf(await alice.get(MESSAGES))), [11, 7, 3]);
  assert.deepEqual(idsOf(await alice.get(list(`conversation_id=${conversations[0]}`))), []);
});

for (const [character, bytes] of [
  ["x", 1],
  ["é", 2],
  ["漢", 3],
  ["😀", 4],
  ['"', 2],
] as const) {
  test(`a page ends before its limit where its objects exceed 1 MB: 10,000 characters ${character}`, async () => {
    const alice = await account();
    const conversation = await alice.insert();
    const message = character.repeat(10_000);
    await fillTexts(alice, conversation, 101, message);
    const objectBytes = Buffer.byteLength((await alice.get(messageItem(at(1)))).text);
    assert.ok(objectBytes > 10_000 * bytes);
    const expected = Math.min(100, Math.floor(1_000_000 / objectBytes));

    const seen: string[] = [];
    let next: string | undefined = list("limit=100");
    while (next !== undefined) {
      const answer = await alice.get(next);
      const { data, has_more } = answer.json;
      assert.ok(Buffer.byteLength(answer.text) <= 1_000_200);
      assert.ok(data.every((each: { message: string }) => each.message === message));
      assert.equal(data.length, has_more ? expected : 101 - seen.length);
      const { prev, next: after } = links(answer);
      if (prev !== undefined) {
        const back = await alice.get(prev);
        assert.deepEqual(idsOf(back), seen.slice(-expected));
        assert.equal(back.json.has_more, seen.length > expected);
      }
      seen.push(...idsOf(answer));
      next = after;
    }
    assert.deepEqual(
      numbers(seen),
      Array.from({ length: 101 }, (_, n) => 101 - n),
    );
  });
}

test("listing and retrieving change nothing", async () => {
  const { alice, conversations } = await holder(6);
  const before = await alice.contents();
  for (const path of [
    MESSAGES,
    list(`conversation_id=${conversations[0]}`),
    messageItem(at(1)),
    item(conversations[0]),
  ]) {
    const answer = await alice.get(path);
    assert.deepEqual([answer.status, answer.cost.rowsWritten], [200, 0]);
    assert.equal((await alice.head(path)).cost.rowsWritten, 0);
  }
  assert.deepEqual(await alice.contents(), before);
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const { alice } = await holder(3);
  const [get, head] = [await alice.get(list("limit=1")), await alice.head(list("limit=1"))];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control", "link"])
    assert.equal(head.headers[name], get.headers[name], name);
  assertError(await alice.get(list("limit=0")), 400, "parameter_invalid", "limit");
});
