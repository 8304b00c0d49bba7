// Two accounts: nothing of one is seen or changed by the other, and a foreign id answers like a missing one.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { idsOf, links, position } from "./support/expectations.ts";
import { keyed } from "./support/http.ts";
import {
  COLLECTION,
  item,
  MESSAGES,
  messageItem,
  NO_ID,
  rotation,
  TOKEN_COLLECTION,
  tokenItem,
} from "./support/paths.ts";
import { randomId } from "./support/tokens.ts";

/** An answer without what differs between any two: the request id, the date, D1's microseconds, the log. The rows stay:
 * what D1 had to read must not tell a foreign id from a missing one either. */
function bare({ status, headers, text }: Answer): unknown {
  const {
    date,
    "x-request-id": id,
    "server-timing": timing,
    "x-test-log": _log,
    "x-test-limited": _limited,
    ...rest
  } = headers;
  return { status, rest, timing: String(timing).replace(/dur=[\d.]+/, ""), text: text.replaceAll(String(id), "") };
}

/** Alice with a little of everything, and Mallory. */
async function neighbours() {
  const [alice, mallory] = [await account(), await account()];
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
  const token = String((await alice.everything()).tokens![0]!.id);
  return { alice, mallory, id, message, token };
}

const REQUESTS: [string, (caller: Account, id: string) => Promise<Answer>][] = [
  ["GET", (caller, id) => caller.get(item(id))],
  ["HEAD", (caller, id) => caller.head(item(id))],
  ["PUT without attributes", (caller, id) => caller.put(item(id))],
  ["PUT", (caller, id) => caller.put(item(id), "is_muted=false")],
  ["PUT pinned_message_id=", (caller, id) => caller.put(item(id), "pinned_message_id=")],
  ["PUT pinned_message_id", (caller, id) => caller.put(item(id), `pinned_message_id=${NO_ID}`)],
  ["PATCH", (caller, id) => caller.patch(item(id), { archived_at: null })],
  ["PUT, refused", (caller, id) => caller.put(item(id), "contact_id=mallory")],
  ["DELETE", (caller, id) => caller.delete(item(id))],
  ["DELETE, refused", (caller, id) => caller.delete(`${item(id)}?x=1`)],
  ["PUT last_opened_at", (caller, id) => caller.put(item(id), "last_opened_at=5")],
  ["POST a message", (caller, id) => caller.post(MESSAGES, { conversation_id: id, message: "Hello" })],
  [
    "POST a message of a contact",
    (caller, id) => caller.post(MESSAGES, { conversation_id: id, message: "Hello", contact_id: "bob" }),
  ],
  ["GET, if it is there", (caller, id) => caller.get(item(id), undefined, { "If-None-Match": "*" })],
  ["PUT, if it is there", (caller, id) => caller.put(item(id), "is_muted=true", { "If-Match": "*" })],
  ["PUT, if it is something else", (caller, id) => caller.put(item(id), "is_muted=true", { "If-Match": '"x"' })],
  ["DELETE, if it is something else", (caller, id) => caller.delete(item(id), undefined, { "If-Match": '"x"' })],
  [
    "POST a message with a key",
    (caller, id) => caller.post(MESSAGES, { conversation_id: id, message: "Hello" }, keyed(randomId())),
  ],
  ["GET its messages", (caller, id) => caller.get(`${MESSAGES}?conversation_id=${id}`)],
];

for (const [name, request] of REQUESTS) {
  test(`${name}: a foreign id answers byte for byte like one that never existed, and changes nothing`, async () => {
    const { alice, mallory, id } = await neighbours();
    const before = await alice.everything();
    const foreign = bare(await request(mallory, id));
    assert.deepEqual(await alice.everything(), before);
    assert.equal((await alice.delete(item(id))).status, 204);
    assert.deepEqual(foreign, bare(await request(mallory, id)), "once it is gone");
    assert.deepEqual(foreign, bare(await request(await account(), id)), "to anybody else");
  });
}

