// What is logged: each change of a conversation or a message is one event, and nothing else is one. How the log is
// read: list.test.ts. That a copy can be kept by it: copy.test.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { sql } from "../support/database.ts";
import { assertError, links } from "../support/expectations.ts";
import { api, ifMatch, keyed } from "../support/http.ts";
import { fillMessages } from "../support/large.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem, NO_ID } from "../support/paths.ts";
import { REQUESTS, reads, send as sendRequest, world } from "../support/requests.ts";
import { sweepAll } from "../support/sweep.ts";
import { ALL, SCOPES } from "../support/tokens.ts";

/** An event: its type, the ids of its conversation and its message, and the request that it names. */
type Logged = [type: string, conversation: string, message: string | null, request: string | null];

/** Tells what is logged from now on. */
async function follow({ get }: Account): Promise<() => Promise<Logged[]>> {
  let next = String(links(await get(`${EVENTS}?limit=100&starting_after=now`)).next);
  return async () => {
    const answer = await get(next);
    assert.equal(answer.json.has_more, false, "the events fit a page");
    next = String(links(answer).next);
    return answer.json.data.map((event: any): Logged => {
      const { type, conversation_id, message_id, request_id } = event;
      return [type, conversation_id, message_id, request_id];
    });
  };
}

const requestOf = ({ headers }: Answer): string => String(headers["x-request-id"]);

/** A muted conversation with a message of a contact that is pinned, and one of the account. */
async function inbox() {
  const alice = await account();
  const { id } = (await alice.post(COLLECTION, "contact_id=bob&group_id=team")).json;
  const [pinned, own] = [(await alice.say(id, { contact_id: "bob" })).id, (await alice.say(id)).id];
  await alice.put(item(id), { pinned_message_id: pinned, is_muted: true });
  return { alice, id, pinned, own };
}
type Inbox = Awaited<ReturnType<typeof inbox>>;

/** Changes: the request, and the event that it makes. An id that the request creates is in its answer. */
const CHANGES: [
  name: string,
  request: (inbox: Inbox) => Promise<Answer>,
  event: (inbox: Inbox, answer: Answer) => [type: string, conversation: string, message: string | null],
][] = [
  [
    "creating a conversation",
    ({ alice }) => alice.post(COLLECTION, "contact_id=bob"),
    (_, { json }) => ["conversation.created", json.id, null],
  ],
  [
    "creating a conversation with `distinct=true` and an Idempotency-Key",
    ({ alice }) => alice.post(COLLECTION, "contact_id=carol&distinct=true", keyed("a")),
    (_, { json }) => ["conversation.created", json.id, null],
  ],
  ...["is_muted=false", "is_pinned=true", "archived_at=5", "last_opened_at=5", "pinned_message_id="].map(
    (attributes): (typeof CHANGES)[number] => [
      `updating a conversation: ${attributes}`,
      ({ alice, id }) => alice.put(item(id), attributes),
      ({ id }) => ["conversation.updated", id, null],
    ],
  ),
  [
    "updating all attributes of a conversation",
    ({ alice, id, own }) =>
      alice.patch(item(id), {
        pinned_message_id: own,
        is_pinned: true,
        is_muted: false,
        archived_at: 5,
        last_opened_at: 5,
      }),
    ({ id }) => ["conversation.updated", id, null],
  ],
  [
    "deleting a conversation with its messages",
    ({ alice, id }) => alice.delete(item(id)),
    ({ id }) => ["conversation.deleted", id, null],
  ],
  [
    "sending a message, which also opens the conversation",
    ({ alice, id }) => alice.post(MESSAGES, { conversation_id: id, message: "Hello" }),
    ({ id }, { json }) => ["message.created", id, json.id],
  ],
  [
    "sending a message of a contact with an Idempotency-Key",
    ({ alice, id }) => alice.post(MESSAGES, { conversation_id: id, message: "Hi", contact_id: "bob" }, keyed("a")),
    ({ id }, { json }) => ["message.created", id, json.id],
  ],
  ...["message=Changed", "read_at=5", "message=Changed&read_at=5"].map((attributes): (typeof CHANGES)[number] => [
    `updating a message: ${attributes}`,
    ({ alice, own }) => alice.put(messageItem(own), attributes),
    ({ id, own }) => ["message.updated", id, own],
  ]),
  [
    "deleting a message",
    ({ alice, own }) => alice.delete(messageItem(own)),
    ({ id, own }) => ["message.deleted", id, own],
  ],
  [
    "deleting a pinned message, which also unpins it",
    ({ alice, pinned }) => alice.delete(messageItem(pinned)),
    ({ id, pinned }) => ["message.deleted", id, pinned],
  ],
];

