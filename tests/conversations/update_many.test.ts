// PATCH /v1/conversations: many at once, all or none.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, FIELDS } from "../support/expectations.ts";
import { api, FORM, JSON_TYPE } from "../support/http.ts";
import { COLLECTION, EVENTS, item } from "../support/paths.ts";
import { ALL, READ } from "../support/tokens.ts";

const NONE = ["NoSuchConversat0", "NoSuchConversat1"];

async function holder(count: number) {
  const alice = await account();
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await alice.insert());
  const events = async () =>
    (await sql("SELECT * FROM events WHERE account_id = ? AND change = 'updated' ORDER BY seq", alice.id)).map(
      ({ conversation_id, request_id }) => ({ conversation_id, request_id }),
    );
  return { alice, ids, events };
}

test("all of them change, and come back in the order asked, with the ids of those that are not there", async () => {
  const { alice, ids } = await holder(3);
  const bob = await account();
  const foreign = await bob.insert();
  const asked = [ids[2], NONE[1], ids[0], foreign, NONE[0], ids[1]];
  const { status, json } = await alice.send(
    "PATCH",
    COLLECTION,
    { "Content-Type": JSON_TYPE },
    JSON.stringify({ ids: asked, is_muted: true, is_pinned: true, archived_at: 705103200, last_opened_at: 705103200 }),
  );
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(json), ["data", "missing"]);
  assert.deepEqual(json.missing, [NONE[1], foreign, NONE[0]]);
  assert.deepEqual(
    json.data.map(({ id }: { id: string }) => id),
    [ids[2], ids[0], ids[1]],
  );
  for (const shown of json.data) {
    assert.deepEqual(Object.keys(shown), FIELDS);
    assert.deepEqual(shown, (await alice.get(item(shown.id))).json);
    const { is_muted, is_pinned, archived_at, last_opened_at } = shown;
    assert.deepEqual([is_muted, is_pinned, archived_at, last_opened_at], [true, true, 705103200, 705103200]);
  }
  assert.equal((await bob.get(item(foreign))).json.is_muted, false);
});

test("a form separates the ids by commas, and an empty value clears an attribute", async () => {
  const { alice, ids } = await holder(2);
  await alice.patch(COLLECTION, { ids, archived_at: 5 });
  const { json } = await alice.send("PATCH", COLLECTION, { "Content-Type": FORM }, `ids=${ids.join(",")}&archived_at=`);
  assert.deepEqual(
    json.data.map(({ archived_at }: { archived_at: number | null }) => archived_at),
    [null, null],
  );
});

test("each conversation that changes is one event of the request, and the others are none", async () => {
  const { alice, ids, events } = await holder(4);
  await alice.put(item(ids[1]!), "is_muted=true");
  const before = (await events()).length;
  const answer = await alice.patch(COLLECTION, { ids: [...ids.slice(0, 3), NONE[0]], is_muted: true });
  const request_id = String(answer.headers["x-request-id"]);
  const changed = [ids[0]!, ids[2]!].sort();
  assert.deepEqual(
    (await events()).slice(before),
    changed.map((conversation_id) => ({ conversation_id, request_id })),
  );
  const again = await alice.patch(COLLECTION, { ids: ids.slice(0, 3), is_muted: true });
  assert.deepEqual([again.json.data, again.cost.rowsWritten], [answer.json.data, 0]);
  assert.equal((await events()).length, before + 2);
});

test("the tag of each conversation that changed is new", async () => {
  const { alice, ids } = await holder(2);
  const tags = async () => Promise.all(ids.map(async (id) => (await alice.get(item(id))).headers.etag));
  await alice.put(item(ids[0]!), "is_pinned=true");
  const before = await tags();
  await alice.patch(COLLECTION, { ids, is_pinned: true });
  const after = await tags();
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
});

test("without attributes it returns the conversations unchanged", async () => {
  const { alice, ids } = await holder(2);
  const { json, cost } = await alice.patch(COLLECTION, { ids: [NONE[0], ...ids] });
  assert.deepEqual(json, {
    data: await Promise.all(ids.map(async (id) => (await alice.get(item(id))).json)),
    missing: [NONE[0]],
  });
  assert.equal(cost.rowsWritten, 0);
});

test("when all are missing, the response has no conversation", async () => {
  const { alice } = await holder(0);
  for (const attributes of [{}, { is_muted: true }])
    assert.equal(
      (await alice.patch(COLLECTION, { ids: NONE, ...attributes })).text,
      `{"data":[],"missing":["${NONE.join('","')}"]}`,
    );
});

test("a conversation that is being removed is missing", async () => {
  const { alice, ids } = await holder(2);
  await sql("UPDATE conversations SET is_removed = 1 WHERE account_id = ? AND id = ?", alice.id, ids[0]!);
  const { json } = await alice.patch(COLLECTION, { ids, is_muted: true });
  assert.deepEqual([json.data.length, json.missing], [1, [ids[0]]]);
  const [row] = await sql("SELECT is_muted FROM conversations WHERE account_id = ? AND id = ?", alice.id, ids[0]!);
  assert.equal(row!.is_muted, 0);
});

