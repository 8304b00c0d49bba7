// An account that has moved to another database: its tokens lead there.

import "../support/three_databases.ts";
import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { closeAll, listen, watched } from "../events/listening.ts";
import { account, grant } from "../support/accounts.ts";
import { home, type Shard } from "../support/configuration.ts";
import { sql, sqlIn } from "../support/database.ts";
import { assertError, idsOf, links } from "../support/expectations.ts";
import { api, type Headers, ifMatch, keyed } from "../support/http.ts";
import { COLLECTION, EVENTS, item, MESSAGES, rotation, TOKEN_COLLECTION, WEBHOOKS } from "../support/paths.ts";
import { REQUESTS, send, world } from "../support/requests.ts";
import { sweep } from "../support/sweep.ts";
import { hashOf, READ, TOKENS } from "../support/tokens.ts";
import { endpoint, eventsOf, logged } from "../webhooks/endpoint.ts";
import { accountIn, FIRST, type Holder, hold, holder, move, SECOND, THIRD } from "./accounts.ts";

afterEach(closeAll);

/** Moves an account, as if no request asked for it. */
async function moveTo(to: Shard, { id, shard }: { id: number; shard: Shard }): Promise<Holder["id"]> {
  await hold({ id, shard });
  return move({ id, shard }, to);
}
const here = ({ id }: { id: number }) => ({ id, shard: home });
const bindings = (...shards: Shard[]) => shards.map(({ binding }) => binding);

test("a token from before the move works at once: two calls more the first time, then one call", async () => {
  const alice = await accountIn(THIRD);
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const moved = await moveTo(FIRST, alice);
  const first = await alice.get(item(json.id));
  assert.deepEqual([first.status, first.json], [200, json]);
  assert.deepEqual([first.databases, first.log.d1_calls], [bindings(THIRD, THIRD, FIRST), 3]);
  assert.deepEqual([first.log.database, first.log.account], ["DB", moved]);
  for (const answer of [await alice.get(COLLECTION), await alice.put(item(json.id), "is_muted=true")]) {
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.databases, bindings(FIRST));
  }
});

test("every request works for a token from before the move, as it did before", async () => {
  for (const request of REQUESTS) {
    const there = await world();
    await moveTo(SECOND, here(there.account));
    const answer = await send(there, request);
    const status = request.operation.id === "createConversation" ? 201 : request.operation.success;
    assert.equal(answer.status, status, `${request.name}: ${answer.text}`);
    assert.deepEqual(answer.databases, bindings(home, home, SECOND), request.name);
  }
});

test("what a request changes after the move is changed in the new database alone", async () => {
  const alice = await accountIn(THIRD);
  const id = (await alice.post(COLLECTION, "contact_id=bob")).json.id;
  const moved = await moveTo(FIRST, alice);
  assert.equal((await alice.post(COLLECTION, "contact_id=carol")).status, 201);
  assert.equal((await alice.post(MESSAGES, { conversation_id: id, message: "Hello" })).status, 201);
  const count = async (shard: Shard, table: string, account: number) =>
    (await sqlIn(shard, `SELECT count(*) AS count FROM ${table} WHERE account_id = ?`, account))[0]!.count;
  assert.deepEqual([await count(FIRST, "conversations", moved), await count(FIRST, "messages", moved)], [2, 1]);
  for (const table of ["conversations", "messages", "events"]) assert.equal(await count(THIRD, table, alice.id), 0);
});

test("a token of another account of the same number does not follow the move", async () => {
  const alice = await account();
  const id = (await alice.post(COLLECTION, "contact_id=bob")).json.id;
  const decoy = await holder(FIRST, alice.id);
  const moved = await moveTo(FIRST, here(alice));
  assert.notEqual(moved, alice.id);
  assert.equal((await decoy.get(item(id))).status, 404);
  assert.equal((await alice.get(item(id))).status, 200);
});

test("a missing scope stays a 403, also after the move, and a revoked token a 401", async () => {
  const alice = await account();
  const narrow = api(await grant(alice.id, { scopes: READ }));
  const revoked = api(await grant(alice.id, { revoked_at: 1 }));
  await moveTo(SECOND, here(alice));
  for (let n = 0; n < 2; n += 1) {
    assertError(await narrow.get(MESSAGES), 403, "scope_insufficient");
    assert.equal((await narrow.get(COLLECTION)).status, 200);
    assertError(await revoked.get(COLLECTION), 401, "token_invalid");
  }
});