describe("one event with the request's id", () => {
  for (const [name, request, event] of CHANGES) {
    test(name, async () => {
      const here = await inbox();
      const logged = await follow(here.alice);
      const answer = await request(here);
      assert.ok(answer.status < 300, answer.text);
      assert.deepEqual(await logged(), [[...event(here, answer), requestOf(answer)]]);
      // The same request again changes nothing, or makes a second event.
      const again = await request(here);
      const changed =
        again.status < 300 && again.headers["idempotent-replayed"] === undefined && again.cost.rowsWritten;
      assert.deepEqual(await logged(), changed ? [[...event(here, again), requestOf(again)]] : []);
    });
  }
});

/** Requests that change nothing, each with its status. */
const NO_CHANGES: [name: string, status: number, request: (inbox: Inbox) => Promise<Answer>][] = [
  [
    "creating a conversation with `distinct=true` that exists",
    200,
    ({ alice }) => alice.post(COLLECTION, "contact_id=bob&group_id=team&distinct=true"),
  ],
  [
    "the replay of a creation",
    201,
    async ({ alice, id }) => {
      const send = () => alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, keyed("again"));
      const logged = await follow(alice);
      await send();
      assert.equal((await logged()).length, 1);
      return send();
    },
  ],
  ["updating a conversation to what it is", 200, ({ alice, id }) => alice.put(item(id), "is_muted=true&archived_at=")],
  ["updating a conversation without attributes", 200, ({ alice, id }) => alice.put(item(id))],
  ["updating a message to what it is", 200, ({ alice, own }) => alice.put(messageItem(own), "message=Hello&read_at=")],
  ["a foreign pin", 400, ({ alice, id }) => alice.put(item(id), { is_muted: false, pinned_message_id: NO_ID })],
  ["an unknown attribute", 400, ({ alice, id }) => alice.put(item(id), "is_muted=false&x=1")],
  [
    "an update with an outdated ETag",
    412,
    ({ alice, id }) => alice.put(item(id), "is_muted=false", { "If-Match": '"x"' }),
  ],
  [
    "a deletion with an outdated ETag",
    412,
    ({ alice, id }) => alice.delete(item(id), undefined, { "If-Match": '"x"' }),
  ],
  [
    "the deletion of a message with an outdated ETag",
    412,
    ({ alice, own }) => alice.delete(messageItem(own), undefined, { "If-Match": '"x"' }),
  ],
  ["deleting a conversation that does not exist", 404, ({ alice }) => alice.delete(item(NO_ID))],
  ["deleting a message that does not exist", 404, ({ alice }) => alice.delete(messageItem(NO_ID))],
  [
    "sending to a conversation that does not exist",
    404,
    ({ alice }) => alice.post(MESSAGES, { conversation_id: NO_ID, message: "Hello" }),
  ],
  [
    "a token without the scope",
    403,
    async ({ alice, id }) =>
      api(await grant(alice.id, { scopes: ALL & ~SCOPES["conversations:write"]! })).delete(item(id)),
  ],
  [
    "a token that has expired",
    401,
    async ({ alice, id }) => api(await grant(alice.id, { expires_at: 1 })).delete(item(id)),
  ],
  [
    "an account beyond its quota",
    403,
    async ({ alice, id }) => {
      await sql("UPDATE tokens SET is_full = 1 WHERE account_id = ?", alice.id);
      return alice.post(MESSAGES, { conversation_id: id, message: "Hello" });
    },
  ],
  [
    "a failure of the database before it does anything",
    503,
    ({ alice, id }) => alice.delete(item(id), undefined, { "x-test-d1-failure": "D1_ERROR: Network connection lost." }),
  ],
];

describe("no event", () => {
  for (const [name, status, request] of NO_CHANGES) {
    test(name, async () => {
      const here = await inbox();
      const before = await here.alice.everything();
      const answer = await request(here);
      assert.equal(answer.status, status, answer.text);
      const { events } = await here.alice.everything();
      // A replay has something to replay: that is an event.
      const expected = answer.headers["idempotent-replayed"] === undefined ? 0 : 1;
      assert.equal(events!.length - before.events!.length, expected);
    });
  }

  for (const request of REQUESTS.filter((each) => reads(each) || each.operation.path.startsWith("/v1/tokens"))) {
    test(request.name, async () => {
      const here = await world();
      const { events } = await here.account.everything();
      await sendRequest(here, request);
      assert.deepEqual((await here.account.everything()).events, events);
    });
  }
});

