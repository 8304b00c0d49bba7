// D1 fails: before it has begun, after it was done, while others ask, in the middle of a transaction. Nothing that was
// acknowledged is lost, nothing else is half there, and the next request works.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { gate, insert, type Row, sql } from "./support/database.ts";
import { assertConversation, assertError, idsOf } from "./support/expectations.ts";
import { api, type Headers, ifMatch, keyed } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, rotation, TOKEN_COLLECTION, tokenItem } from "./support/paths.ts";
import { hashOf, newToken, randomId } from "./support/tokens.ts";

// D1's documentation, "Debug D1", list of D1_ERRORs.
const LOST = "D1_ERROR: Network connection lost.";
const OVERLOADED = "D1_ERROR: D1 DB is overloaded. Requests queued for too long.";
const PASSING = [
  LOST,
  "D1_ERROR: D1 DB reset because its code was updated.",
  "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
  "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
  "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
  "D1_ERROR: Can't read from request stream because client disconnected.",
];
const OVERLOAD = [
  OVERLOADED,
  "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
  "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
  "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
  "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
  "something that nobody has documented",
];
const FAULT = [
  "D1_ERROR: no such table: tokens: SQLITE_ERROR",
  "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
  "D1_COLUMN_NOTFOUND",
];
const MESSAGES_OF_D1 = [...PASSING, ...OVERLOAD, ...FAULT];

/** That the caller is told what D1's message means, and not the message. */
function assertFailed(answer: Answer, message: string, repeatable: boolean): void {
  if (FAULT.includes(message)) assertError(answer, 500, "internal_error");
  else assertError(answer, 503, "database_unavailable");
  const again = PASSING.includes(message) ? "1" : OVERLOAD.includes(message) ? "5" : undefined;
  assert.equal(answer.headers["retry-after"], again, message);
  assert.equal(answer.cost.calls, repeatable && PASSING.includes(message) ? 3 : 1, message);
  assert.equal(answer.log.cause, message);
  assert.doesNotMatch(answer.json.message, /D1|SQL|undefined|object|isolate|documented/);
}

// --------------------------------------------------------------------------------------------------------- the world

/** An account with a conversation, its two messages, the first one pinned, and a second token. */
interface World {
  alice: Account;
  id: string;
  message: string;
  token: string;
}

async function world(): Promise<World> {
  const alice = await account();
  const id = await alice.insert({ id: "aaaaaaaaaaaaaaaa", last_active_at: 1 });
  const message = await alice.insertMessage(id, { id: "bbbbbbbbbbbbbbbb" });
  await alice.insertMessage(id, { id: "cccccccccccccccc", contact_id: "bob" });
  await sql("UPDATE conversations SET pinned_message_id = ? WHERE account_id = ?", message, alice.id);
  const token = randomId();
  await insert("tokens", {
    hash: hashOf(newToken()),
    id: token,
    account_id: alice.id,
    name: "second",
    scopes: 1,
    created_at: 1,
  });
  return { alice, id, message, token };
}

/** What an account holds, without what differs between two that were treated alike: ids, hashes, the time. */
function shapeOf(everything: Record<string, Row[]>): Record<string, string[]> {
  const shape = ({ account_id: _, ...row }: Row) =>
    JSON.stringify(row)
      .replaceAll("\\t", " ")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "HASH")
      .replaceAll(/\b[0-9a-f]{32}\b/g, "SALT")
      .replaceAll(/\b\d{12}[0-9A-Za-z]{16}\b/g, "POSITION")
      .replaceAll(/\b[0-9A-Za-z]{16}\b/g, "ID")
      .replaceAll(/\b\d{10}\b/g, "NOW");
  return Object.fromEntries(Object.entries(everything).map(([table, rows]) => [table, rows.map(shape).sort()]));
}

interface Endpoint {
  name: string;
  send: (world: World, headers: Headers) => Promise<Answer>;
  /** What it answers when all goes well, and when it had been done before without its caller's knowing. */
  status: number;
  again: number;
  /** Whether it may be done again without harm, so that the Worker does. */
  repeatable: boolean;
}