test("a token that is revoked after the move is refused from the next request on", async () => {
  const alice = await accountIn(THIRD);
  const old = await holder(THIRD, alice.id, READ);
  await moveTo(FIRST, alice);
  assert.equal((await old.get(COLLECTION)).status, 200);
  const [{ id }] = (await sqlIn(FIRST, "SELECT id FROM tokens WHERE hash = ?", hashOf(old.token))) as [{ id: string }];
  assert.equal((await alice.delete(`${TOKEN_COLLECTION}/${id}`)).status, 204);
  for (let n = 0; n < 3; n += 1) assertError(await old.get(COLLECTION), 401, "token_invalid");
});

test("tokens that are made after the move name the new database, and ask no other", async () => {
  const alice = await accountIn(THIRD, READ | TOKENS);
  const before = (await alice.post(TOKEN_COLLECTION, { name: "a", scopes: "conversations:read" })).json;
  await moveTo(SECOND, alice);
  const created = (await alice.post(TOKEN_COLLECTION, { name: "b", scopes: "conversations:read" })).json;
  const rotated = (await alice.post(rotation(before.id))).json;
  for (const { token } of [created, rotated]) {
    assert.match(token, /^self_1_/);
    assert.deepEqual((await api(token).get(COLLECTION)).databases, bindings(SECOND));
  }
});

test("a token follows its account from database to database, and back", async () => {
  const alice = await accountIn(THIRD);
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const second = await moveTo(SECOND, alice);
  assert.equal((await alice.get(item(json.id))).status, 200);
  const first = await moveTo(FIRST, { id: second, shard: SECOND });
  // This isolate remembers where it was.
  assert.deepEqual((await alice.get(item(json.id))).databases, bindings(SECOND, SECOND, FIRST));
  assert.deepEqual((await alice.get(item(json.id))).databases, bindings(FIRST));
  const back = await moveTo(THIRD, { id: first, shard: FIRST });
  const answer = await alice.get(item(json.id));
  assert.deepEqual([answer.status, answer.json], [200, json]);
  assert.deepEqual(answer.databases, bindings(FIRST, FIRST, THIRD));
  assert.equal(answer.log.account, back);
});

test("a token that was not used between two moves goes the whole way once", async () => {
  const alice = await accountIn(THIRD);
  const second = await moveTo(SECOND, alice);
  await moveTo(FIRST, { id: second, shard: SECOND });
  const way = bindings(THIRD, THIRD, SECOND, SECOND, FIRST);
  assert.deepEqual((await alice.get(COLLECTION)).databases, way);
  assert.deepEqual((await alice.get(COLLECTION)).databases, bindings(FIRST));
});

test("a request that is sent again after the move, with its key, is the same request", async () => {
  const alice = await accountIn(THIRD);
  const create = () => alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  const first = await create();
  await moveTo(FIRST, alice);
  for (let n = 0; n < 2; n += 1) {
    const again = await create();
    assert.deepEqual([again.status, again.json, again.headers["idempotent-replayed"]], [201, first.json, "true"]);
  }
  assert.equal(idsOf(await alice.get(COLLECTION)).length, 1);
});

test("cursors, entity tags and positions from before the move stay valid", async () => {
  const alice = await accountIn(THIRD);
  for (let n = 0; n < 3; n += 1) await alice.post(COLLECTION, `contact_id=bob${n}`);
  const page = await alice.get(`${COLLECTION}?limit=1`);
  const one = await alice.get(item(page.json.data[0].id));
  const position = links(await alice.get(`${EVENTS}?limit=1`)).next!.replace("limit=1&", "");
  await moveTo(FIRST, alice);
  assert.deepEqual(
    (await alice.get(String(links(page).next))).json.data.map((each: any) => each.contact_id),
    ["bob1"],
  );
  assert.deepEqual(
    (await alice.get(position)).json.data.map((event: any) => event.conversation.contact_id),
    ["bob1", "bob2"],
  );
  assert.equal((await alice.put(item(one.json.id), "is_muted=true", ifMatch(one))).status, 200);
  assert.equal((await alice.put(item(one.json.id), "is_muted=false", ifMatch(one))).status, 412);
});

