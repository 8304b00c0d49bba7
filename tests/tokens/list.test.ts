// GET /v1/tokens. What pages promise of every list: tests/paging.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account } from "../support/accounts.ts";
import { insert, sql } from "../support/database.ts";
import { assertError, idsOf, links } from "../support/expectations.ts";
import { TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { hashOf, newToken } from "../support/tokens.ts";

/** Gives an account tokens of these ids, besides its own. */
async function fill(alice: Account, ids: string[]): Promise<void> {
  for (const id of ids)
    await insert("tokens", { hash: hashOf(newToken()), id, account_id: alice.id, name: id, scopes: 1, created_at: 0 });
}

/** An account whose own token is the oldest. Ids are unique among all accounts, so each has its own letter. */
async function holder(letter: string): Promise<{ alice: Account; id: (n: number) => string }> {
  const alice = await account();
  const id = (n: number) => `${letter.repeat(13)}${String(n).padStart(3, "0")}`;
  await sql("UPDATE tokens SET id = ? WHERE hash = ?", id(0), hashOf(alice.token));
  return { alice, id };
}

test("the list has all tokens of the account, valid or not, newest first", async () => {
  const { alice, id } = await holder("a");
  await fill(alice, [id(2), id(1), id(3)]);
  await sql("UPDATE tokens SET revoked_at = 1 WHERE id = ?", id(2));
  await sql("UPDATE tokens SET expires_at = 1 WHERE id = ?", id(3));
  const answer = await alice.get(TOKEN_COLLECTION);
  assert.deepEqual(Object.keys(answer.json), ["has_more", "data"]);
  assert.deepEqual(idsOf(answer), [id(3), id(2), id(1), id(0)]);
  assert.equal(answer.json.has_more, false);
});

test("a listed token is the same text as a retrieved one", async () => {
  const { alice, id } = await holder("b");
  const [all, one] = [await alice.get(TOKEN_COLLECTION), await alice.get(tokenItem(id(0)))];
  assert.equal(all.text, `{"has_more":false,"data":[${one.text}]}`);
});

test("a new token is the first of the list", async () => {
  const { alice, id } = await holder("0");
  await alice.insert();
  const { json } = await alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read");
  assert.deepEqual(idsOf(await alice.get(TOKEN_COLLECTION)), [json.id, id(0)]);
});

test("a page has at most ten tokens, or as many as limit says, and is one call to D1", async () => {
  const { alice, id } = await holder("c");
  await fill(
    alice,
    Array.from({ length: 101 }, (_, n) => id(n + 1)),
  );
  for (const [query, count] of [
    ["", 10],
    ["?limit=1", 1],
    ["?limit=100", 100],
    ["?limit=11", 11],
  ] as const) {
    const answer = await alice.get(TOKEN_COLLECTION + query);
    assert.equal(idsOf(answer).length, count, query);
    assert.equal(answer.json.has_more, true, query);
    assert.equal(answer.cost.calls, 1);
    assert.ok(answer.cost.rowsRead <= 2 * count + 3, `${query}: ${answer.cost.rowsRead} rows read`);
  }
});

test("Link leads from page to page to the end and back", async () => {
  const { alice, id } = await holder("d");
  await fill(
    alice,
    Array.from({ length: 24 }, (_, n) => id(n + 1)),
  );
  const all = Array.from({ length: 25 }, (_, n) => id(24 - n));
  let [path, last] = [`${TOKEN_COLLECTION}?limit=7`, ""] as [string | undefined, string];
  const forwards: string[] = [];
  while (path !== undefined) {
    last = path;
    const answer = await alice.get(path);
    forwards.push(...idsOf(answer));
    path = links(answer).next;
  }
  assert.deepEqual(forwards, all);
  const backwards: string[] = [];
  for (path = last; path !== undefined; ) {
    const answer = await alice.get(path);
    backwards.unshift(...idsOf(answer));
    path = links(answer).prev;
  }
  assert.deepEqual(backwards, all);
});

test("any well-formed id is a cursor, and both cursors together are a 400", async () => {
  const { alice, id } = await holder("e");
  await fill(alice, [id(1), id(3)]);
  assert.deepEqual(idsOf(await alice.get(`${TOKEN_COLLECTION}?starting_after=${id(2)}`)), [id(1), id(0)]);
  assert.deepEqual(idsOf(await alice.get(`${TOKEN_COLLECTION}?ending_before=${id(2)}`)), [id(3)]);
  assertError(
    await alice.get(`${TOKEN_COLLECTION}?starting_after=${id(2)}&ending_before=${id(2)}`),
    400,
    "parameter_invalid",
    "ending_before",
  );
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const { alice, id } = await holder("f");
  await fill(alice, [id(1)]);
  const path = `${TOKEN_COLLECTION}?limit=1`;
  const [get, head] = [await alice.get(path), await alice.head(path)];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control", "link"])
    assert.equal(head.headers[name], get.headers[name], name);
});