const MESSAGE_REQUESTS: [string, (caller: Account, id: string) => Promise<Answer>][] = [
  ["GET", (caller, id) => caller.get(messageItem(id))],
  ["HEAD", (caller, id) => caller.head(messageItem(id))],
  ["PUT without attributes", (caller, id) => caller.put(messageItem(id))],
  ["PUT", (caller, id) => caller.put(messageItem(id), "message=mine+now&read_at=5")],
  ["PATCH", (caller, id) => caller.patch(messageItem(id), { read_at: null })],
  ["PUT, refused", (caller, id) => caller.put(messageItem(id), "contact_id=mallory")],
  ["GET, if it is there", (caller, id) => caller.get(messageItem(id), undefined, { "If-None-Match": "*" })],
  ["PUT, if it is there", (caller, id) => caller.put(messageItem(id), "read_at=5", { "If-Match": "*" })],
  ["DELETE, if it is something else", (caller, id) => caller.delete(messageItem(id), undefined, { "If-Match": '"x"' })],
  ["DELETE", (caller, id) => caller.delete(messageItem(id))],
  ["DELETE, refused", (caller, id) => caller.delete(`${messageItem(id)}?x=1`)],
];

for (const [name, request] of MESSAGE_REQUESTS) {
  test(`${name}: a foreign message's id answers byte for byte like one that never existed, and changes nothing`, async () => {
    const { alice, mallory, message } = await neighbours();
    await mallory.say(await mallory.insert());
    const before = await alice.everything();
    const foreign = bare(await request(mallory, message));
    assert.deepEqual(await alice.everything(), before);
    assert.equal((await alice.delete(messageItem(message))).status, 204);
    assert.deepEqual(foreign, bare(await request(mallory, message)), "once it is gone");
    assert.deepEqual(foreign, bare(await request(await account(), message)), "to anybody else");
  });
}

const TOKEN_REQUESTS: [string, (caller: Account, id: string) => Promise<Answer>][] = [
  ["GET", (caller, id) => caller.get(tokenItem(id))],
  ["HEAD", (caller, id) => caller.head(tokenItem(id))],
  ["GET, if it is there", (caller, id) => caller.get(tokenItem(id), undefined, { "If-None-Match": "*" })],
  ["DELETE", (caller, id) => caller.delete(tokenItem(id))],
  ["DELETE, if it is something else", (caller, id) => caller.delete(tokenItem(id), undefined, { "If-Match": '"x"' })],
  ["DELETE, refused", (caller, id) => caller.delete(`${tokenItem(id)}?x=1`)],
  ["rotate", (caller, id) => caller.post(rotation(id))],
  ["rotate with a key", (caller, id) => caller.post(rotation(id), "grace_period=0", keyed(randomId()))],
  ["rotate, refused", (caller, id) => caller.post(rotation(id), "grace_period=-1")],
];

for (const [name, request] of TOKEN_REQUESTS) {
  test(`${name}: a foreign token's id answers byte for byte like one that never existed, and changes nothing`, async () => {
    const { alice, mallory, token } = await neighbours();
    const before = await alice.everything();
    const foreign = bare(await request(mallory, token));
    assert.deepEqual(await alice.everything(), before);
    assert.deepEqual(foreign, bare(await request(mallory, NO_ID)), "one that never existed");
    assert.deepEqual(foreign, bare(await request(await account(), token)), "to anybody else");
  });
}

