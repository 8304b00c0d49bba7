// DELETE /v1/messages/:id.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertConversation, assertError, idsOf } from "../support/expectations.ts";
import { item, MESSAGES, messageItem, NO_ID } from "../support/paths.ts";

test("DELETE is a 204 without a body, and only that message is deleted", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const [gone, kept] = [await alice.insertMessage(conversation), await alice.insertMessage(conversation)];
  const { status, text, headers } = await alice.delete(messageItem(gone));
  assert.equal(status, 204);
  assert.equal(text, "");
  assert.equal(headers["content-type"], undefined);
  assertError(await alice.get(messageItem(gone)), 404, "resource_missing");
  assertError(await alice.put(messageItem(gone), "message=Hi"), 404, "resource_missing");
  assert.deepEqual(idsOf(await alice.get(MESSAGES)), [kept]);
});

test("deleting a pinned message unpins it, and last_active_at stays", async () => {
  const alice = await account();
  const conversation = await alice.insert({ is_pinned: 1 });
  const { id } = await alice.say(conversation);
  const before = (await alice.put(item(conversation), { pinned_message_id: id })).json;
  assert.equal(before.pinned_message_id, id);
  assert.equal((await alice.delete(messageItem(id))).status, 204);
  assertConversation((await alice.get(item(conversation))).json, { ...before, pinned_message_id: null });
});

test("the conversation's ETag is new after its pinned message was deleted", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const { id } = await alice.say(conversation);
  const sent = String((await alice.get(item(conversation))).headers.etag);
  const pinned = String((await alice.put(item(conversation), { pinned_message_id: id, is_muted: true })).headers.etag);
  assert.equal((await alice.delete(messageItem(id))).status, 204);
  const { status, headers } = await alice.get(item(conversation), undefined, { "If-None-Match": `${sent}, ${pinned}` });
  assert.equal(status, 200, `${sent}, ${pinned}: ${headers.etag}`);
});

test("deleting another message leaves the pin", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const [pinned, other] = [await alice.say(conversation), await alice.say(conversation)];
  const { text } = await alice.put(item(conversation), { pinned_message_id: pinned.id });
  assert.equal((await alice.delete(messageItem(other.id))).status, 204);
  assert.equal((await alice.get(item(conversation))).text, text);
});

test("a second DELETE is a 404, and so is an id that does not exist", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const id = await alice.insertMessage(conversation);
  assert.equal((await alice.delete(messageItem(id))).status, 204);
  for (const missing of [id, NO_ID, conversation, "x", "%00", "%zz"]) {
    assertError(await alice.delete(messageItem(missing)), 404, "resource_missing");
  }
  assert.equal((await alice.get(item(conversation))).status, 200);
});
