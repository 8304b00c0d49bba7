// Isolation: no request sees or changes anything of another account, and another account's id answers like a missing
// one.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { assertError, idsOf, links, position } from "./support/expectations.ts";
import { type Headers, keyed } from "./support/http.ts";
import { mistakesOf, sendMistake } from "./support/mistakes.ts";
import { KINDS, kindAt } from "./support/operations.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem, NO_ID, TOKEN_COLLECTION } from "./support/paths.ts";
import {
  type Caller,
  canBeKeyed,
  REQUESTS,
  type Request,
  replaceIds,
  send as sendRequest,
  type World,
  world,
} from "./support/requests.ts";
import { randomId } from "./support/tokens.ts";

/** A response without what differs between any two: request id, date, duration, log, the database's state, and which
 * copy of it answered. The rows stay: the rows read must not tell another account's id from a missing one either. */
function bare({ status, headers, text }: Answer): unknown {
  const {
    date,
    "x-request-id": id,
    "server-timing": timing,
    "x-test-log": _log,
    "x-test-limited": _limited,
    "x-test-d1-copies": _copies,
    "x-d1-bookmark": bookmark,
    ...rest
  } = headers;
  const hasBookmark = bookmark !== undefined;
  return {
    status,
    rest,
    hasBookmark,
    timing: String(timing).replace(/dur=[\d.]+/, ""),
    // The ids of an update of many that are missing are those that were asked for.
    text: text.replaceAll(String(id), "").replace(/("missing":\[")\w{16}("\])/, "$1$2"),
  };
}

/** Alice with an object of every kind, and a conversation that every filter finds; and Mallory. */
async function neighbours() {
  const [here, mallory] = [await world(), await account()];
  const { account: alice, real } = here;
  const id = await alice.insert({
    id: "mmmmmmmmmmmmmmmm",
    contact_id: "bob",
    group_id: "team",
    is_muted: 1,
    is_pinned: 1,
    archived_at: 5,
  });
  const message = await alice.insertMessage(id);
  await alice.put(item(id), { pinned_message_id: message });
  await alice.insert({ id: "aaaaaaaaaaaaaaaa", contact_id: "carol", last_active_at: 5 });
  return { alice, mallory, id, message, token: real(kindAt(TOKEN_COLLECTION).exampleId) };
}

type Ask = [what: string, ask: (here: World, caller: Caller) => Promise<Answer>];

const CONDITIONS: Record<string, string[]> = { "If-Match": ["*", '"x"'], "If-None-Match": ["*"] };

/** Every way to send a request: as it is, with each condition, with a key, as HEAD, and with a mistake. */
function waysOf(request: Request): Ask[] {
  const { operation } = request;
  const plain: Headers[] = [
    {},
    ...operation.headers.flatMap((name) => (CONDITIONS[name] ?? []).map((value) => ({ [name]: value }))),
  ];
  const ways = plain.map(
    (headers): Ask => [JSON.stringify(headers), (here, caller) => sendRequest(here, request, headers, caller)],
  );
  if (canBeKeyed(request))
    ways.push(["with a key", (here, caller) => sendRequest(here, request, keyed(randomId()), caller)]);
  if (operation.method === "GET") {
    const head = { ...request, operation: { ...operation, method: "HEAD" } };
    ways.push(["HEAD", (here, caller) => sendRequest(here, head, {}, caller)]);
  }
  for (const mistake of mistakesOf(operation))
    ways.push([mistake.name, (here, caller) => sendMistake(here, mistake, {}, caller)]);
  return ways;
}

for (const request of REQUESTS) {
  const text = request.target + JSON.stringify(request.body);
  const named = KINDS.filter(({ exampleId }) => text.includes(exampleId));
  // A request that names no object cannot name one of another account.
  if (named.length === 0) continue;
  test(`${request.name}: another account's id answers byte for byte like an id that never existed`, async () => {
    const [here, mallory, third] = [await world(), (await world()).account, (await world()).account];
    const { account: alice, real } = here;
    const nowhere = { account: mallory, real: (text: string) => replaceIds(text, () => NO_ID) };
    const ways = waysOf(request);
    const before = await alice.everything();
    const foreign: unknown[] = [];
    for (const [what, ask] of ways) {
      const answer = bare(await ask(here, mallory));
      assert.deepEqual(answer, bare(await ask(nowhere, mallory)), `${what}: an id that never existed`);
      foreign.push(answer);
    }
    assert.deepEqual(await alice.everything(), before, "nothing changed");
    for (const { collection, exampleId } of named) await alice.delete(`${collection}/${real(exampleId)}`);
    for (const [n, [what, ask]] of ways.entries()) {
      assert.deepEqual(foreign[n], bare(await ask(here, mallory)), `${what}: after the object was deleted`);
      assert.deepEqual(foreign[n], bare(await ask(here, third)), `${what}: a third account`);
    }
  });
}

