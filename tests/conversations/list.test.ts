// GET /v1/conversations: what is listed, in which order, and narrowed by what. Paging: tests/paging.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertConversation, assertError, FIELDS, idsOf, LATEST } from "../support/expectations.ts";
import { COLLECTION, item } from "../support/paths.ts";

test("an account without conversations has an empty list", async () => {
  const { text, status } = await (await account()).get(COLLECTION);
  assert.equal(status, 200);
  assert.equal(text, '{"has_more":false,"data":[]}');
});

test("a list is has_more and data, and nothing else", async () => {
  const alice = await account();
  await alice.post(COLLECTION, "contact_id=bob");
  const { json } = await alice.get(COLLECTION);
  assert.deepEqual(Object.keys(json), ["has_more", "data"]);
  assert.deepEqual(Object.keys(json.data[0]), FIELDS);
});

test("a listed conversation is the same text as the one retrieved", async () => {
  const alice = await account();
  const id = await alice.insert({
    group_id: "team",
    is_pinned: 1,
    last_active_at: 705103200,
    archived_at: 253402300799,
  });
  const message = await alice.insertMessage(id);
  await alice.put(item(id), { pinned_message_id: message });
  const one = await alice.get(item(id));
  const all = await alice.get(COLLECTION);
  assert.equal(all.text, `{"has_more":false,"data":[${one.text}]}`);
});

test("flags are booleans, timestamps are whole numbers, and unset attributes are null", async () => {
  const alice = await account();
  await alice.insert({ is_muted: 1, last_active_at: 0, last_opened_at: LATEST });
  const { json, text } = await alice.get(COLLECTION);
  assertConversation(json.data[0], {
    contact_id: "someone",
    group_id: null,
    pinned_message_id: null,
    is_pinned: false,
    is_muted: true,
    last_active_at: 0,
    last_opened_at: LATEST,
    created_at: 692233200,
    archived_at: null,
  });
  // JSON.parse takes 1.0 and 1e0 for 1. An id is a text, and may have digits around an "e".
  assert.doesNotMatch(text.replaceAll(/"[^"]*"/g, ""), /\.|\de/i);
});

test("the newest conversation comes first", async () => {
  const alice = await account();
  for (const id of ["aaaaaaaaaaaaaaaa", "0000000000000000", "ZZZZZZZZZZZZZZZZ", "zzzzzzzzzzzzzzzz"]) {
    await alice.insert({ id });
  }
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), [
    "zzzzzzzzzzzzzzzz",
    "aaaaaaaaaaaaaaaa",
    "ZZZZZZZZZZZZZZZZ",
    "0000000000000000",
  ]);
});

test("a page has at most ten conversations, or as many as limit says, from 1 to 100", async () => {
  const alice = await account();
  for (let i = 0; i < 101; i += 1) await alice.insert();
  for (const [query, count] of [
    ["", 10],
    ["?limit=1", 1],
    ["?limit=100", 100],
    ["?limit=11", 11],
  ] as const) {
    const answer = await alice.get(COLLECTION + query);
    assert.equal(idsOf(answer).length, count, query);
    assert.equal(answer.json.has_more, true, query);
  }
});

test("muted, archived and pinned: true lists those, false the others, absent all, in any combination", async () => {
  const alice = await account();
  const all: {
    id: string;
    pinned: boolean;
    muted: boolean;
    archived: boolean;
    contact_id: string;
    group_id: string | null;
  }[] = [];
  for (const contact_id of ["bob", "carol"]) {
    for (const group_id of [null, "team"]) {
      for (let state = 0; state < 8; state += 1) {
        const [pinned, muted, archived] = [(state & 1) > 0, (state & 2) > 0, (state & 4) > 0];
        const id = await alice.insert({
          contact_id,
          group_id,
          is_pinned: Number(pinned),
          is_muted: Number(muted),
          archived_at: archived ? 1 : null,
        });
        all.push({ id, pinned, muted, archived, contact_id, group_id });
      }
    }
  }
  all.sort((a, b) => (a.id < b.id ? 1 : -1));
  const choices = [undefined, true, false];
  for (const pinned of choices)
    for (const muted of choices)
      for (const archived of choices) {
        for (const contact_id of [undefined, "bob", "nobody"])
          for (const group_id of [undefined, "team"]) {
            const wanted = Object.entries({ group_id, archived, muted, contact_id, pinned }).filter(
              ([, v]) => v !== undefined,
            );
            const query = wanted.map(([name, value]) => `${name}=${value}`).join("&");
            const expected = all.filter((row) =>
              wanted.every(([name, value]) => row[name as keyof typeof row] === value),
            );
            assert.deepEqual(
              idsOf(await alice.get(`${COLLECTION}?limit=100&${query}`)),
              expected.map(({ id }) => id),
              query,
            );
          }
      }
});

test("a filter compares the whole value, case-sensitively", async () => {
  const alice = await account();
  const id = await alice.insert({ contact_id: null, group_id: "Team_1" });
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?group_id=Team_1`)), [id]);
  for (const other of ["team_1", "Team", "Team_", "Team_11", "TeamX1", "null"]) {
    assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?group_id=${other}`)), [], other);
  }
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?contact_id=null`)), []);
});

test("names and values can be percent-encoded", async () => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "a-b" });
  await alice.insert();
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?%63ontact_id=%61%2Db&limit=%31`)), [id]);
});

test("an update moves a conversation from one filter to another", async () => {
  const alice = await account();
  const id = await alice.insert();
  await alice.put(item(id), "is_muted=true&archived_at=705103200");
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?muted=true&archived=true`)), [id]);
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?muted=false`)), []);
  await alice.put(item(id), "archived_at=");
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?archived=false`)), [id]);
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const alice = await account();
  await alice.insert();
  await alice.insert();
  const path = `${COLLECTION}?limit=1`;
  const [get, head] = [await alice.get(path), await alice.head(path)];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control", "link", "access-control-expose-headers"]) {
    assert.equal(head.headers[name], get.headers[name], name);
  }
  assertError(await alice.get(`${COLLECTION}?limit=0`), 400, "parameter_invalid", "limit");
  assert.equal((await alice.head(`${COLLECTION}?limit=0`)).status, 400);
});
