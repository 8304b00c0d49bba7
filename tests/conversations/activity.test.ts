// What messages drive: order by activity, unread, marking read and unread, pinned messages.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account } from "../support/accounts.ts";
import { assertConversation, assertError, idsOf, LATEST, links, now, position } from "../support/expectations.ts";
import { COLLECTION, item, messageItem, NO_ID } from "../support/paths.ts";

const list = (query: string): string => `${COLLECTION}?${query}`;
const BY_ACTIVITY = "sort=last_active_at";

/** Conversations by their times of activity and opening; `ids` are in the order given, the oldest first. */
async function holder(...times: [number | null, (number | null)?][]) {
  const alice = await account();
  const ids: string[] = [];
  for (const [n, [last_active_at, last_opened_at = null]] of times.entries()) {
    ids.push(await alice.insert({ id: `c${String(n).padStart(15, "0")}`, last_active_at, last_opened_at }));
  }
  return { alice, ids };
}

/** Every page of a list, following next. */
async function walk(alice: Account, path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer = await alice.get(next);
    pages.push(idsOf(answer));
    next = links(answer).next;
    assert.equal(answer.json.has_more, next !== undefined);
  }
  return pages;
}

// --------------------------------------------------------------------------------------------------- order by activity

test("sort=last_active_at: most recently active first, newer first in the same second, never active last", async () => {
  const { alice, ids } = await holder([5], [null], [1], [LATEST], [5], [null], [99], [2]);
  const order = [3, 6, 4, 0, 7, 2, 5, 1].map((n) => ids[n]);
  assert.deepEqual(idsOf(await alice.get(list(BY_ACTIVITY))), order);
  for (const limit of [1, 2, 3, 7])
    assert.deepEqual((await walk(alice, list(`${BY_ACTIVITY}&limit=${limit}`))).flat(), order, String(limit));
});

test("sort=created_at is the default", async () => {
  const { alice, ids } = await holder([9], [null], [5]);
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), ids.toReversed());
  assert.deepEqual(idsOf(await alice.get(list("sort=created_at"))), ids.toReversed());
  const { next } = links(await alice.get(list("sort=created_at&limit=1")));
  assert.deepEqual(idsOf(await alice.get(String(next))), [ids[1]]);
});

test("a new message makes its conversation the first", async () => {
  const {
    alice,
    ids: [first, second, third],
  } = await holder([5], [9], [null]);
  const order = async () => idsOf(await alice.get(list(BY_ACTIVITY)));
  assert.deepEqual(await order(), [second, first, third]);
  await alice.say(String(first), { contact_id: "bob" });
  assert.deepEqual(await order(), [first, second, third]);
});

test("a listed conversation is the same text as a retrieved one, in both orders", async () => {
  const {
    alice,
    ids: [id],
  } = await holder([LATEST, 0]);
  const { text } = await alice.get(item(String(id)));
  for (const query of [BY_ACTIVITY, `${BY_ACTIVITY}&unread=true`, "unread=true", `${BY_ACTIVITY}&contact_id=someone`]) {
    assert.equal((await alice.get(list(query))).text, `{"has_more":false,"data":[${text}]}`, query);
  }
});

test("links keep sort and unread, in both directions", async () => {
  const times = Array.from({ length: 12 }, (_, n): [number] => [(n * 5) % 7]);
  const { alice } = await holder(...times);
  for (const [query, count] of [
    [BY_ACTIVITY, 12],
    [`${BY_ACTIVITY}&unread=true`, 12],
    ["unread=true", 12],
    [`unread=true&muted=false&${BY_ACTIVITY}&contact_id=someone`, 12],
  ] as const) {
    const seen: string[][] = [];
    let answer = await alice.get(list(`${query}&limit=5`));
    for (;;) {
      seen.push(idsOf(answer));
      const { next } = links(answer);
      if (next === undefined) break;
      const kept = new URLSearchParams(next.slice(next.indexOf("?")));
      for (const [name, value] of new URLSearchParams(`${query}&limit=5`)) assert.equal(kept.get(name), value, next);
      assert.equal(String(kept.get("starting_after")).length, query.includes("sort") ? 23 : 16);
      answer = await alice.get(next);
    }
    assert.equal(new Set(seen.flat()).size, count);
    const back: string[][] = [seen.at(-1)!];
    for (let prev = links(answer).prev; prev !== undefined; prev = links(answer).prev) {
      answer = await alice.get(prev);
      back.unshift(idsOf(answer));
    }
    assert.deepEqual(back, seen, query);
  }
});

test("a cursor stays valid when its conversation moves in the order or is deleted", async () => {
  const { alice, ids } = await holder([1], [2], [3], [4], [5], [6]);
  const first = await alice.get(list(`${BY_ACTIVITY}&limit=2`));
  assert.deepEqual(idsOf(first), [ids[5], ids[4]]);
  await alice.say(String(ids[4]));
  const second = await alice.get(String(links(first).next));
  assert.deepEqual(idsOf(second), [ids[3], ids[2]]);
  await alice.delete(item(String(ids[2])));
  assert.deepEqual(idsOf(await alice.get(String(links(second).next))), [ids[1], ids[0]]);
  assert.deepEqual(idsOf(await alice.get(String(links(second).prev))), [ids[4], ids[5]], "what moved is before it now");
});

