// DELETE /v1/conversations/:id.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError, idsOf } from "../support/expectations.ts";
import { COLLECTION, item, NO_ID } from "../support/paths.ts";

test("DELETE is a 204 without a body, and the conversation is deleted", async () => {
  const alice = await account();
  const id = await alice.insert();
  const { status, text, headers } = await alice.delete(item(id));
  assert.equal(status, 204);
  assert.equal(text, "");
  assert.equal(headers["content-type"], undefined);
  assertError(await alice.get(item(id)), 404, "resource_missing");
  assertError(await alice.put(item(id), "is_muted=true"), 404, "resource_missing");
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), []);
});

test("deleting a conversation deletes its messages, the pinned one too, and no others", async () => {
  const alice = await account();
  const [gone, kept] = [await alice.insert(), await alice.insert()];
  const pinned = await alice.insertMessage(gone);
  for (let i = 0; i < 20; i += 1) await alice.insertMessage(gone);
  const message = await alice.insertMessage(kept);
  assert.equal((await alice.put(item(gone), { pinned_message_id: pinned })).status, 200);

  assert.equal((await alice.delete(item(gone))).status, 204);
  const { conversations, messages } = await alice.contents();
  assert.deepEqual(
    conversations.map(({ id }) => id),
    [kept],
  );
  assert.deepEqual(
    messages.map(({ id }) => id),
    [message],
  );
});

test("a second DELETE is a 404, and so is an id that does not exist", async () => {
  const alice = await account();
  const id = await alice.insert();
  assert.equal((await alice.delete(item(id))).status, 204);
  for (const missing of [id, NO_ID, "x", "%00", "%zz"]) {
    assertError(await alice.delete(item(missing)), 404, "resource_missing");
  }
});
