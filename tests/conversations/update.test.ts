// PUT and PATCH /v1/conversations/:id. What is refused: tests/bad_input.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertConversation, assertError } from "../support/expectations.ts";
import { ifMatch } from "../support/http.ts";
import { item, NO_ID } from "../support/paths.ts";

for (const verb of ["put", "patch"] as const) {
  test(`${verb}: a form and JSON mean the same, and the response is the changed object`, async () => {
    const alice = await account();
    for (const attributes of ["is_muted=true&archived_at=705103200", { is_muted: true, archived_at: 705103200 }]) {
      const id = await alice.insert({ last_active_at: 7 });
      const before = (await alice.get(item(id))).json;
      const { status, json } = await alice[verb](item(id), attributes);
      assert.equal(status, 200);
      assertConversation(json, { ...before, is_muted: true, archived_at: 705103200 });
      assert.deepEqual((await alice.get(item(id))).json, json);
    }
  });

  test(`${verb}: only the attributes that are sent change`, async () => {
    const alice = await account();
    const id = await alice.insert({ is_pinned: 1, archived_at: 5, group_id: "team", last_opened_at: 6 });
    const message = await alice.insertMessage(id);
    let expected = (await alice.get(item(id))).json;
    for (const change of [
      { is_muted: true },
      { is_pinned: false },
      { pinned_message_id: message },
      { archived_at: null },
      { is_muted: false, is_pinned: true },
      { archived_at: 0 },
      { pinned_message_id: null },
      { archived_at: 253402300799 },
    ]) {
      expected = { ...expected, ...change };
      assertConversation((await alice[verb](item(id), change)).json, expected);
    }
    assertConversation((await alice.get(item(id))).json, expected);
  });

  test(`${verb}: without attributes the response is the object, unchanged`, async () => {
    const alice = await account();
    const id = await alice.insert({ is_muted: 1 });
    const before = await alice.get(item(id));
    for (const attributes of [undefined, "", {}]) {
      const answer = await alice[verb](item(id), attributes);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.text, before.text);
    }
  });

  test(`${verb}: an id that does not exist is a 404`, async () => {
    const alice = await account();
    for (const id of [NO_ID, "x", "%00", "%zz"]) {
      for (const attributes of [undefined, "is_muted=true"]) {
        assertError(await alice[verb](item(id), attributes), 404, "resource_missing");
      }
    }
  });
}

test("null, or an empty value of a form, clears an attribute that can be null", async () => {
  const alice = await account();
  for (const attributes of [{ archived_at: null, pinned_message_id: null }, "archived_at=&pinned_message_id="]) {
    const id = await alice.insert({ archived_at: 705103200 });
    const message = await alice.insertMessage(id);
    assert.equal((await alice.put(item(id), { pinned_message_id: message })).json.pinned_message_id, message);
    assertConversation((await alice.put(item(id), attributes)).json, { archived_at: null, pinned_message_id: null });
  }
});

test("only a message of the same conversation can be pinned", async () => {
  const alice = await account();
  const [id, other] = [await alice.insert(), await alice.insert()];
  const [mine, others] = [await alice.insertMessage(id), await alice.insertMessage(other)];
  assert.equal((await alice.put(item(id), `pinned_message_id=${mine}`)).json.pinned_message_id, mine);
  for (const message of [others, NO_ID, id, "x", "x".repeat(65)]) {
    assertError(
      await alice.put(item(id), { pinned_message_id: message, is_muted: true }),
      400,
      "parameter_invalid",
      "pinned_message_id",
    );
  }
  assertConversation((await alice.get(item(id))).json, { pinned_message_id: mine, is_muted: false });
});

test("pinning in a conversation that does not exist is a 404", async () => {
  const alice = await account();
  const message = await alice.insertMessage(await alice.insert());
  assertError(await alice.put(item(NO_ID), { pinned_message_id: message }), 404, "resource_missing");
});

test("an update to the values that are there already writes nothing and keeps the ETag", async () => {
  const alice = await account();
  const id = await alice.insert({ is_pinned: 1, archived_at: 5, last_opened_at: 6 });
  const message = await alice.insertMessage(id);
  const before = await alice.put(item(id), { pinned_message_id: message });
  for (const attributes of [
    { is_pinned: true },
    { is_muted: false },
    { archived_at: 5 },
    { last_opened_at: 6 },
    { pinned_message_id: message },
    { is_pinned: true, is_muted: false, archived_at: 5, last_opened_at: 6, pinned_message_id: message },
  ]) {
    for (const headers of [{}, ifMatch(before)]) {
      const answer = await alice.put(item(id), attributes, headers);
      assert.deepEqual([answer.status, answer.text, answer.headers.etag], [200, before.text, before.headers.etag]);
      assert.equal(answer.cost.rowsWritten, 0);
    }
  }
});

test("an update of which one attribute is new changes the ETag", async () => {
  const alice = await account();
  const id = await alice.insert({ is_pinned: 1 });
  const before = await alice.get(item(id));
  const answer = await alice.put(item(id), { is_pinned: true, is_muted: true });
  assertConversation(answer.json, { is_pinned: true, is_muted: true });
  assert.notEqual(answer.headers.etag, before.headers.etag);
});

test("an update that would change nothing is refused all the same: 412, and 400 for a pin", async () => {
  const alice = await account();
  const [id, other] = [await alice.insert(), await alice.insert()];
  const message = await alice.insertMessage(other);
  const outdated = { "If-Match": '"x"' };
  assertError(await alice.put(item(id), "is_muted=false", outdated), 412, "precondition_failed", "If-Match");
  const foreign = { is_muted: false, pinned_message_id: message };
  assertError(await alice.put(item(id), foreign), 400, "parameter_invalid", "pinned_message_id");
});

test("`last_opened_at` of the current second or later is now: each such update changes the conversation", async () => {
  const alice = await account();
  const id = await alice.insert();
  const tags = new Set([(await alice.get(item(id))).headers.etag]);
  for (const ahead of [0, 1, 2]) {
    const answer = await alice.put(item(id), "last_opened_at=253402300799", { "x-test-clock": String(ahead) });
    tags.add(answer.headers.etag);
  }
  assert.equal(tags.size, 4);
});
