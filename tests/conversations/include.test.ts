// `include=last_message` of one conversation, and what a list with it shows to whom. Lists at length: range.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, FIELDS, MESSAGE_FIELDS } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { COLLECTION, item, messageItem } from "../support/paths.ts";
import { ALL, MESSAGES_READ } from "../support/tokens.ts";

const INCLUDE = "include=last_message";
const withMessage = (id: string) => `${item(id)}?${INCLUDE}`;

test("a conversation comes with its newest message, as an eleventh field", async () => {
  const alice = await account();
  const id = await alice.insert();
  const none = await alice.get(withMessage(id));
  assert.deepEqual(Object.keys(none.json), [...FIELDS, "last_message"]);
  assert.equal(none.json.last_message, null);
  await alice.say(id);
  const newest = await alice.say(id, { message: 'a "quoted" }\n\u{1F600}', contact_id: "bob" });
  const { json, cost } = await alice.get(withMessage(id));
  const { last_message, ...rest } = json;
  assert.deepEqual(Object.keys(last_message), MESSAGE_FIELDS);
  assert.deepEqual(last_message, (await alice.get(messageItem(newest.id))).json);
  assert.deepEqual(rest, (await alice.get(item(id))).json);
  assert.ok(cost.rowsRead <= 3, `${cost.rowsRead} rows read`);
  assert.deepEqual((await alice.get(`${COLLECTION}?${INCLUDE}`)).json.data, [json]);
});

test("the tag changes with the conversation and with the last message, and with nothing else", async () => {
  const alice = await account();
  const id = await alice.insert();
  const older = await alice.insertMessage(id, { id: "0000000000000000" });
  const oldest = await alice.insertMessage(id, { id: "0000000000000001" });
  const seen = new Set<string>();
  let tag = "";
  const changed = async (what: string) => {
    const { headers, status } = await alice.get(withMessage(id), undefined, { "If-None-Match": tag || '"none"' });
    assert.equal(status, 200, what);
    tag = String(headers.etag);
    assert.ok(!seen.has(tag), what);
    seen.add(tag);
    assert.equal((await alice.get(withMessage(id), undefined, { "If-None-Match": tag })).status, 304);
  };
  await changed("at first");
  const newest = await alice.say(id, { contact_id: "bob" });
  await changed("a new message");
  await alice.put(messageItem(newest.id), "message=edited");
  await changed("the message was edited");
  await alice.put(messageItem(newest.id), "read_at=705103200");
  await changed("the message was read");
  await alice.put(item(id), "is_muted=true");
  await changed("the conversation was muted");
  await alice.put(messageItem(older), "message=edited");
  assert.equal((await alice.get(withMessage(id), undefined, { "If-None-Match": tag })).status, 304, "an older message");
  await alice.delete(messageItem(newest.id));
  await changed("the message was deleted");
  await alice.delete(messageItem(oldest));
  await changed("the next one was deleted");
  assert.equal((await alice.get(item(id), undefined, { "If-None-Match": tag })).status, 200);
});

test("the tag of a conversation with its last message is good for If-Match", async () => {
  const alice = await account();
  const id = await alice.insert();
  const newest = await alice.say(id);
  const { etag } = (await alice.get(withMessage(id))).headers;
  await alice.put(messageItem(newest.id), "message=edited");
  assert.equal((await alice.put(item(id), "is_muted=true", { "If-Match": etag })).status, 200);
  for (const attributes of ["is_muted=false", ""])
    assertError(await alice.put(item(id), attributes, { "If-Match": etag }), 412, "precondition_failed", "If-Match");
  assertError(await alice.delete(item(id), undefined, { "If-Match": etag }), 412, "precondition_failed", "If-Match");
  const now = (await alice.get(withMessage(id))).headers.etag;
  assert.equal((await alice.delete(item(id), undefined, { "If-Match": now })).status, 204);
});

test("without the scope to read messages, the last message is null", async () => {
  const alice = await account();
  const id = await alice.insert();
  await alice.say(id, { message: "secret" });
  const blind = api(await grant(alice.id, { scopes: ALL & ~MESSAGES_READ }));
  for (const query of ["", "&sort=last_active_at", "&contact_id=someone", "&since=5", "&contact_id=someone&since=5"]) {
    const { json } = await blind.get(`${COLLECTION}?${INCLUDE}${query}`);
    assert.deepEqual([json.data.length, json.data[0].last_message], [1, null], query);
  }
  const before = await blind.get(withMessage(id));
  assert.equal(before.json.last_message, null);
  const [newest] = (await alice.contents()).messages;
  await alice.put(messageItem(String(newest!.id)), "message=edited");
  assert.equal((await blind.get(withMessage(id))).headers.etag, before.headers.etag);
});

test("a message of another account is not shown, also under the same ids", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert();
  await bob.insert({ id });
  await bob.insertMessage(id, { message: "secret" });
  assert.equal((await alice.get(withMessage(id))).json.last_message, null);
  assert.equal((await alice.get(`${COLLECTION}?${INCLUDE}`)).json.data[0].last_message, null);
});

test("a page with last messages ends when its objects have more than 1 MB", async () => {
  const alice = await account();
  const text = "😀".repeat(10_000);
  for (let n = 0; n < 30; n += 1) await alice.insert({ id: `${n}`.padStart(16, "0") });
  await sql(
    `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
     SELECT account_id, id, id, ?, 0 FROM conversations WHERE account_id = ?`,
    text,
    alice.id,
  );
  const seen: string[] = [];
  let answer = await alice.get(`${COLLECTION}?${INCLUDE}&limit=30`);
  assert.equal(answer.json.has_more, true);
  for (let pages = 1; ; pages += 1) {
    assert.ok(Buffer.byteLength(answer.text) < 1_001_000);
    seen.push(...answer.json.data.map((row: { id: string }) => row.id));
    const next = /<http:\/\/[^/]+([^>]+)>; rel="next"/.exec(String(answer.headers.link))?.[1];
    if (next === undefined) break;
    assert.ok(pages < 5);
    answer = await alice.get(next);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, n) => `${29 - n}`.padStart(16, "0")),
  );
});

test("include of another form is a 400", async () => {
  const alice = await account();
  const id = await alice.insert();
  for (const value of ["", "total_count", "last_message,total_count", "last_message,last_message", "Last_message"])
    assertError(await alice.get(`${item(id)}?include=${value}`), 400, "parameter_invalid", "include");
  const other = async (holder: Account, path: string) =>
    assertError(await holder.put(`${path}?${INCLUDE}`, "is_muted=true"), 400, "parameter_unknown", "include");
  await other(alice, item(id));
});