test("if the database fails in the midst, none of them has changed", async () => {
  const { alice, ids } = await holder(3);
  const before = await alice.everything();
  const last = [...ids].sort().at(-1);
  await sql(
    `CREATE TRIGGER giving_up BEFORE UPDATE ON conversations WHEN OLD.id = '${last}'
     BEGIN SELECT RAISE(ABORT, 'gave up'); END`,
  );
  try {
    assert.equal((await alice.patch(COLLECTION, { ids, is_muted: true })).status, 500);
  } finally {
    await sql("DROP TRIGGER giving_up");
  }
  assert.deepEqual(await alice.everything(), before);
});

test("a hundred are one call to D1, at most 12 rows read for each, and not more in a large account", async () => {
  const { alice, ids } = await holder(100);
  const cost = async (attributes: object) => {
    const answer = await alice.patch(COLLECTION, { ids, ...attributes });
    assert.deepEqual([answer.status, answer.json.data.length, answer.cost.calls], [200, 100, 1]);
    return answer.cost;
  };
  const changed = await cost({ is_muted: true });
  assert.ok(changed.rowsRead <= 1200, `${changed.rowsRead} rows read`);
  assert.ok(changed.rowsWritten <= 400, `${changed.rowsWritten} rows written`);
  const unchanged = await cost({ is_muted: true });
  assert.ok(unchanged.rowsRead <= 1010, `${unchanged.rowsRead} rows read`);
  assert.equal(unchanged.rowsWritten, 0);
  assert.ok((await cost({})).rowsRead <= 510);

  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)
     INSERT INTO conversations (account_id, id, contact_id, created_at) 
     SELECT ?, printf('%016d', n), 'bob', 0 FROM numbers`,
    alice.id,
  );
  const later = await cost({ is_muted: false });
  assert.deepEqual([later.rowsRead, later.rowsWritten], [changed.rowsRead, changed.rowsWritten]);
});

test("the listeners of the account get all changes", async () => {
  const { alice, ids } = await holder(3);
  const { headers } = await alice.get(`${EVENTS}?starting_after=now`);
  const position = /starting_after=(\w+)/.exec(String(headers.link))![1];
  const listening = alice.get(`${EVENTS}?starting_after=${position}&wait=20`);
  // The listener waits once the account is watched.
  for (;;) {
    const [row] = await sql("SELECT max(is_watched) AS watched FROM tokens WHERE account_id = ?", alice.id);
    if (row!.watched === 1) break;
  }
  await alice.patch(COLLECTION, { ids, is_muted: true });
  const { json } = await listening;
  assert.deepEqual(
    json.data.map(({ type, conversation_id }: Record<string, string>) => [type, conversation_id]),
    [...ids].sort().map((id) => ["conversation.updated", id]),
  );
});

test("without the scope to read conversations the answer is 204, and without the one to write them 403", async () => {
  const { alice, ids } = await holder(2);
  const blind = api(await grant(alice.id, { scopes: ALL & ~READ }));
  for (const attributes of [{}, { is_muted: true }]) {
    const { status, text } = await blind.patch(COLLECTION, { ids: [...ids, NONE[0]], ...attributes });
    assert.deepEqual([status, text], [204, ""]);
  }
  assert.equal((await alice.get(item(ids[0]!))).json.is_muted, true);
  const reader = api(await grant(alice.id, { scopes: READ }));
  assertError(await reader.patch(COLLECTION, { ids, is_muted: true }), 403, "scope_insufficient");
});

test("ids must be 1 to 100 different ids", async () => {
  const { alice, ids } = await holder(1);
  const [id] = ids;
  const many = Array.from({ length: 101 }, (_, n) => String(n).padStart(16, "0"));
  for (const wrong of [
    [],
    [id, id],
    [id, "short"],
    [`${id}0`],
    [id, 5],
    "",
    null,
    id,
    `${id},${id}`,
    {},
    5,
    many,
    [null],
  ])
    assertError(await alice.patch(COLLECTION, { ids: wrong, is_muted: true }), 400, "parameter_invalid", "ids");
  for (const wrong of ["", `${id},`, `${id},${id}`, `${id} ${NONE[0]}`, many.join(",")]) {
    const answer = await alice.send("PATCH", COLLECTION, { "Content-Type": FORM }, `ids=${encodeURIComponent(wrong)}`);
    assertError(answer, 400, "parameter_invalid", "ids");
  }
  assertError(await alice.patch(COLLECTION, { is_muted: true }), 400, "parameter_missing", "ids");
  assert.equal((await alice.patch(COLLECTION, { ids: many.slice(1) })).status, 200);
});

test("what cannot be changed for many is a 400 that names it, and nothing changes", async () => {
  const { alice, ids } = await holder(1);
  for (const [name, value, code] of [
    ["pinned_message_id", null, "parameter_immutable"],
    ["contact_id", "bob", "parameter_immutable"],
    ["id", ids[0], "parameter_immutable"],
    ["colour", "red", "parameter_unknown"],
    ["is_pinned", null, "parameter_invalid"],
    ["archived_at", "5", "parameter_invalid"],
  ] as const)
    assertError(await alice.patch(COLLECTION, { ids, is_muted: true, [name]: value }), 400, code, name);
  const answer = await alice.patch(COLLECTION, { ids, is_muted: true }, { "If-Match": "*" });
  assertError(answer, 400, "parameter_invalid", "If-Match");
  assert.equal((await alice.get(item(ids[0]!))).json.is_muted, false);
});