const READS: Endpoint[] = (
  [
    ["GET conversations", ({ alice }, headers) => alice.get(COLLECTION, undefined, headers)],
    [
      "GET conversations by activity",
      ({ alice }, headers) => alice.get(`${COLLECTION}?sort=last_active_at&unread=true`, undefined, headers),
    ],
    ["GET a conversation", ({ alice, id }, headers) => alice.get(item(id), undefined, headers)],
    ["PUT a conversation without attributes", ({ alice, id }, headers) => alice.put(item(id), undefined, headers)],
    ["GET messages", ({ alice }, headers) => alice.get(MESSAGES, undefined, headers)],
    ["GET a message", ({ alice, message }, headers) => alice.get(messageItem(message), undefined, headers)],
    ["GET tokens", ({ alice }, headers) => alice.get(TOKEN_COLLECTION, undefined, headers)],
    ["GET a token", ({ alice, token }, headers) => alice.get(tokenItem(token), undefined, headers)],
  ] satisfies [string, Endpoint["send"]][]
).map(([name, send]) => ({ name, send, status: 200, again: 200, repeatable: true }));

const CREATIONS: [string, Endpoint["send"]][] = [
  ["POST a conversation", ({ alice }, headers) => alice.post(COLLECTION, "contact_id=bob&group_id=team", headers)],
  [
    "POST a distinct conversation",
    ({ alice }, headers) => alice.post(COLLECTION, "contact_id=bob&distinct=true", headers),
  ],
  [
    "POST a message",
    ({ alice, id }, headers) => alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, headers),
  ],
  ["POST a token", ({ alice }, headers) => alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read", headers)],
  ["POST a rotation", ({ alice, token }, headers) => alice.post(rotation(token), undefined, headers)],
];
const KEYED: Endpoint[] = CREATIONS.map(([name, send]) => ({
  name: `${name} with a key`,
  send: (world, headers) => send(world, { ...keyed("a"), ...headers }),
  status: 201,
  again: 201,
  repeatable: true,
}));

const WRITES: Endpoint[] = (
  [
    ...CREATIONS.map(([name, send]): [string, Endpoint["send"], number, number] => [
      name,
      send,
      201,
      name.includes("distinct") ? 200 : 201,
    ]),
    [
      "PUT a conversation",
      ({ alice, id }, headers) => alice.put(item(id), "is_muted=true&archived_at=5", headers),
      200,
      200,
    ],
    [
      "PATCH a conversation",
      ({ alice, id }, headers) => alice.patch(item(id), { pinned_message_id: null }, headers),
      200,
      200,
    ],
    ["DELETE a conversation", ({ alice, id }, headers) => alice.delete(item(id), undefined, headers), 204, 404],
    [
      "PUT a message",
      ({ alice, message }, headers) => alice.put(messageItem(message), "message=Hi&read_at=5", headers),
      200,
      200,
    ],
    [
      "DELETE a pinned message",
      ({ alice, message }, headers) => alice.delete(messageItem(message), undefined, headers),
      204,
      404,
    ],
    ["DELETE a token", ({ alice, token }, headers) => alice.delete(tokenItem(token), undefined, headers), 204, 404],
  ] satisfies [string, Endpoint["send"], number, number][]
).map(([name, send, status, again]) => ({ name, send, status, again, repeatable: false }));

// ----------------------------------------------------------------------------------------------------- every endpoint

const WHEN = [
  ["before", "x-test-d1-failure"],
  ["after", "x-test-d1-lost"],
] as const;

describe("what only reads", () => {
  for (const { name, send, status } of READS) {
    test(`${name}: what fails in passing is tried twice again, and whatever fails changes nothing`, async () => {
      const here = await world();
      const before = await here.alice.everything();
      await Promise.all(
        WHEN.flatMap(([, header]) =>
          MESSAGES_OF_D1.map(async (message) => {
            assertFailed(await send(here, { [header]: message }), message, true);
            const answers = await Promise.all(
              [1, 2].map((failures) => send(here, { [header]: message, "x-test-d1-failures": String(failures) })),
            );
            if (PASSING.includes(message))
              assert.deepEqual(
                answers.map((answer) => [answer.status, answer.cost.calls]),
                [
                  [status, 2],
                  [status, 3],
                ],
              );
            else for (const answer of answers) assertFailed(answer, message, true);
          }),
        ),
      );
      assert.equal((await send(here, {})).status, status);
      assert.deepEqual(await here.alice.everything(), before);
    });
  }
});

