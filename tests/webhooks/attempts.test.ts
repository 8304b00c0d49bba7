// GET /v1/webhooks/:id/attempts: what was tried, with its result. What fails how: failures.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { insert } from "../support/database.ts";
import { assertError, idsOf, links, now } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { attemptsOf, NO_ID, WEBHOOKS } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { ALL } from "../support/tokens.ts";
import { endpoint, log } from "./endpoint.ts";
import { status } from "./receiver.ts";

const FIELDS = ["id", "event_id", "type", "created_at", "status", "error", "duration"];

/** Stores attempts of these numbers. */
async function fill(alice: Account, id: string, numbers: number[]): Promise<void> {
  for (const number of numbers)
    await insert("webhook_attempts", {
      account_id: alice.id,
      webhook_id: id,
      slot: number % 100,
      number,
      event_id: String(number).padStart(16, "0"),
      type: "message.created",
      created_at: number,
      status: 200,
      error: null,
      duration: number,
    });
}
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const times = ({ json }: { json: any }): number[] => json.data.map((attempt: any) => attempt.created_at);

/** An endpoint to which nothing is sent, with attempts of these numbers. */
async function filled(numbers: number[]) {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  await fill(alice, id, numbers);
  return { alice, path: attemptsOf(id) };
}

test("an attempt has its seven fields in order, and the newest is the first", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  assert.equal((await alice.get(attemptsOf(hook.id))).text, '{"has_more":false,"data":[]}');
  const before = now();
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  await alice.say(id);
  await hook.take(2);
  const list = await hook.attempted(2);
  const after = Math.ceil(Date.now() / 1000);
  const events = (await log(alice)).map((event) => JSON.parse(event)).reverse();
  for (const [n, attempt] of list.entries()) {
    assert.deepEqual(Object.keys(attempt), FIELDS);
    assert.match(attempt.id, /^[0-9A-Za-z]{16}$/);
    assert.deepEqual(
      [attempt.event_id, attempt.type, attempt.status, attempt.error],
      [events[n].id, events[n].type, 204, null],
    );
    assert.ok(before <= attempt.created_at && attempt.created_at <= after);
    assert.ok(Number.isInteger(attempt.duration) && attempt.duration >= 0);
  }
  assert.notEqual(list[0].id, list[1].id);
});

test("every attempt of an event is there, each with an id of its own", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { reply: status(500) });
  await alice.client.conversations.create({ contact_id: "bob" });
  await hook.attempted(1);
  await hook.due();
  await hook.attempted(2);
  hook.receiver.reply = status(200);
  await hook.due();
  const list = await hook.attempted(3);
  assert.deepEqual(
    list.map((attempt) => attempt.status),
    [200, 500, 500],
  );
  assert.deepEqual(
    [new Set(list.map(({ event_id }) => event_id)).size, new Set(list.map(({ id }) => id)).size],
    [1, 3],
  );
});

test("the last hundred attempts are kept", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await Promise.all(Array.from({ length: 110 }, () => alice.client.conversations.create({ contact_id: "bob" })));
  const deliveries = await hook.take(110);
  await hook.upToDate();
  const { json } = await alice.get(`${attemptsOf(hook.id)}?limit=100`);
  assert.equal(json.has_more, false);
  assert.deepEqual(
    json.data.map((attempt: any) => attempt.event_id),
    deliveries
      .slice(10)
      .reverse()
      .map(({ id }) => id),
  );
});

test("a page has at most ten attempts, or as many as limit says, and is one call to D1", async () => {
  const { alice, path } = await filled(range(251, 350));
  for (const [query, count, more] of [
    ["", 10, true],
    ["?limit=1", 1, true],
    ["?limit=99", 99, true],
    ["?limit=100", 100, false],
  ] as const) {
    const answer = await alice.get(path + query);
    assert.deepEqual(times(answer), range(351 - count, 350).reverse(), query);
    assert.deepEqual([answer.json.has_more, answer.cost.calls], [more, 1]);
  }
});

test("Link leads from page to page to the end and back", async () => {
  const { alice, path: first } = await filled(range(180, 204));
  const all = range(180, 204).reverse();
  let [path, last] = [`${first}?limit=7`, ""] as [string | undefined, string];
  const forwards: number[] = [];
  while (path !== undefined) {
    last = path;
    const answer = await alice.get(path);
    forwards.push(...times(answer));
    path = links(answer).next;
  }
  assert.deepEqual(forwards, all);
  const backwards: number[] = [];
  for (path = last; path !== undefined; ) {
    const answer = await alice.get(path);
    backwards.unshift(...times(answer));
    path = links(answer).prev;
  }
  assert.deepEqual(backwards, all);
});

test("an attempt's id is a cursor, both cursors together are a 400, and a malformed one too", async () => {
  const { alice, path } = await filled([1, 2, 3]);
  const [third, second, first] = idsOf(await alice.get(path));
  assert.deepEqual(idsOf(await alice.get(`${path}?starting_after=${second}`)), [first]);
  assert.deepEqual(idsOf(await alice.get(`${path}?ending_before=${second}`)), [third]);
  const both = await alice.get(`${path}?starting_after=${second}&ending_before=${second}`);
  assertError(both, 400, "parameter_invalid", "ending_before");
  assertError(await alice.get(`${path}?starting_after=x`), 400, "parameter_invalid", "starting_after");
});

test("another account's endpoint and an id that does not exist are a 404", async () => {
  const [alice, bob] = [await account(), await account()];
  const { id } = (await bob.post(WEBHOOKS, { url: NOWHERE })).json;
  await fill(bob, id, [1]);
  for (const missing of [id, NO_ID, "x", "%00"])
    assertError(await alice.get(attemptsOf(missing)), 404, "resource_missing");
});

test("the attempts of one endpoint are not those of another", async () => {
  const { alice, path } = await filled([1, 2]);
  const other = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  assert.deepEqual(idsOf(await alice.get(attemptsOf(other.id))), []);
  assert.equal(idsOf(await alice.get(path)).length, 2);
});

test("attempts need webhooks:write", async () => {
  const { alice, path } = await filled([1]);
  assertError(await api(await grant(alice.id, { scopes: ALL & ~64 })).get(path), 403, "scope_insufficient");
  assert.equal(idsOf(await api(await grant(alice.id, { scopes: 64 })).get(path)).length, 1);
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const { alice, path } = await filled([1, 2]);
  const [get, head] = [await alice.get(`${path}?limit=1`), await alice.head(`${path}?limit=1`)];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control", "link"])
    assert.equal(head.headers[name], get.headers[name], name);
});
