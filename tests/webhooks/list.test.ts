// GET /v1/webhooks. What pages promise of every list: tests/paging.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { insert } from "../support/database.ts";
import { assertError, assertWebhook, idsOf, links } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { WEBHOOKS, webhookItem } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { ALL } from "../support/tokens.ts";
import { START } from "./endpoint.ts";

const id = (n: number): string => String(n).padStart(16, "0");

/** Gives an account endpoints of these numbers. */
async function fill(alice: Account, numbers: number[]): Promise<void> {
  for (const n of numbers)
    await insert("webhooks", {
      account_id: alice.id,
      id: id(n),
      url: NOWHERE,
      created_at: 0,
      scopes: ALL,
      changed_by: id(n),
      salt: id(n),
      seq: 0,
      last_event_id: START,
    });
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test("the list has all endpoints of the account, enabled or not, newest first", async () => {
  const [alice, bob] = [await account(), await account()];
  await fill(bob, [4]);
  await fill(alice, [2, 1, 3]);
  assert.equal((await alice.put(webhookItem(id(2)), "status=disabled")).status, 200);
  const answer = await alice.get(WEBHOOKS);
  assert.deepEqual(Object.keys(answer.json), ["has_more", "data"]);
  assert.deepEqual([idsOf(answer), answer.json.has_more], [[id(3), id(2), id(1)], false]);
  for (const endpoint of answer.json.data)
    assertWebhook(endpoint, { status: endpoint.id === id(2) ? "disabled" : "enabled" });
});

test("a listed endpoint is the same text as a retrieved one", async () => {
  const alice = await account();
  const { json } = await alice.post(WEBHOOKS, { url: NOWHERE, types: ["message.created"], description: "x" });
  const [all, one] = [await alice.get(WEBHOOKS), await alice.get(webhookItem(json.id))];
  assert.equal(all.text, `{"has_more":false,"data":[${one.text}]}`);
});

test("a new endpoint is the first of the list", async () => {
  const alice = await account();
  await fill(alice, [1]);
  const { json } = await alice.post(WEBHOOKS, { url: NOWHERE });
  assert.deepEqual(idsOf(await alice.get(WEBHOOKS)), [json.id, id(1)]);
});

test("a page has at most ten endpoints, or as many as limit says, and is one call to D1", async () => {
  const alice = await account();
  await fill(alice, range(1, 101));
  for (const [query, count] of [
    ["", 10],
    ["?limit=1", 1],
    ["?limit=100", 100],
    ["?limit=11", 11],
  ] as const) {
    const answer = await alice.get(WEBHOOKS + query);
    assert.deepEqual([idsOf(answer).length, answer.json.has_more, answer.cost.calls], [count, true, 1], query);
  }
});

test("Link leads from page to page to the end and back", async () => {
  const alice = await account();
  await fill(alice, range(1, 25));
  const all = range(1, 25).reverse().map(id);
  let [path, last] = [`${WEBHOOKS}?limit=7`, ""] as [string | undefined, string];
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
  const alice = await account();
  await fill(alice, [1, 3]);
  assert.deepEqual(idsOf(await alice.get(`${WEBHOOKS}?starting_after=${id(2)}`)), [id(1)]);
  assert.deepEqual(idsOf(await alice.get(`${WEBHOOKS}?ending_before=${id(2)}`)), [id(3)]);
  const both = await alice.get(`${WEBHOOKS}?starting_after=${id(2)}&ending_before=${id(2)}`);
  assertError(both, 400, "parameter_invalid", "ending_before");
});

test("the list needs webhooks:write, and no other scope is enough", async () => {
  const alice = await account();
  assertError(await api(await grant(alice.id, { scopes: ALL & ~64 })).get(WEBHOOKS), 403, "scope_insufficient");
  assert.equal((await api(await grant(alice.id, { scopes: 64 })).get(WEBHOOKS)).status, 200);
});

test("no response has the secret of an endpoint but the first one, and none is stored by a cache", async () => {
  const alice = await account();
  const { json } = await alice.post(WEBHOOKS, { url: NOWHERE });
  for (const path of [WEBHOOKS, webhookItem(json.id)]) {
    const { text, headers } = await alice.get(path);
    assert.equal(text.includes(json.secret) || text.includes("whsec_"), false, path);
    assert.equal(headers["cache-control"], "private, no-store");
  }
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const alice = await account();
  await fill(alice, [1, 2]);
  const path = `${WEBHOOKS}?limit=1`;
  const [get, head] = [await alice.get(path), await alice.head(path)];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control", "link"])
    assert.equal(head.headers[name], get.headers[name], name);
});
