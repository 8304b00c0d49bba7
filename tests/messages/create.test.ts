// POST /v1/messages, and what a message does to its conversation. What is refused: tests/bad_input.test.ts; what holds
// under contention: tests/race.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertConversation, assertError, assertMessage, idsOf, now } from "../support/expectations.ts";
import { item, MESSAGES, messageItem, NO_ID } from "../support/paths.ts";

test("a new message is a 201 with the whole object and its Location", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  const before = now();
  const { status, json, headers } = await alice.post(MESSAGES, {
    conversation_id,
    message: "Hello",
    contact_id: "bob",
  });
  const after = now();
  assert.equal(status, 201);
  assertMessage(json, { conversation_id, contact_id: "bob", message: "Hello", read_at: null, updated_at: null });
  assert.match(json.id, /^[0-9A-Za-z]{16}$/);
  assert.ok(Number.isInteger(json.created_at) && before <= json.created_at && json.created_at <= after);
  assert.equal(headers.location, messageItem(json.id));
  assert.deepEqual((await alice.get(String(headers.location))).json, json);
});

test("a form and JSON mean the same", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  for (const attributes of [
    `conversation_id=${conversation_id}&message=a+%26+b%0Ac&contact_id=bob`,
    { conversation_id, message: "a & b\nc", contact_id: "bob" },
  ]) {
    const { status, json, text } = await alice.post(MESSAGES, attributes);
    assert.equal(status, 201, text);
    assertMessage(json, { conversation_id, contact_id: "bob", message: "a & b\nc" });
  }
});

test("without a contact, or with null or an empty value of a form, a message is the account's own", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  const form = `conversation_id=${conversation_id}&message=Hello`;
  for (const attributes of [
    form,
    `${form}&contact_id=`,
    { conversation_id, message: "Hello" },
    { conversation_id, message: "Hello", contact_id: null },
  ]) {
    const { status, json } = await alice.post(MESSAGES, attributes);
    assert.equal(status, 201);
    assertMessage(json, { contact_id: null });
  }
});

test("conversation_id and message are required, and the error names the first that is missing", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  for (const attributes of [undefined, "", {}, "contact_id=bob", "message=Hello", { message: "Hello" }]) {
    assertError(await alice.post(MESSAGES, attributes), 400, "parameter_missing", "conversation_id");
  }
  for (const attributes of [
    `conversation_id=${conversation_id}`,
    { conversation_id },
    { conversation_id: NO_ID, contact_id: "bob" },
  ]) {
    assertError(await alice.post(MESSAGES, attributes), 400, "parameter_missing", "message");
  }
  assert.deepEqual((await alice.contents()).messages, []);
});

test("a text of 1 to 10,000 characters is returned as it was sent, in any script", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  const texts = [
    "a",
    " ",
    "\n",
    "\t",
    "two\r\nlines\tand a tab",
    "😀".repeat(10_000),
    "é".repeat(10_000),
    "x".repeat(10_000),
    "👩‍👩‍👧‍👦 🇨🇭 e\u0301 ﷽",
    "العربية עברית 日本語 한국어 ไทย",
    "\u202eright to left\u202c",
    "\ufeffbom",
    "\u2028\u2029\u200b\u00ad",
    "\u{10ffff}\ufffd\uffff",
    `"quotes" 'and' \\backslashes\\ \\u0041 %41 +`,
    '{"a":1}',
    "null",
    "true",
    "17",
    "'; DROP TABLE messages; --",
    "<script>alert(1)</script>",
    "a\tb\nc",
  ];
  for (const message of texts) {
    const sent = await alice.post(MESSAGES, { conversation_id, message });
    assert.equal(sent.status, 201, `${JSON.stringify(message.slice(0, 40))}: ${sent.text.slice(0, 300)}`);
    assert.equal(sent.json.message, message);
    assert.equal((await alice.get(messageItem(sent.json.id))).json.message, message);
    if (encodeURIComponent(message).length > 65_000) continue;
    const form = await alice.post(MESSAGES, new URLSearchParams({ conversation_id, message }).toString());
    assert.equal(form.status, 201, form.text.slice(0, 300));
    assert.equal(form.json.message, message);
  }
  const listed = await alice.get(`${MESSAGES}?limit=100`);
  assert.deepEqual(new Set(listed.json.data.map(({ message }: { message: string }) => message)), new Set(texts));
});

test("characters are Unicode scalar values, escaped in JSON or not", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  // 5,000 characters as escapes of surrogate pairs, 60,000 bytes.
  const escaped = `{"conversation_id":"${conversation_id}","message":"${"\\ud83d\\ude00".repeat(5000)}"}`;
  const { status, json } = await alice.send("POST", MESSAGES, { "Content-Type": "application/json" }, escaped);
  assert.equal(status, 201);
  assert.equal(json.message, "😀".repeat(5000));
});

test("a conversation that does not exist is a 404, and nothing is stored", async () => {
  const [alice, bob] = [await account(), await account()];
  const foreign = await bob.insert();
  const gone = await alice.insert();
  await alice.delete(item(gone));
  for (const conversation_id of [NO_ID, foreign, gone]) {
    assertError(
      await alice.post(MESSAGES, { conversation_id, message: "Hello" }),
      404,
      "resource_missing",
      "conversation_id",
    );
  }
  assert.deepEqual((await alice.contents()).messages, []);
  assert.deepEqual((await bob.contents()).messages, []);
});

test("a contact's message changes last_active_at and not last_opened_at", async () => {
  const alice = await account();
  for (const last_opened_at of [null, 7]) {
    const id = await alice.insert({ last_active_at: 5, last_opened_at, is_muted: 1, archived_at: 9 });
    const before = (await alice.get(item(id))).json;
    const { created_at } = await alice.say(id, { contact_id: "bob" });
    assertConversation((await alice.get(item(id))).json, { ...before, last_active_at: created_at });
  }
});

test("the account's own message changes last_active_at and last_opened_at", async () => {
  const alice = await account();
  for (const last_opened_at of [null, 7]) {
    const id = await alice.insert({ last_opened_at });
    const before = (await alice.get(item(id))).json;
    const { created_at } = await alice.say(id);
    assertConversation((await alice.get(item(id))).json, {
      ...before,
      last_active_at: created_at,
      last_opened_at: created_at,
    });
  }
});

test("a message changes no other conversation", async () => {
  const [alice, bob] = [await account(), await account()];
  const [id, other] = [await alice.insert(), await alice.insert({ last_active_at: 5 })];
  await bob.insert({ id });
  const before = [await alice.get(item(other)), await bob.get(item(id))].map(({ text }) => text);
  await alice.say(id);
  assert.deepEqual(
    [await alice.get(item(other)), await bob.get(item(id))].map(({ text }) => text),
    before,
  );
});

test("ids sort by creation, so the newest object is the first of the list at once", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const sent: string[] = [];
  for (let i = 0; i < 10; i += 1) {
    sent.unshift((await alice.say(conversation)).id);
    // Ids of one millisecond have no order among them: start the next one's millisecond first.
    for (const start = Date.now(); Date.now() <= start; );
  }
  assert.deepEqual(idsOf(await alice.get(`${MESSAGES}?conversation_id=${conversation}`)), sent);
});
