// GET /v1/messages/:id.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError, assertMessage } from "../support/expectations.ts";
import { item, messageItem, NO_ID } from "../support/paths.ts";

test("a message has its seven fields in order, set or null", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  const bare = await alice.insertMessage(conversation_id);
  assertMessage((await alice.get(messageItem(bare))).json, {
    id: bare,
    conversation_id,
    contact_id: null,
    message: "Hello",
    read_at: null,
    created_at: 0,
    updated_at: null,
  });
  const full = await alice.insertMessage(conversation_id, {
    contact_id: "bob",
    read_at: 0,
    created_at: 253402300799,
    updated_at: 2147483648,
  });
  const { status, json, text } = await alice.get(messageItem(full));
  assert.equal(status, 200);
  assertMessage(json, { id: full, contact_id: "bob", read_at: 0, created_at: 253402300799, updated_at: 2147483648 });
  assert.match(text, /"read_at":0,"created_at":253402300799,"updated_at":2147483648\}$/);
});

test("an id that does not exist is a 404, well-formed or not, and so is a conversation's id", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  for (const id of [
    NO_ID,
    conversation,
    "x",
    "x".repeat(17),
    "%00",
    "%zz",
    "%ff",
    "'",
    "1%20OR%201=1",
    "x".repeat(8000),
  ]) {
    assertError(await alice.get(messageItem(id)), 404, "resource_missing");
  }
});

test("ids are case-sensitive", async () => {
  const alice = await account();
  await alice.insertMessage(await alice.insert(), { id: "AbcdefghijklmnoP" });
  assert.equal((await alice.get(messageItem("AbcdefghijklmnoP"))).status, 200);
  assertError(await alice.get(messageItem("abcdefghijklmnop")), 404, "resource_missing");
});

test("a message is deleted with its conversation", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const { id } = await alice.say(conversation);
  await alice.delete(item(conversation));
  assertError(await alice.get(messageItem(id)), 404, "resource_missing");
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const alice = await account();
  const { id } = await alice.say(await alice.insert());
  const [get, head] = [await alice.get(messageItem(id)), await alice.head(messageItem(id))];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control"]) assert.equal(head.headers[name], get.headers[name], name);
  assert.equal((await alice.head(messageItem(NO_ID))).status, 404);
});