test("a position need not be one of a conversation", async () => {
  const {
    alice,
    ids: [never, five, nine],
  } = await holder([null], [5], [9]);
  const ids = async (query: string) => idsOf(await alice.get(list(`${BY_ACTIVITY}&${query}`)));
  assert.deepEqual(await ids(`starting_after=${position(NO_ID, 7)}`), [five, never]);
  assert.deepEqual(await ids(`ending_before=${position(NO_ID, 7)}`), [nine]);
  assert.deepEqual(await ids(`starting_after=${position("0".repeat(16), 9)}`), [five, never]);
  assert.deepEqual(await ids(`ending_before=${position("0".repeat(16), null)}`), [nine, five, never]);
  assert.deepEqual(await ids(`starting_after=${position("0".repeat(16), null)}`), []);
  assert.deepEqual(await ids(`starting_after=${"z".repeat(23)}`), [nine, five, never]);
});

test("a cursor of the other order is a 400 that says to take it from the Link header", async () => {
  const {
    alice,
    ids: [id],
  } = await holder([5]);
  for (const cursor of ["starting_after", "ending_before"]) {
    const wrong = await alice.get(list(`${BY_ACTIVITY}&${cursor}=${id}`));
    assertError(wrong, 400, "parameter_invalid", cursor);
    assert.match(wrong.json.message, /Link/);
    for (const query of [
      `${cursor}=${position(String(id), 5)}`,
      `sort=created_at&${cursor}=${position(String(id), 5)}`,
    ]) {
      assertError(await alice.get(list(query)), 400, "parameter_invalid", cursor);
    }
  }
});

// -------------------------------------------------------------------------------------------------------------- unread

test("unread=true lists conversations never opened or written to since, unread=false the others", async () => {
  const { alice, ids } = await holder(
    [null, null],
    [5, null],
    [null, 0],
    [5, 5],
    [5, 4],
    [4, 5],
    [0, null],
    [LATEST, LATEST - 1],
  );
  const unread = [7, 6, 4, 1, 0].map((n) => ids[n]);
  const read = [5, 3, 2].map((n) => ids[n]);
  assert.deepEqual(idsOf(await alice.get(list("unread=true"))), unread);
  assert.deepEqual(idsOf(await alice.get(list("unread=false"))), read);
  assert.deepEqual(new Set(idsOf(await alice.get(list(`unread=true&${BY_ACTIVITY}`)))), new Set(unread));
  assert.deepEqual(new Set(idsOf(await alice.get(list(`unread=false&${BY_ACTIVITY}`)))), new Set(read));
});

test("a contact's message makes a conversation unread, the account's own message or opening it read", async () => {
  const alice = await account();
  const { id } = (await alice.post(COLLECTION, "contact_id=bob")).json;
  const isUnread = async () =>
    [idsOf(await alice.get(list("unread=true"))), idsOf(await alice.get(list("unread=false")))].map(
      (ids) => ids.length,
    );
  assert.deepEqual(await isUnread(), [1, 0], "new, and never opened");
  const { created_at } = await alice.say(id);
  assert.deepEqual(await isUnread(), [0, 1]);
  await alice.put(item(id), { last_opened_at: created_at - 1 });
  assert.deepEqual(await isUnread(), [0, 1], "a message of its own is not one to read");
  const { created_at: later } = await alice.say(id, { contact_id: "bob" });
  assert.deepEqual(await isUnread(), [1, 0]);
  await alice.put(item(id), { last_opened_at: later - 1 });
  assert.deepEqual(await isUnread(), [1, 0]);
  await alice.put(item(id), `last_opened_at=${later}`);
  assert.deepEqual(await isUnread(), [0, 1]);
  await alice.put(item(id), "last_opened_at=");
  assert.deepEqual(await isUnread(), [1, 0]);
});