test("another account's position in the log answers like one that never existed", async () => {
  const [alice, mallory] = [(await world()).account, (await world()).account];
  const [hers, own] = [idsOf(await alice.get(EVENTS)), idsOf(await mallory.get(EVENTS))];
  assert.ok(hers.length > 0 && own.length > 0);
  for (const position of hers) {
    // Its number is one of her own log, too.
    const missing = position.slice(0, 9) + randomId().slice(9);
    const foreign = await mallory.get(`${EVENTS}?starting_after=${position}`);
    assertError(foreign, 410, "position_expired", "starting_after");
    assert.deepEqual(bare(foreign), bare(await mallory.get(`${EVENTS}?starting_after=${missing}`)));
    assert.ok(!own.includes(position));
  }
});

test("a list of tokens shows no token of another account, whatever the cursor", async () => {
  const { mallory, token } = await neighbours();
  const own = idsOf(await mallory.get(TOKEN_COLLECTION));
  assert.equal(own.length, 1);
  for (const cursor of [
    `starting_after=${token}`,
    `ending_before=${token}`,
    "starting_after=zzzzzzzzzzzzzzzz",
    "ending_before=0000000000000000",
  ]) {
    const answer = await mallory.get(`${TOKEN_COLLECTION}?${cursor}`);
    assert.ok(
      idsOf(answer).every((id) => own.includes(id)),
      cursor,
    );
  }
});

test("another account's idempotency key is a key of its own: neither replayed nor refused", async () => {
  const { alice, mallory } = await neighbours();
  const [one, other] = [keyed("shared"), keyed("other")];
  const hers = await alice.post(COLLECTION, "contact_id=bob", one);
  const [same, different] = [
    await mallory.post(COLLECTION, "contact_id=bob", one),
    await mallory.post(COLLECTION, "contact_id=carol", other),
  ];
  for (const answer of [same, different]) {
    assert.deepEqual([answer.status, answer.headers["idempotent-replayed"]], [201, undefined]);
    assert.notEqual(answer.json.id, hers.json.id);
  }
});

test("a message to another account's conversation changes neither account", async () => {
  const { alice, mallory, id } = await neighbours();
  const before = await alice.contents();
  assert.equal((await mallory.post(MESSAGES, { conversation_id: id, message: "Hello" })).status, 404);
  assert.deepEqual(await alice.contents(), before);
  assert.deepEqual(await mallory.contents(), { conversations: [], messages: [] });
});

test("two accounts can have a conversation and a message of the same ids: each changes only its own", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert();
  await bob.insert({ id });
  const message = await alice.insertMessage(id, { message: "alice's" });
  await bob.insertMessage(id, { id: message, message: "bob's" });
  for (const each of [alice, bob]) assert.equal((await each.put(item(id), { pinned_message_id: message })).status, 200);
  const before = await bob.contents();
  await alice.put(messageItem(message), "message=changed&read_at=5");
  await alice.say(id);
  await alice.delete(messageItem(message));
  assert.equal((await alice.get(item(id))).json.pinned_message_id, null);
  assert.deepEqual(await bob.contents(), before);
  await alice.delete(item(id));
  assert.deepEqual(await bob.contents(), before);
});

/** A list is empty, and so is the page that it links to. A page without a cursor has no link. */
async function assertEmpty(caller: Account, path: string): Promise<void> {
  const answer = await caller.get(path);
  const back = Object.values(links(answer));
  assert.equal(back.length, /starting_after|ending_before/.test(path) ? 1 : 0, path);
  for (const page of [answer, ...(await Promise.all(back.map((target) => caller.get(target))))])
    assert.equal(page.text, '{"has_more":false,"data":[]}', path);
}

test("a list of messages shows no message of another account, whatever the filter and the cursor", async () => {
  const { mallory, id, message } = await neighbours();
  for (const which of ["", `conversation_id=${id}`, `conversation_id=${NO_ID}`]) {
    for (const cursor of [
      "",
      `starting_after=${message}`,
      `ending_before=${message}`,
      "starting_after=zzzzzzzzzzzzzzzz",
      "ending_before=0000000000000000",
    ]) {
      await assertEmpty(mallory, `${MESSAGES}?${[which, cursor].filter(Boolean).join("&")}`);
    }
  }
});