test("no list of tokens and no cursor shows anything of another account", async () => {
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

test("another account's key neither answers nor refuses, and its answer is not seen", async () => {
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

test("a message to a foreign conversation leaves no trace in either account", async () => {
  const { alice, mallory, id } = await neighbours();
  const before = await alice.contents();
  assert.equal((await mallory.post(MESSAGES, { conversation_id: id, message: "Hello" })).status, 404);
  assert.deepEqual(await alice.contents(), before);
  assert.deepEqual(await mallory.contents(), { conversations: [], messages: [] });
});

test("the same ids of conversation and message in two accounts: each sends, changes, un-pins and deletes its own", async () => {
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

test("no list of messages and no cursor shows anything of another account", async () => {
  const { mallory, id, message } = await neighbours();
  for (const which of ["", `conversation_id=${id}`, `conversation_id=${NO_ID}`]) {
    for (const cursor of [
      "",
      `starting_after=${message}`,
      `ending_before=${message}`,
      "starting_after=zzzzzzzzzzzzzzzz",
      "ending_before=0000000000000000",
    ]) {
      const answer = await mallory.get(`${MESSAGES}?${[which, cursor].filter(Boolean).join("&")}`);
      assert.equal(answer.text, '{"has_more":false,"data":[]}', `${which} ${cursor}`);
      assert.deepEqual(links(answer), {});
    }
  }
});

test("a foreign message can be pinned no more than one that never existed", async () => {
  const { mallory, message, alice } = await neighbours();
  const id = await mallory.insert();
  const foreign = await mallory.put(item(id), { pinned_message_id: message });
  const missing = await mallory.put(item(id), { pinned_message_id: NO_ID });
  assert.equal(foreign.status, 400);
  assert.deepEqual(bare(foreign), bare(missing));
  assert.equal((await mallory.get(item(id))).json.pinned_message_id, null);
  assert.equal((await alice.contents()).messages.length, 1);
});

test("the same ids may exist in two accounts, each its own", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert({ contact_id: "a" });
  await bob.insert({ id, contact_id: "b" });
  await alice.put(item(id), "is_muted=true");
  assert.deepEqual([(await alice.get(item(id))).json.is_muted, (await bob.get(item(id))).json.is_muted], [true, false]);
  await alice.delete(item(id));
  assert.equal((await bob.get(item(id))).json.contact_id, "b");
});

test("no filter and no cursor shows anything of another account", async () => {
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
    `starting_after=${position("zzzzzzzzzzzzzzzz", 253402300799)}`,
    `ending_before=${position("0000000000000000", null)}`,
  ];
  const queries = [
    ...inOrderOf("", ["", "unread=true", "unread=false"], cursors),
    ...inOrderOf("sort=last_active_at", ["", "unread=true"], positions),
  ];
  for (const query of queries) {
    const answer = await mallory.get(`${COLLECTION}?${query}`);
    assert.equal(answer.text, '{"has_more":false,"data":[]}', query);
    assert.deepEqual(links(answer), {}, query);
  }
});

test("a foreign id as a cursor is a position among one's own", async () => {
  const { mallory, id } = await neighbours();
  await mallory.insert({ id: "nnnnnnnnnnnnnnnn" });
  await mallory.insert({ id: "bbbbbbbbbbbbbbbb" });
  assert.deepEqual(idsOf(await mallory.get(`${COLLECTION}?starting_after=${id}`)), ["bbbbbbbbbbbbbbbb"]);
  assert.deepEqual(idsOf(await mallory.get(`${COLLECTION}?ending_before=${id}`)), ["nnnnnnnnnnnnnnnn"]);
});

test("has_more and Link count one's own conversations only", async () => {
  const { alice, mallory } = await neighbours();
  for (let i = 0; i < 20; i += 1) await alice.insert();
  await mallory.insert();
  const answer = await mallory.get(`${COLLECTION}?limit=1`);
  assert.equal(answer.json.has_more, false);
  assert.deepEqual(links(answer), {});
});

test("a create goes to the caller's account; distinct looks nowhere else", async () => {
  const { alice, mallory } = await neighbours();
  const before = await alice.contents();
  assert.equal((await mallory.post(COLLECTION, "contact_id=bob&group_id=team&distinct=true")).status, 201);
  assert.equal((await mallory.post(COLLECTION, "contact_id=carol&distinct=true")).status, 201);
  assert.equal((await mallory.post(COLLECTION, "contact_id=bob")).status, 201);
  assert.deepEqual(await alice.contents(), before);
  assert.equal((await mallory.contents()).conversations.length, 3);
});

test("no request can name an account", async () => {
  const { alice, mallory } = await neighbours();
  for (const name of ["account_id", "account", "user_id"]) {
    assert.equal((await mallory.get(`${COLLECTION}?${name}=${alice.id}`)).status, 400);
    assert.equal((await mallory.post(COLLECTION, { contact_id: "bob", [name]: alice.id })).status, 400);
  }
  for (const name of ["X-Account-Id", "X-Account", "X-Forwarded-User"]) {
    assert.deepEqual(idsOf(await mallory.get(COLLECTION, undefined, { [name]: String(alice.id) })), []);
  }
});