for (const { name, send, status, again, repeatable } of [...KEYED, ...WRITES]) {
  describe(name, () => {
    /** What it leaves when all goes well. */
    const done = async (): Promise<Record<string, string[]>> => {
      const twin = await world();
      assert.equal((await send(twin, {})).status, status);
      return shapeOf(await twin.alice.everything());
    };

    test("what D1 fails to begin leaves no trace, and can be done by the next request", async () => {
      const here = await world();
      const before = await here.alice.everything();
      const answers = await Promise.all(MESSAGES_OF_D1.map((message) => send(here, { "x-test-d1-failure": message })));
      answers.forEach((answer, n) => assertFailed(answer, MESSAGES_OF_D1[n]!, repeatable));
      assert.deepEqual(await here.alice.everything(), before);
      const next = await send(here, {});
      assert.deepEqual([next.status, next.headers["idempotent-replayed"]], [status, undefined], next.text);
      assert.deepEqual(shapeOf(await here.alice.everything()), await done());
    });

    test("what D1 did before its answer was lost is whole, and there once", async () => {
      const expected = await done();
      await Promise.all(
        MESSAGES_OF_D1.map(async (message) => {
          const here = await world();
          assertFailed(await send(here, { "x-test-d1-lost": message }), message, repeatable);
          assert.deepEqual(shapeOf(await here.alice.everything()), expected, message);
          const next = await send(here, {});
          assert.deepEqual(
            [next.status, next.headers["idempotent-replayed"]],
            [again, repeatable ? "true" : undefined],
            next.text,
          );
          if (repeatable) assert.deepEqual(shapeOf(await here.alice.everything()), expected, message);
        }),
      );
    });

    for (const [when, header] of WHEN) {
      if (repeatable) {
        test(`what fails once or twice in passing, ${when} it took effect, goes well in the end, and is done once`, async () => {
          const expected = await done();
          await Promise.all(
            PASSING.map(async (message, n) => {
              const [here, failures] = [await world(), 1 + (n % 2)];
              const answer = await send(here, { [header]: message, "x-test-d1-failures": String(failures) });
              assert.deepEqual([answer.status, answer.cost.calls], [status, failures + 1], answer.text);
              assert.equal(answer.headers["idempotent-replayed"], undefined, "to its caller it is the first");
              assert.deepEqual(shapeOf(await here.alice.everything()), expected, message);
            }),
          );
        });
      } else {
        test(`what fails in passing, ${when} it took effect, is left to the caller: it may have been done`, async () => {
          const here = await world();
          assertFailed(await send(here, { [header]: LOST, "x-test-d1-failures": "1" }), LOST, false);
        });
      }
    }

    test("what is too much for D1, and what is wrong, is not tried again", async () => {
      const here = await world();
      for (const message of [...OVERLOAD, ...FAULT])
        assertFailed(await send(here, { "x-test-d1-failure": message, "x-test-d1-failures": "1" }), message, false);
    });
  });
}

// ------------------------------------------------------------------------------------------------- what callers can do

test("a keyed POST whose answer was lost is answered with what was made, tokens included", async () => {
  for (const { send } of KEYED) {
    const here = await world();
    const lost = await send(here, { "x-test-d1-lost": OVERLOADED });
    assert.equal(lost.status, 503);
    const { status, json, headers } = await send(here, {});
    assert.equal(status, 201);
    const shown = await here.alice.get(String(headers.location));
    const { token, ...object } = json;
    assert.deepEqual(shown.json, object);
    if (token !== undefined) assert.notEqual((await api(token).get(COLLECTION)).status, 401, "the token is good");
  }
});

test("a rotation whose answer was lost twice gives the one token, and the old one ends when it was said to first", async () => {
  const { alice, token } = await world();
  const answer = await alice.post(rotation(token), "grace_period=60", {
    ...keyed("a"),
    "x-test-d1-lost": LOST,
    "x-test-d1-failures": "2",
  });
  assert.equal(answer.status, 201);
  const { revoked_at } = (await alice.get(tokenItem(token))).json;
  assert.equal(revoked_at, answer.json.created_at + 60);
  await alice.post(rotation(token), "grace_period=60", keyed("a"));
  assert.equal((await alice.get(tokenItem(token))).json.revoked_at, revoked_at);
});