test("pinning another account's message answers like pinning a message that never existed", async () => {
  const { mallory, message, alice } = await neighbours();
  const before = await alice.contents();
  const id = await mallory.insert();
  const foreign = await mallory.put(item(id), { pinned_message_id: message });
  const missing = await mallory.put(item(id), { pinned_message_id: NO_ID });
  assert.equal(foreign.status, 400);
  assert.deepEqual(bare(foreign), bare(missing));
  assert.equal((await mallory.get(item(id))).json.pinned_message_id, null);
  assert.deepEqual(await alice.contents(), before);
});

test("two accounts can have a conversation of the same id", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert({ contact_id: "a" });
  await bob.insert({ id, contact_id: "b" });
  await alice.put(item(id), "is_muted=true");
  assert.deepEqual([(await alice.get(item(id))).json.is_muted, (await bob.get(item(id))).json.is_muted], [true, false]);
  await alice.delete(item(id));
  assert.equal((await bob.get(item(id))).json.contact_id, "b");
});

test("a list of conversations shows none of another account, whatever the filters and the cursor", async () => {
  const { mallory } = await neighbours();
  const flags = [
    "",
    "muted=true",
    "archived=true",
    "pinned=true",
    "muted=true&archived=true&pinned=true",
    "muted=false&archived=false&pinned=false",
  ];
  const references = ["", "contact_id=bob", "group_id=team", "contact_id=bob&group_id=team", "contact_id=carol"];
  const cursors = [
    "",
    "starting_after=zzzzzzzzzzzzzzzz",
    "starting_after=mmmmmmmmmmmmmmmm",
    "ending_before=mmmmmmmmmmmmmmmm",
    "ending_before=0000000000000000",
  ];
  const inOrderOf = (sort: string, unread: string[], positions: string[]) =>
    flags.flatMap((a) =>
      references.flatMap((b) =>
        positions.flatMap((c) => unread.map((d) => [a, b, c, d, sort].filter(Boolean).join("&"))),
      ),
    );
  const positions = [
    "",
    `starting_after=${position("zzzzzzzzzzzzzzzz", 3521614606)}`,
    `ending_before=${position("0000000000000000", null)}`,
  ];
  const queries = [
    ...inOrderOf("", ["", "unread=true", "unread=false"], cursors),
    ...inOrderOf("sort=last_active_at", ["", "unread=true"], positions),
  ];
  for (const query of queries) await assertEmpty(mallory, `${COLLECTION}?${query}`);
});

test("another account's id is a valid cursor: a position among one's own conversations", async () => {
  const { mallory, id } = await neighbours();
  await mallory.insert({ id: "nnnnnnnnnnnnnnnn" });
  await mallory.insert({ id: "bbbbbbbbbbbbbbbb" });
  assert.deepEqual(idsOf(await mallory.get(`${COLLECTION}?starting_after=${id}`)), ["bbbbbbbbbbbbbbbb"]);
  assert.deepEqual(idsOf(await mallory.get(`${COLLECTION}?ending_before=${id}`)), ["nnnnnnnnnnnnnnnn"]);
});

test("has_more and Link depend on one's own conversations only", async () => {
  const { alice, mallory } = await neighbours();
  for (let i = 0; i < 20; i += 1) await alice.insert();
  await mallory.insert();
  const answer = await mallory.get(`${COLLECTION}?limit=1`);
  assert.equal(answer.json.has_more, false);
  assert.deepEqual(links(answer), {});
});

test("a conversation is created in the caller's account, and distinct=true searches only there", async () => {
  const { alice, mallory } = await neighbours();
  const before = await alice.contents();
  assert.equal((await mallory.post(COLLECTION, "contact_id=bob&group_id=team&distinct=true")).status, 201);
  assert.equal((await mallory.post(COLLECTION, "contact_id=carol&distinct=true")).status, 201);
  assert.equal((await mallory.post(COLLECTION, "contact_id=bob")).status, 201);
  assert.deepEqual(await alice.contents(), before);
  assert.equal((await mallory.contents()).conversations.length, 3);
});

test("no parameter, attribute or header names an account", async () => {
  const { alice, mallory } = await neighbours();
  for (const name of ["account_id", "account", "user_id"]) {
    assert.equal((await mallory.get(`${COLLECTION}?${name}=${alice.id}`)).status, 400);
    assert.equal((await mallory.post(COLLECTION, { contact_id: "bob", [name]: alice.id })).status, 400);
  }
  for (const name of ["X-Account-Id", "X-Account", "X-Forwarded-User"]) {
    assert.deepEqual(idsOf(await mallory.get(COLLECTION, undefined, { [name]: String(alice.id) })), []);
  }
});
