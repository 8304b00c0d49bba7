// GET /v1/conversations/:id.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertConversation, assertError, LATEST } from "../support/expectations.ts";
import { item, NO_ID } from "../support/paths.ts";

test("a conversation has its ten fields in the order of the reference, set or null", async () => {
  const alice = await account();
  const bare = await alice.insert({ contact_id: null, group_id: "team" });
  const { status, json } = await alice.get(item(bare));
  assert.equal(status, 200);
  assertConversation(json, {
    id: bare,
    contact_id: null,
    group_id: "team",
    pinned_message_id: null,
    is_pinned: false,
    is_muted: false,
    last_active_at: null,
    last_opened_at: null,
    created_at: 692233200,
    archived_at: null,
  });

  const full = await alice.insert({
    group_id: "team",
    is_pinned: 1,
    is_muted: 1,
    last_active_at: 1,
    last_opened_at: 2,
    archived_at: 3,
  });
  const message = await alice.insertMessage(full);
  await alice.put(item(full), { pinned_message_id: message });
  assertConversation((await alice.get(item(full))).json, {
    id: full,
    contact_id: "someone",
    group_id: "team",
    pinned_message_id: message,
    is_pinned: true,
    is_muted: true,
    last_active_at: 1,
    last_opened_at: 2,
    created_at: 692233200,
    archived_at: 3,
  });
});

test("timestamps are whole numbers, far into the future", async () => {
  const alice = await account();
  const id = await alice.insert({ last_active_at: LATEST, last_opened_at: 0, archived_at: 253402300799 });
  const { text } = await alice.get(item(id));
  assert.ok(
    text.endsWith(`"last_active_at":${LATEST},"last_opened_at":0,"created_at":692233200,"archived_at":253402300799}`),
    text,
  );
});

test("an id that does not exist is a 404, well-formed or not", async () => {
  const alice = await account();
  for (const id of [
    NO_ID,
    "x",
    "x".repeat(17),
    "not-an-id-at-all",
    "%00",
    "%zz",
    "%ff",
    "'",
    "1%20OR%201=1",
    "x".repeat(8000),
  ]) {
    assertError(await alice.get(item(id)), 404, "resource_missing");
  }
});

test("ids are case-sensitive", async () => {
  const alice = await account();
  await alice.insert({ id: "AbcdefghijklmnoP" });
  assert.equal((await alice.get(item("AbcdefghijklmnoP"))).status, 200);
  assertError(await alice.get(item("abcdefghijklmnop")), 404, "resource_missing");
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const alice = await account();
  const id = await alice.insert();
  const [get, head] = [await alice.get(item(id)), await alice.head(item(id))];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control"]) assert.equal(head.headers[name], get.headers[name], name);
  assert.equal((await alice.head(item(NO_ID))).status, 404);
});