test("an update whose answer was lost can be sent again with If-Match: 412 says that something was done, and the object what", async () => {
  const { alice, id } = await world();
  const seen = await alice.get(item(id));
  const change = (headers: Headers) => alice.put(item(id), "is_muted=true", { ...ifMatch(seen), ...headers });
  assert.equal((await change({ "x-test-d1-failure": LOST })).status, 503);
  assert.equal(
    (await alice.get(item(id), undefined, { "If-None-Match": String(seen.headers.etag) })).status,
    304,
    "nothing was done",
  );
  assert.equal((await change({ "x-test-d1-lost": LOST })).status, 503);
  assertError(await change({}), 412, "precondition_failed", "If-Match");
  assertConversation((await alice.get(item(id))).json, { is_muted: true });
});

test("a refusal that D1 never confirmed is no refusal: a bad token and a bad request get 503 too", async () => {
  const { alice } = await world();
  for (const caller of [alice, api(newToken())]) {
    assertFailed(
      await caller.get(`${COLLECTION}?limit=0`, undefined, { "x-test-d1-failure": OVERLOADED }),
      OVERLOADED,
      true,
    );
    assertFailed(await caller.get(COLLECTION, undefined, { "x-test-d1-failure": LOST }), LOST, true);
  }
  const answer = await api(newToken()).get(COLLECTION, undefined, {
    "x-test-d1-failure": LOST,
    "x-test-d1-failures": "2",
  });
  assertError(answer, 401, "token_invalid");
});

test("without a database every request is a 500, and says what is missing in the log alone", async () => {
  const here = await world();
  for (const { send } of [...READS, ...KEYED, ...WRITES]) {
    const answer = await send(here, { "x-test-no-d1": "1" });
    assertError(answer, 500, "internal_error");
    assert.match(answer.log.cause, /wrangler\.toml/);
    assert.doesNotMatch(answer.json.message, /wrangler|DB/);
  }
});

test("fifty requests that fail together come to a good end together, with the one that is meant each", async () => {
  const { alice } = await world();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      alice.post(COLLECTION, `contact_id=contact-${n}`, {
        ...keyed(String(n)),
        [n % 2 ? "x-test-d1-lost" : "x-test-d1-failure"]: LOST,
        "x-test-d1-failures": String(n % 3),
      }),
    ),
  );
  answers.forEach(({ status, json }, n) => assert.deepEqual([status, json.contact_id], [201, `contact-${n}`]));
  assert.equal((await alice.contents()).conversations.length, 1 + 50);
});

// ----------------------------------------------------------------------------------------------------------- under way

test("a call that is under way holds up nobody else", async () => {
  const { alice, id, message } = await world();
  const { headers, reached, open } = gate();
  const slow = alice.get(item(id), undefined, headers);
  await reached();
  for (const { send, status } of [...READS, ...KEYED, ...WRITES])
    assert.equal((await send(await world(), {})).status, status);
  assert.equal((await alice.delete(messageItem(message))).status, 204);
  await open();
  assertConversation((await slow).json, { pinned_message_id: null });
});

test("a read that is under way sees what was written before it came to the database; one that was there, what it saw", async () => {
  const { alice, id } = await world();
  const [early, late] = [gate("after"), gate("before")];
  const [seen, unseen] = [alice.get(item(id), undefined, early.headers), alice.get(item(id), undefined, late.headers)];
  await Promise.all([early.reached(), late.reached()]);
  assert.equal((await alice.delete(item(id))).status, 204);
  await Promise.all([early.open(), late.open()]);
  assert.equal((await seen).json.id, id);
  assertError(await unseen, 404, "resource_missing");
});

test("a write that is under way when its token is revoked is refused; one that was done stays", async () => {
  const { alice } = await world();
  const { json } = await alice.post(TOKEN_COLLECTION, "name=x&scopes=conversations:write");
  const caller = api(json.token);
  const [early, late] = [gate("after"), gate("before")];
  const [done, refused] = [
    caller.post(COLLECTION, "contact_id=done", early.headers),
    caller.post(COLLECTION, "contact_id=refused", { ...keyed("a"), ...late.headers }),
  ];
  await Promise.all([early.reached(), late.reached()]);
  assert.equal((await alice.delete(tokenItem(json.id))).status, 204);
  await Promise.all([early.open(), late.open()]);
  assert.equal((await done).status, 201);
  assertError(await refused, 401, "token_invalid");
  const { conversations } = await alice.contents();
  assert.deepEqual(conversations.map(({ contact_id }) => contact_id).sort(), ["done", "someone"]);
});