test("a conversation that is deleted in steps is one event, and the sweep adds none", async () => {
  const alice = await account();
  const [large, kept] = [await alice.insert(), await alice.insert()];
  await fillMessages(alice, large, 2500);
  await alice.put(item(large), { pinned_message_id: "0000000000000001" });
  const logged = await follow(alice);
  const answer = await alice.delete(item(large));
  assert.deepEqual(await logged(), [["conversation.deleted", large, null, requestOf(answer)]]);
  assertError(await alice.delete(item(large)), 404, "resource_missing");
  const other = await alice.delete(item(kept));
  assert.deepEqual(await logged(), [["conversation.deleted", kept, null, requestOf(other)]]);
  await sweepAll();
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });
  assert.deepEqual(await logged(), []);
});

test("of simultaneous requests each change is one event, and numbers have no gap", async () => {
  const { alice, id } = await inbox();
  const logged = await follow(alice);
  const seen = await alice.get(item(id));
  const answers = await Promise.all(
    Array.from({ length: 48 }, (_, n) => {
      if (n % 4 === 0) return alice.post(MESSAGES, { conversation_id: id, message: `${n}` }, keyed("the same"));
      if (n % 4 === 1) return alice.post(MESSAGES, { conversation_id: id, message: `${n}` });
      if (n % 4 === 2) return alice.put(item(id), { archived_at: n }, ifMatch(seen));
      return alice.put(item(id), { archived_at: n });
    }),
  );
  const changes = answers.filter(({ status, headers }) => status < 300 && headers["idempotent-replayed"] === undefined);
  const requests = (await logged()).map(([, , , request]) => String(request));
  assert.deepEqual(requests.sort(), changes.map(requestOf).sort());
  const { events } = await alice.everything();
  assert.deepEqual(
    events!.map(({ seq }) => seq),
    events!.map((_, n) => n + 1),
  );
});

test("a change whose answer was lost is one event, and its retries are none", async () => {
  const { alice, id } = await inbox();
  const logged = await follow(alice);
  const lost = { "x-test-d1-lost": "D1_ERROR: Network connection lost." };
  const send = (headers = {}) =>
    alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, { ...keyed("lost"), ...headers });
  assertError(await send(lost), 503, "database_unavailable");
  const { status, json } = await send();
  assert.equal(status, 201);
  const remove = (headers = {}) => alice.delete(item(id), undefined, headers);
  const removed = await remove(lost);
  assertError(removed, 503, "database_unavailable");
  assertError(await remove(), 404, "resource_missing");
  const events = await logged();
  assert.deepEqual(
    events.map(([type, conversation, message]) => [type, conversation, message]),
    [
      ["message.created", id, json.id],
      ["conversation.deleted", id, null],
    ],
  );
  assert.equal(events[1]![3], requestOf(removed));
});

test("what no request changes is logged too: the operator's SQL, and the Worker from before", async () => {
  const { alice, id, own, pinned } = await inbox();
  const logged = await follow(alice);
  const of = (table: string, object: string, change: string) =>
    sql(`${change.replace("?", table)} WHERE account_id = ? AND id = ?`, alice.id, object);
  const [other, removed] = [await alice.insert(), await alice.insert()];
  const messages = [await alice.insertMessage(other), await alice.insertMessage(removed)];
  await of("conversations", id, "UPDATE ? SET is_muted = 0");
  await of("messages", own, "UPDATE ? SET message = 'Hi'");
  await of("messages", own, "DELETE FROM ?");
  await of("messages", pinned, "DELETE FROM ?");
  await of("conversations", other, "DELETE FROM ?");
  await of("conversations", removed, "UPDATE ? SET is_removed = 1");
  await sweepAll();
  assert.deepEqual(await logged(), [
    ["conversation.created", other, null, null],
    ["conversation.created", removed, null, null],
    ["message.created", other, messages[0], null],
    ["message.created", removed, messages[1], null],
    ["conversation.updated", id, null, null],
    ["message.updated", id, own, null],
    ["message.deleted", id, own, null],
    ["message.deleted", id, pinned, null],
    ["conversation.deleted", other, null, null],
    ["conversation.deleted", removed, null, null],
  ]);
  assert.deepEqual((await alice.contents()).messages, []);
});

test("each account has its own log", async () => {
  const [alice, bob] = [await account(), await account()];
  const [mine, others] = [await alice.insert(), await bob.insert()];
  await alice.insert();
  await bob.delete(item(others));
  const events = async (holder: Account) =>
    (await holder.get(EVENTS)).json.data.map((event: any) => [event.type, event.id.slice(0, 9)]);
  assert.deepEqual(await events(alice), [
    ["conversation.created", "000000001"],
    ["conversation.created", "000000002"],
  ]);
  assert.deepEqual(await events(bob), [
    ["conversation.created", "000000001"],
    ["conversation.deleted", "000000002"],
  ]);
  assert.equal((await alice.get(item(mine))).status, 200);
});
