// PUT and PATCH /v1/messages/:id. What is refused: tests/bad_input.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError, assertMessage, now } from "../support/expectations.ts";
import { ifMatch } from "../support/http.ts";
import { item, messageItem, NO_ID } from "../support/paths.ts";

for (const verb of ["put", "patch"] as const) {
  test(`${verb}: a form and JSON mean the same, and the response has the changes and updated_at`, async () => {
    const alice = await account();
    const conversation = await alice.insert();
    for (const attributes of [
      "message=Good+evening&read_at=705103200",
      { message: "Good evening", read_at: 705103200 },
    ]) {
      const id = await alice.insertMessage(conversation, { contact_id: "bob" });
      const before = (await alice.get(messageItem(id))).json;
      const start = now();
      const { status, json } = await alice[verb](messageItem(id), attributes);
      assert.equal(status, 200);
      assertMessage(json, { ...before, message: "Good evening", read_at: 705103200, updated_at: json.updated_at });
      assert.ok(Number.isInteger(json.updated_at) && start <= json.updated_at && json.updated_at <= now());
      assert.deepEqual((await alice.get(messageItem(id))).json, json);
    }
  });

  test(`${verb}: only the attributes that are sent change, and updated_at`, async () => {
    const alice = await account();
    const id = await alice.insertMessage(await alice.insert(), { read_at: 7, updated_at: 8 });
    let expected = (await alice.get(messageItem(id))).json;
    for (const change of [
      { message: "a" },
      { read_at: null },
      { read_at: 0 },
      { message: "b", read_at: 253402300799 },
      { message: "b" },
    ]) {
      const { json } = await alice[verb](messageItem(id), change);
      expected = { ...expected, ...change, updated_at: json.updated_at };
      assert.ok(json.updated_at > 8);
      assertMessage(json, expected);
    }
    assertMessage((await alice.get(messageItem(id))).json, expected);
  });

  test(`${verb}: without attributes the response is the object, and nothing is written`, async () => {
    const alice = await account();
    const id = await alice.insertMessage(await alice.insert());
    const before = await alice.get(messageItem(id));
    for (const attributes of [undefined, "", {}]) {
      const answer = await alice[verb](messageItem(id), attributes);
      assert.deepEqual([answer.status, answer.text, answer.cost.rowsWritten], [200, before.text, 0]);
    }
  });

  test(`${verb}: an id that does not exist is a 404`, async () => {
    const alice = await account();
    for (const id of [NO_ID, await alice.insert(), "x", "%00", "%zz"]) {
      for (const attributes of [undefined, "message=Hello"]) {
        assertError(await alice[verb](messageItem(id), attributes), 404, "resource_missing");
      }
    }
  });
}

test("an empty value of a form makes a message unread again", async () => {
  const alice = await account();
  const id = await alice.insertMessage(await alice.insert(), { read_at: 7 });
  assertMessage((await alice.put(messageItem(id), "read_at=")).json, { read_at: null });
});

test("an update to the values that are there already writes nothing, and keeps updated_at and the ETag", async () => {
  const alice = await account();
  const id = await alice.insertMessage(await alice.insert(), { message: "Hello", read_at: 7, updated_at: 8 });
  const before = await alice.get(messageItem(id));
  for (const attributes of ["message=Hello", "read_at=7", "message=Hello&read_at=7"]) {
    for (const headers of [{}, ifMatch(before)]) {
      const answer = await alice.put(messageItem(id), attributes, headers);
      assert.deepEqual([answer.status, answer.text, answer.headers.etag], [200, before.text, before.headers.etag]);
      assert.equal(answer.cost.rowsWritten, 0);
    }
    const outdated = await alice.put(messageItem(id), attributes, { "If-Match": '"x"' });
    assertError(outdated, 412, "precondition_failed", "If-Match");
  }
  const unread = await alice.put(messageItem(id), "message=Hello&read_at=");
  assertMessage(unread.json, { ...before.json, read_at: null, updated_at: unread.json.updated_at });
  assert.ok(unread.json.updated_at > 8);
  assert.notEqual(unread.headers.etag, before.headers.etag);
});

test("an update can have a text of 10,000 characters, too", async () => {
  const alice = await account();
  const id = await alice.insertMessage(await alice.insert());
  for (const message of ["😀".repeat(10_000), "x\n\t".repeat(3333)]) {
    assertMessage((await alice.put(messageItem(id), { message })).json, { message });
  }
});

test("an updated message changes nothing of its conversation", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const { id } = await alice.say(conversation, { contact_id: "bob" });
  const { text } = await alice.put(item(conversation), { pinned_message_id: id, last_opened_at: 5 });
  await alice.put(messageItem(id), "message=changed&read_at=9");
  assert.equal((await alice.get(item(conversation))).text, text);
});