test("a message under way to a conversation that is deleted meanwhile finds it gone, and leaves no orphan", async () => {
  const { alice, id } = await world();
  const { headers, reached, open } = gate();
  const slow = alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, { ...keyed("a"), ...headers });
  await reached();
  await alice.delete(item(id));
  await open();
  assertError(await slow, 404, "resource_missing", "conversation_id");
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });
});

test("a keyed POST that was done, whose answer is lost after its repetition was answered, gives the same answer", async () => {
  for (const { send, name } of KEYED) {
    const here = await world();
    const { headers, reached, open } = gate("after");
    const slow = send(here, { ...headers, "x-test-d1-lost": LOST, "x-test-d1-failures": "1" });
    await reached();
    const again = await send(here, {});
    const between = await here.alice.everything();
    await open();
    const { status, text, cost } = await slow;
    assert.deepEqual([status, text, cost.calls], [201, again.text, 2], name);
    assert.equal(again.headers["idempotent-replayed"], "true");
    assert.deepEqual(await here.alice.everything(), between);
  }
});

test("a keyed POST that was overtaken while D1 failed is answered with what the other one made", async () => {
  for (const { send, name } of KEYED) {
    const here = await world();
    const { headers, reached, open } = gate();
    const slow = send(here, { ...headers, "x-test-d1-failure": LOST, "x-test-d1-failures": "1" });
    await reached();
    const fast = await send(here, {});
    const between = await here.alice.everything();
    await open();
    assert.deepEqual([(await slow).text, (await slow).headers["idempotent-replayed"]], [fast.text, "true"], name);
    assert.deepEqual(await here.alice.everything(), between);
  }
});

// ------------------------------------------------------------------------------------------- within the transaction

/** Lets the database give up at a step of one account's transaction, as long as `work` takes. */
async function givingUp(step: string, when: string, work: () => Promise<void>): Promise<void> {
  await sql(`CREATE TRIGGER giving_up ${step} WHEN ${when} BEGIN SELECT RAISE(ABORT, 'gave up'); END`);
  try {
    await work();
  } finally {
    await sql("DROP TRIGGER giving_up");
  }
}

const STEPS: [string, Endpoint["send"], string, string][] = [
  ...KEYED.map(({ name, send }): (typeof STEPS)[number] => [
    `${name}, at the key`,
    send,
    "BEFORE INSERT ON idempotency_keys",
    "NEW",
  ]),
  ["POST a message, at its conversation", CREATIONS[2]![1], "BEFORE UPDATE ON conversations", "OLD"],
  ["POST a rotation, at the old token's end", CREATIONS[4]![1], "BEFORE UPDATE ON tokens", "OLD"],
  [
    "DELETE a pinned message, at its end",
    WRITES.find(({ name }) => name === "DELETE a pinned message")!.send,
    "AFTER DELETE ON messages",
    "OLD",
  ],
  [
    "DELETE a conversation, at its last message",
    WRITES.find(({ name }) => name === "DELETE a conversation")!.send,
    "BEFORE DELETE ON messages",
    "OLD.id = 'cccccccccccccccc' AND OLD",
  ],
];

for (const [name, send, step, row] of STEPS) {
  test(`${name}: what the database gives up half-way is undone, and done by the next request`, async () => {
    const [here, twin] = [await world(), await world()];
    const before = await here.alice.everything();
    await givingUp(step, `${row}.account_id = ${here.alice.id}`, async () => {
      const answer = await send(here, {});
      assertError(answer, 500, "internal_error");
      assert.match(answer.log.cause, /gave up/);
      assert.doesNotMatch(answer.text, /gave up/);
    });
    assert.deepEqual(await here.alice.everything(), before);
    for (const each of [here, twin]) assert.ok((await send(each, {})).status < 300);
    assert.deepEqual(shapeOf(await here.alice.everything()), shapeOf(await twin.alice.everything()));
  });
}

test("a key that another account was to forget is not lost with what was given up", async () => {
  const [{ alice }, bob] = [await world(), await account()];
  await insert("idempotency_keys", {
    account_id: bob.id,
    key: "old",
    fingerprint: "0".repeat(64),
    request_id: randomId(),
    answer: null,
    expires_at: 1,
  });
  await givingUp("BEFORE DELETE ON idempotency_keys", `OLD.account_id = ${bob.id}`, async () => {
    assert.equal((await alice.post(COLLECTION, "contact_id=bob", keyed("a"))).status, 500);
  });
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), ["aaaaaaaaaaaaaaaa"]);
  assert.equal((await bob.everything()).keys?.length, 1);
});