test("a malformed request stays a 400, and is told only to those whose token is valid", async () => {
  const alice = await accountIn(THIRD);
  await moveTo(FIRST, alice);
  assertError(await alice.get(`${COLLECTION}?limit=0`), 400, "parameter_invalid", "limit");
  assertError(await alice.post(COLLECTION, "x=1"), 400, "parameter_unknown", "x");
});

test("webhooks go on after the move where they stopped, each event once", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await alice.post(COLLECTION, "contact_id=bob");
  const [first] = await hook.take(1);
  await hook.upToDate();
  await hold(here(alice));
  await alice.insert({ contact_id: "carol" });
  const moved = await move(here(alice), SECOND);
  await sweep();
  const second = await hook.take(1);
  assert.equal((await alice.post(COLLECTION, "contact_id=dave")).status, 201);
  const third = await hook.take(1);
  assert.deepEqual(eventsOf([first!, ...second, ...third]), await logged(alice));
  await hook.upToDate();
  assert.deepEqual(
    hook.receiver.deliveries.map(({ id }) => id),
    [],
  );
  const [row] = await sqlIn(SECOND, "SELECT attempts FROM webhooks WHERE account_id = ?", moved);
  assert.equal(row!.attempts, 3);
});

test("a long poll that waits while its account moves is a 503 or an answer, and the next request goes on", async () => {
  const alice = await account();
  const position = String(links(await alice.get(`${EVENTS}?starting_after=now`)).next);
  const waiting = alice.get(`${position}&wait=30`);
  await watched(alice);
  await moveTo(SECOND, here(alice));
  // The first request in the new place rings where those who listen are.
  const created = await alice.post(COLLECTION, "contact_id=bob");
  const answer = await waiting;
  assert.ok([200, 503].includes(answer.status), answer.text);
  const seen = answer.status === 200 ? answer.json.data : [];
  const next = answer.status === 200 ? String(links(answer).next) : position;
  const rest = (await alice.get(next)).json.data;
  assert.deepEqual(
    [...seen, ...rest].map((event: any) => event.conversation.id),
    [created.json.id],
  );
});

test("a stream of an account that moves ends, and continues in the new database", async () => {
  const alice = await account();
  const stream = await listen(alice.token);
  await alice.post(COLLECTION, "contact_id=bob");
  const [first] = await stream.take(1);
  await moveTo(SECOND, here(alice));
  assert.equal((await alice.post(COLLECTION, "contact_id=carol")).status, 201);
  await stream.ended;
  assert.deepEqual(stream.events, []);
  const again = await listen(alice.token, "", { "Last-Event-ID": first!.id } as Headers);
  assert.deepEqual(
    (await again.take(1)).map(({ json }) => json.conversation.contact_id),
    ["carol"],
  );
});

test("the tombstone keeps the tokens' rows, and the account is listed nowhere but in the new database", async () => {
  const alice = await account();
  await alice.post(WEBHOOKS, { url: "http://127.0.0.1:1024/x" });
  const moved = await moveTo(SECOND, here(alice));
  assert.deepEqual(await sql("SELECT scopes, held_scopes > 0 AS kept FROM tokens WHERE account_id = ?", alice.id), [
    { scopes: 128, kept: 1 },
  ]);
  const { logs } = await sweep();
  for (const { status } of logs) assert.equal(status, 200);
  // No sweep gives a moved account back.
  assert.deepEqual((await alice.get(COLLECTION)).log.account, moved);
});

test("the last use of a token is noted where its account is, and nowhere while the account is held", async () => {
  const alice = await account();
  const token = await grant(alice.id, { last_used_at: null });
  const caller = api(token);
  const days = () =>
    Promise.all(
      [home, SECOND].map(async (shard) => {
        const rows = await sqlIn(shard, "SELECT last_used_at FROM tokens WHERE hash = ?", hashOf(token));
        return rows[0]?.last_used_at;
      }),
    );
  const used = async () => {
    const { status, headers } = await caller.get(COLLECTION, undefined, { "x-test-last-use": "1" });
    return { status, databases: JSON.parse(String(headers["x-test-last-use"])).databases };
  };
  await hold(here(alice));
  assert.deepEqual(await used(), { status: 503, databases: [] });
  await move(here(alice), SECOND);
  assert.deepEqual(await days(), [null, null]);
  assert.deepEqual(await used(), { status: 200, databases: [SECOND.binding] });
  const [before, after] = await days();
  assert.equal(before, null);
  assert.equal(typeof after, "number");
  assert.deepEqual(await used(), { status: 200, databases: [] });
});