test("unread and sort combine with every filter", async () => {
  const alice = await account();
  type Stored = {
    id: string;
    pinned: boolean;
    muted: boolean;
    archived: boolean;
    unread: boolean;
    contact_id: string;
    group_id: string | null;
    active: number | null;
  };
  const all: Stored[] = [];
  for (const contact_id of ["bob", "carol"]) {
    for (const group_id of [null, "team"]) {
      for (let state = 0; state < 16; state += 1) {
        const [pinned, muted, archived, unread] = [1, 2, 4, 8].map((bit) => (state & bit) > 0) as [
          boolean,
          boolean,
          boolean,
          boolean,
        ];
        const active = state % 3 === 0 ? null : 100 + ((state * 7) % 5);
        const last_opened_at = unread ? (active === null ? null : active - 1) : (active ?? 0);
        const id = await alice.insert({
          contact_id,
          group_id,
          is_pinned: Number(pinned),
          is_muted: Number(muted),
          archived_at: archived ? 1 : null,
          last_active_at: active,
          last_opened_at,
        });
        all.push({ id, pinned, muted, archived, unread, contact_id, group_id, active });
      }
    }
  }
  all.sort((a, b) => (a.id < b.id ? 1 : -1));
  const byActivity = all.toSorted((a, b) => (b.active ?? -1) - (a.active ?? -1));
  const choices = [undefined, true, false];
  for (const [sort, rows] of [
    ["created_at", all],
    ["last_active_at", byActivity],
  ] as const) {
    for (const unread of choices)
      for (const pinned of choices)
        for (const muted of choices)
          for (const archived of choices) {
            await Promise.all(
              [undefined, "bob", "nobody"].flatMap((contact_id) =>
                [undefined, "team"].map(async (group_id) => {
                  const wanted = Object.entries({ group_id, archived, muted, unread, contact_id, pinned }).filter(
                    ([, value]) => value !== undefined,
                  );
                  const query = [`sort=${sort}`, ...wanted.map(([name, value]) => `${name}=${value}`)].join("&");
                  const expected = rows
                    .filter((row) => wanted.every(([name, value]) => row[name as keyof Stored] === value))
                    .map(({ id }) => id);
                  assert.deepEqual(idsOf(await alice.get(list(`${query}&limit=100`))), expected, query);
                  assert.deepEqual(idsOf(await alice.get(list(`${query}&limit=3`))), expected.slice(0, 3), query);
                }),
              ),
            );
          }
  }
});

// ------------------------------------------------------------------------------------------------------ last_opened_at

test("last_opened_at with a time marks a conversation read, with null unread, and changes nothing else", async () => {
  const alice = await account();
  const id = await alice.insert({ last_active_at: 5, is_muted: 1 });
  let expected = (await alice.get(item(id))).json;
  for (const [attributes, last_opened_at] of [
    [{ last_opened_at: 0 }, 0],
    ["last_opened_at=705103200", 705103200],
    [{ last_opened_at: null }, null],
    ["last_opened_at=", null],
  ] as const) {
    expected = { ...expected, last_opened_at };
    assertConversation((await alice.put(item(id), attributes)).json, expected);
    assertConversation((await alice.patch(item(id), attributes)).json, expected);
  }
});

test("last_opened_at in the current second or later means now", async () => {
  const alice = await account();
  const id = await alice.insert({ last_active_at: 5 });
  for (const seconds of [now() + 1, now() + 60, 253402300799]) {
    const before = now();
    const { last_opened_at } = (await alice.put(item(id), { last_opened_at: seconds })).json;
    assert.ok(before <= last_opened_at && last_opened_at <= now(), `${seconds} is shown as ${last_opened_at}`);
  }
});

test("GET does not change last_opened_at", async () => {
  const alice = await account();
  const id = await alice.insert();
  await alice.say(id, { contact_id: "bob" });
  const before = await alice.contents();
  for (const path of [
    COLLECTION,
    list("unread=true"),
    list(BY_ACTIVITY),
    item(id),
    `/v1/messages?conversation_id=${id}`,
  ]) {
    for (const answer of [await alice.get(path), await alice.head(path)])
      assert.deepEqual([answer.status, answer.cost.rowsWritten], [200, 0]);
  }
  assert.deepEqual(await alice.contents(), before);
});

test("an update without attributes writes nothing", async () => {
  const alice = await account();
  const id = await alice.insert();
  for (const verb of ["put", "patch"] as const) {
    for (const attributes of [undefined, "", {}])
      assert.equal((await alice[verb](item(id), attributes)).cost.rowsWritten, 0);
  }
});

// ----------------------------------------------------------------------------------------------------- pinned messages

test("a message can be pinned, replaced by another and unpinned", async () => {
  const alice = await account();
  const { id } = (await alice.post(COLLECTION, "contact_id=bob")).json;
  const [first, second] = [await alice.say(id), await alice.say(id, { contact_id: "bob" })];
  for (const pinned_message_id of [first.id, second.id, second.id, null]) {
    assertConversation((await alice.put(item(id), { pinned_message_id })).json, { pinned_message_id });
    assertConversation((await alice.get(item(id))).json, { pinned_message_id });
  }
});

test("pinning a message of another conversation, of another account or of none is a 400", async () => {
  const [alice, bob] = [await account(), await account()];
  const [id, other] = [await alice.insert(), await alice.insert()];
  const mine = await alice.say(id);
  const others = await alice.say(other);
  const foreign = await bob.say(await bob.insert({ id }));
  const gone = await alice.say(id);
  await alice.delete(messageItem(gone.id));
  const before = (await alice.put(item(id), { pinned_message_id: mine.id })).text;
  for (const message of [others, foreign, gone]) {
    const answer = await alice.put(item(id), { pinned_message_id: message.id, is_muted: true, last_opened_at: 5 });
    assertError(answer, 400, "parameter_invalid", "pinned_message_id");
    assert.match(answer.json.message, /pinned_message_id.*message.*conversation/);
  }
  assert.equal((await alice.get(item(id))).text, before);
});

test("a conversation with a pinned message can be deleted", async () => {
  const alice = await account();
  const id = await alice.insert();
  await alice.put(item(id), { pinned_message_id: (await alice.say(id)).id });
  assert.equal((await alice.delete(item(id))).status, 204);
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });
});
