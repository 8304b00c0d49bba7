// POST /v1/conversations. What is refused: tests/bad_input.test.ts; what holds under contention: tests/race.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertConversation, assertError, idsOf, now } from "../support/expectations.ts";
import { COLLECTION, item } from "../support/paths.ts";

const FRESH = {
  group_id: null,
  pinned_message_id: null,
  is_pinned: false,
  is_muted: false,
  last_active_at: null,
  last_opened_at: null,
  archived_at: null,
};

test("a new conversation is a 201 with the whole object and its Location", async () => {
  const alice = await account();
  const before = now();
  const { status, json, headers } = await alice.post(COLLECTION, "contact_id=WAz8eIbvDR60rouK");
  const after = now();
  assert.equal(status, 201);
  assertConversation(json, { ...FRESH, contact_id: "WAz8eIbvDR60rouK" });
  assert.match(json.id, /^[0-9A-Za-z]{16}$/);
  assert.ok(Number.isInteger(json.created_at) && before <= json.created_at && json.created_at <= after);
  assert.equal(headers.location, item(json.id));
  assert.deepEqual((await alice.get(String(headers.location))).json, json);
});

test("a form and JSON mean the same", async () => {
  const alice = await account();
  for (const attributes of ["contact_id=bob&group_id=team", { contact_id: "bob", group_id: "team" }]) {
    const { status, json } = await alice.post(COLLECTION, attributes);
    assert.equal(status, 201);
    assertConversation(json, { ...FRESH, contact_id: "bob", group_id: "team" });
  }
});

test("a conversation can have a group and no contact", async () => {
  const alice = await account();
  const { status, json } = await alice.post(COLLECTION, { group_id: "team" });
  assert.equal(status, 201);
  assertConversation(json, { ...FRESH, contact_id: null, group_id: "team" });
});

test("contact_id or group_id can be null, or an empty value of a form", async () => {
  const alice = await account();
  for (const attributes of [{ contact_id: null, group_id: "team" }, "contact_id=&group_id=team"]) {
    const { status, json, text } = await alice.post(COLLECTION, attributes);
    assert.equal(status, 201, text);
    assertConversation(json, { ...FRESH, contact_id: null, group_id: "team" });
  }
});

test("without contact_id and group_id it is a 400", async () => {
  const alice = await account();
  for (const attributes of [
    undefined,
    "",
    {},
    "distinct=true",
    { contact_id: null },
    { contact_id: null, group_id: null },
  ]) {
    assertError(await alice.post(COLLECTION, attributes), 400, "parameter_missing", "contact_id");
  }
  assert.deepEqual((await alice.contents()).conversations, []);
});

test("references are 1 to 64 characters of A-Z, a-z, 0-9, _ and -", async () => {
  const alice = await account();
  for (const reference of ["0", "_", "-", "a".repeat(64), "Az09_-", "null", "true", "12345678901234567890"]) {
    const { status, json } = await alice.post(COLLECTION, { contact_id: reference });
    assert.equal(status, 201);
    assert.equal(json.contact_id, reference);
  }
});

test("content types are case-insensitive, and the only charset is UTF-8", async () => {
  const alice = await account();
  const bodies = { "application/x-www-form-urlencoded": "contact_id=bob", "application/json": '{"contact_id":"bob"}' };
  for (const [type, body] of Object.entries(bodies)) {
    for (const spelling of [
      type,
      type.toUpperCase(),
      `${type}; charset=utf-8`,
      `${type};charset=UTF-8`,
      `${type}; charset="utf-8"`,
    ]) {
      const { status, text } = await alice.send("POST", COLLECTION, { "Content-Type": spelling }, body);
      assert.equal(status, 201, `${spelling}: ${text}`);
    }
  }
});

test("every POST creates a conversation, also with the same contact", async () => {
  const alice = await account();
  const first = await alice.post(COLLECTION, "contact_id=bob");
  const second = await alice.post(COLLECTION, "contact_id=bob&distinct=false");
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.notEqual(first.json.id, second.json.id);
});

test("ids sort by creation, so the newest object is the first of the list at once", async () => {
  const alice = await account();
  const created = [];
  for (let i = 0; i < 10; i += 1) {
    created.unshift((await alice.post(COLLECTION, "contact_id=bob")).json.id);
    // Ids of one millisecond have no order among them: start the next one's millisecond first.
    for (const start = Date.now(); Date.now() <= start; );
  }
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), created);
});

test("distinct=true returns an existing conversation unchanged, with 200", async () => {
  const alice = await account();
  const first = await alice.post(COLLECTION, "contact_id=bob&distinct=true");
  assert.equal(first.status, 201);
  await alice.put(item(first.json.id), { is_muted: true, archived_at: 705103200 });
  for (const attributes of [
    "distinct=true&contact_id=bob",
    { contact_id: "bob", distinct: true },
    { contact_id: "bob", group_id: null, distinct: true },
  ]) {
    const again = await alice.post(COLLECTION, attributes);
    assert.equal(again.status, 200, again.text);
    assert.deepEqual(again.json, { ...first.json, is_muted: true, archived_at: 705103200 });
    assert.equal(again.headers.location, item(first.json.id));
  }
  assert.equal((await alice.contents()).conversations.length, 1);
});

test("distinct=true compares both the contact and the group", async () => {
  const alice = await account();
  const ids = new Set<string>();
  const attributes = [
    "contact_id=a",
    "group_id=a",
    "contact_id=a&group_id=a",
    "contact_id=a&group_id=b",
    "contact_id=b&group_id=a",
    "contact_id=A",
  ];
  for (const which of attributes) {
    const first = await alice.post(COLLECTION, `${which}&distinct=true`);
    assert.equal(first.status, 201, which);
    ids.add(first.json.id);
    const again = await alice.post(COLLECTION, `${which}&distinct=true`);
    assert.equal(again.status, 200, which);
    assert.equal(again.json.id, first.json.id);
  }
  assert.equal(ids.size, attributes.length);
});

test("distinct=true finds a conversation created without it, and creates a new one after its deletion", async () => {
  const alice = await account();
  const plain = await alice.post(COLLECTION, "contact_id=bob");
  const found = await alice.post(COLLECTION, "contact_id=bob&distinct=true");
  assert.equal(found.status, 200);
  assert.equal(found.json.id, plain.json.id);
  await alice.delete(item(plain.json.id));
  const made = await alice.post(COLLECTION, "contact_id=bob&distinct=true");
  assert.equal(made.status, 201);
  assert.notEqual(made.json.id, plain.json.id);
});
