// Failures of D1: before a transaction, after it, within it, and with other requests under way. What was acknowledged
// is stored, nothing is stored by half, and the next request works.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import type { Answer } from "./support/audit.ts";
import { home } from "./support/configuration.ts";
import { gate, type Row, sql } from "./support/database.ts";
import { assertConversation, assertError, assertSameRequest, idsOf, now, replayed } from "./support/expectations.ts";
import { api, type Headers, ifMatch, keyed } from "./support/http.ts";
import { kindAt } from "./support/operations.ts";
import { COLLECTION, item, MESSAGES, messageItem, rotation, TOKEN_COLLECTION, tokenItem } from "./support/paths.ts";
import {
  canBeKeyed,
  REQUESTS,
  type Request,
  reads,
  send as sendRequest,
  type World,
  world,
} from "./support/requests.ts";
import { newToken } from "./support/tokens.ts";

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
  "a message that is not documented",
];
/** The Worker and the tables are of different versions. */
const MISMATCH = ["D1_ERROR: no such column: is_removed at offset 7: SQLITE_ERROR"];
const FAULT = ["D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'", "D1_COLUMN_NOTFOUND"];
/** Another process was writing to the local database, so the transaction did nothing. */
const LOCKED = "D1_ERROR: database is locked: SQLITE_BUSY";
const MESSAGES_OF_D1 = [...PASSING, ...OVERLOAD, ...MISMATCH, ...FAULT];

/** The caller learns what D1's message means, but not the message. */
function assertFailed(answer: Answer, message: string, repeatable: boolean): void {
  if (FAULT.includes(message)) assertError(answer, 500, "internal_error");
  else assertError(answer, 503, "database_unavailable");
  const again = PASSING.includes(message) ? "1" : FAULT.includes(message) ? undefined : "5";
  assert.equal(answer.headers["retry-after"], again, message);
  assert.equal(answer.cost.calls, repeatable && PASSING.includes(message) ? 3 : 1, message);
  assert.equal(answer.log.cause, message);
  assert.equal(answer.json.message.startsWith("The service is being updated."), MISMATCH.includes(message), message);
  assert.doesNotMatch(answer.json.message, /D1|SQL|undefined|object|isolate|documented/);
}

// ------------------------------------------------------------------------------------------------------- the requests

/** An account with an object of every kind, the message pinned, and a second message. */
async function prepared(): Promise<World> {
  const here = await world();
  const pin = REQUESTS.find(({ body }) => typeof body?.pinned_message_id === "string")!;
  assert.equal((await sendRequest(here, pin)).status, 200);
  await here.account.insertMessage(here.real(kindAt(COLLECTION).exampleId), { contact_id: "bob" });
  // Whether the conversation is unread afterwards must not depend on how long a test takes.
  await sql(
    `UPDATE conversations SET last_active_ms = 1000, last_received_ms = NULL, last_opened_ms = NULL
     WHERE account_id = ?`,
    here.account.id,
  );
  return here;
}

/** What an account holds, without what differs between two that got the same requests: ids, hashes, the time. */
function shapeOf(everything: Record<string, Row[]>): Record<string, string[]> {
  const shape = ({ account_id: _, ...row }: Row) =>
    JSON.stringify(row)
      .replaceAll("\\t", " ")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "HASH")
      .replaceAll(/(?<="newest_id_times":")[0-9A-Za-z]{14}/g, "TIMES")
      .replaceAll(/\b[0-9A-Za-z]{23}\b/g, "POSITION")
      .replaceAll(/\b[0-9A-Za-z]{16}\b/g, "ID")
      .replaceAll(/\b\d{10}(\d{3})?\b/g, "NOW");
  return Object.fromEntries(Object.entries(everything).map(([table, rows]) => [table, rows.map(shape).sort()]));
}

interface Case {
  name: string;
  send: (here: World, headers: Headers) => Promise<Answer>;
  /** The status of the first request, and of the same again when the caller did not get the first response. */
  status: number;
  again: number;
  /** Whether it can be repeated without harm, so that the Worker does. */
  repeatable: boolean;
}

const caseOf = (request: Request): Case => ({
  name: request.name,
  send: (here, headers) => sendRequest(here, request, headers),
  status: request.operation.success,
  again: request.again,
  repeatable: reads(request),
});

const READS = REQUESTS.filter(reads).map(caseOf);
const WRITES = REQUESTS.filter((request) => !reads(request)).map(caseOf);
const KEYED = REQUESTS.filter(canBeKeyed).map((request): Case => {
  const { name, send, status } = caseOf(request);
  return {
    name: `${name}, with a key`,
    send: (here, headers) => send(here, { ...keyed("a"), ...headers }),
    status,
    again: status,
    repeatable: true,
  };
});
const named = (name: string): Case => WRITES.find((each) => each.name === name) ?? assert.fail(name);

/** The same account, for requests of a test's own. */
async function objects() {
  const { account: alice, real } = await prepared();
  const [id, message, token] = [COLLECTION, MESSAGES, TOKEN_COLLECTION].map((at) => real(kindAt(at).exampleId));
  return { alice, id: id!, message: message!, token: token! };
}

// ----------------------------------------------------------------------------------------------------- every request

const WHEN = [
  ["before", "x-test-d1-failure"],
  ["after", "x-test-d1-lost"],
] as const;

describe("requests that only read", () => {
  for (const { name, send, status } of READS) {
    test(`${name}: a passing failure is retried twice, and no failure changes anything`, async () => {
      const here = await prepared();
      const before = await here.account.everything();
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
      assert.deepEqual(await here.account.everything(), before);
    });
  }
});

for (const { name, send, status, again, repeatable } of [...KEYED, ...WRITES]) {
  describe(name, () => {
    /** What the account holds after the request, without failures. */
    const done = async (): Promise<Record<string, string[]>> => {
      const twin = await prepared();
      assert.equal((await send(twin, {})).status, status);
      return shapeOf(await twin.account.everything());
    };

    test("when D1 fails before the transaction nothing is written, and the next request is done", async () => {
      const here = await prepared();
      const before = await here.account.everything();
      const answers = await Promise.all(MESSAGES_OF_D1.map((message) => send(here, { "x-test-d1-failure": message })));
      for (const [n, answer] of answers.entries()) assertFailed(answer, MESSAGES_OF_D1[n]!, repeatable);
      assert.deepEqual(await here.account.everything(), before);
      const next = await send(here, {});
      assert.deepEqual([next.status, next.headers["idempotent-replayed"]], [status, undefined], next.text);
      assert.deepEqual(shapeOf(await here.account.everything()), await done());
    });

    test("when the response of D1 is lost the transaction is complete, and done once", async () => {
      const expected = await done();
      await Promise.all(
        MESSAGES_OF_D1.map(async (message) => {
          const here = await prepared();
          assertFailed(await send(here, { "x-test-d1-lost": message }), message, repeatable);
          assert.deepEqual(shapeOf(await here.account.everything()), expected, message);
          const next = await send(here, {});
          assert.deepEqual(
            [next.status, next.headers["idempotent-replayed"]],
            [again, repeatable ? "true" : undefined],
            next.text,
          );
          if (repeatable) assert.deepEqual(shapeOf(await here.account.everything()), expected, message);
        }),
      );
    });

    for (const [when, header] of WHEN) {
      if (repeatable) {
        test(`a passing failure ${when} the transaction is retried, and the request is done once`, async () => {
          const expected = await done();
          await Promise.all(
            PASSING.map(async (message, n) => {
              const [here, failures] = [await prepared(), 1 + (n % 2)];
              const answer = await send(here, { [header]: message, "x-test-d1-failures": String(failures) });
              assert.deepEqual([answer.status, answer.cost.calls], [status, failures + 1], answer.text);
              assert.equal(
                answer.headers["idempotent-replayed"],
                undefined,
                "the caller gets it as the first response",
              );
              assert.deepEqual(shapeOf(await here.account.everything()), expected, message);
            }),
          );
        });
      } else {
        test(`a passing failure ${when} the transaction is not retried: the request may have been done`, async () => {
          const here = await prepared();
          assertFailed(await send(here, { [header]: LOST, "x-test-d1-failures": "1" }), LOST, false);
        });
      }
    }

    test("an overload and a fault are not retried", async () => {
      const here = await prepared();
      for (const message of [...OVERLOAD, ...FAULT])
        assertFailed(await send(here, { "x-test-d1-failure": message, "x-test-d1-failures": "1" }), message, false);
    });
  });
}

// ------------------------------------------------------------------------------------------------- a locked database

test("while the database is locked a request is retried six times, then it is a 503, and nothing is done", async () => {
  await Promise.all(
    [...READS, ...KEYED, ...WRITES].map(async ({ name, send, status }) => {
      const here = await prepared();
      const before = await here.account.everything();
      const locked = { "x-test-d1-failure": LOCKED };
      const refused = await send(here, locked);
      assertError(refused, 503, "database_unavailable");
      assert.equal(refused.headers["retry-after"], "1", name);
      assert.deepEqual([refused.cost.calls, refused.log.cause], [7, LOCKED], name);
      assert.doesNotMatch(refused.json.message, /D1|SQL|unknown/);
      assert.deepEqual(await here.account.everything(), before, name);

      const twin = await prepared();
      await send(twin, {});
      const answer = await send(here, { ...locked, "x-test-d1-failures": "6" });
      assert.deepEqual([answer.status, answer.cost.calls], [status, 7], answer.text);
      assert.equal(answer.headers["idempotent-replayed"], undefined, name);
      assert.deepEqual(shapeOf(await here.account.everything()), shapeOf(await twin.account.everything()), name);
    }),
  );
});

// ------------------------------------------------------------------------------------------------- what callers can do

test("a keyed POST whose response was lost replays what was created, and a token without its secret", async () => {
  for (const { send, status } of KEYED) {
    const here = await prepared();
    const lost = await send(here, { "x-test-d1-lost": OVERLOADED });
    assert.equal(lost.status, 503);
    const { json, headers, ...answer } = await send(here, {});
    assert.equal(answer.status, status);
    // A ping makes no object.
    if (headers.location === undefined) continue;
    const shown = await here.account.get(headers.location);
    const { token, secret: _, ...object } = json;
    assert.deepEqual(shown.json, object);
    if ("token" in json) assert.equal(token, null);
  }
});

test("a rotation whose response was lost twice gives one token, and the old one ends when the first said", async () => {
  const { alice, token } = await objects();
  const answer = await alice.post(rotation(token), "grace_period=60", {
    ...keyed("a"),
    "x-test-d1-lost": LOST,
    "x-test-d1-failures": "2",
  });
  const responded = now();
  assert.equal(answer.status, 201);
  const { revoked_at } = (await alice.get(tokenItem(token))).json;
  assertSameRequest(revoked_at - 60, answer.json.created_at, responded);
  await alice.post(rotation(token), "grace_period=60", keyed("a"));
  assert.equal((await alice.get(tokenItem(token))).json.revoked_at, revoked_at);
});

test("a token that replaces itself at once gets its successor, also when a response was lost", async () => {
  const { alice } = await objects();
  const scopes = "conversations:read tokens:write";
  const { id, token } = (await alice.post(TOKEN_COLLECTION, { name: "CI", scopes })).json;
  const lost = { "x-test-d1-lost": LOST, "x-test-d1-failures": "1" };
  const answer = await api(token).post(rotation(id), "grace_period=0", { ...keyed("a"), ...lost });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.cost.calls, 2);
  assert.equal((await api(token).get(COLLECTION)).status, 401);
  assert.equal((await api(answer.json.token).get(COLLECTION)).status, 200);
});

test("after a lost response an update with If-Match is a 412 if it was done, and GET shows what was done", async () => {
  const { alice, id } = await objects();
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

test("without a response of D1 an unknown token and a wrong request are a 503, too", async () => {
  const { alice } = await objects();
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

test("while the Worker is newer than the tables, requests are a 503 that change nothing", async () => {
  const here = await prepared();
  const before = await here.account.everything();
  await sql("ALTER TABLE tokens RENAME COLUMN scopes TO later");
  try {
    for (const { send } of [...READS, ...KEYED, ...WRITES]) {
      const answer = await send(here, {});
      assertError(answer, 503, "database_unavailable");
      assert.match(answer.json.message, /^The service is being updated\. No change was made\./);
      assert.match(answer.log.cause, /no such column: .*scopes|has no column named scopes/);
    }
  } finally {
    await sql("ALTER TABLE tokens RENAME COLUMN later TO scopes");
  }
  assert.deepEqual(await here.account.everything(), before);
});

test("without a database every request is a 500, and only the log says what is missing", async () => {
  const here = await prepared();
  for (const { send } of [...READS, ...KEYED, ...WRITES]) {
    const answer = await send(here, { "x-test-no-d1": "1" });
    // Without another one than DB it is the token that is not valid.
    if (home.number !== 0) {
      assertError(answer, 401, "token_invalid");
      continue;
    }
    assertError(answer, 500, "internal_error");
    assert.match(answer.log.cause, /wrangler\.toml/);
    assert.doesNotMatch(answer.json.message, /wrangler|DB/);
  }
});

test("50 simultaneous keyed requests with passing failures are each done once", async () => {
  const { alice } = await objects();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      alice.post(COLLECTION, `contact_id=contact-${n}`, {
        ...keyed(String(n)),
        [n % 2 ? "x-test-d1-lost" : "x-test-d1-failure"]: LOST,
        "x-test-d1-failures": String(n % 3),
      }),
    ),
  );
  for (const [n, { status, json }] of answers.entries())
    assert.deepEqual([status, json.contact_id], [201, `contact-${n}`]);
  assert.equal((await alice.contents()).conversations.length, 1 + 50);
});

// ----------------------------------------------------------------------------------------------------------- under way

test("a call under way does not hold up other requests", async () => {
  const { alice, id, message } = await objects();
  const { headers, reached, open } = gate();
  const slow = alice.get(item(id), undefined, headers);
  await reached();
  for (const { send, status } of [...READS, ...KEYED, ...WRITES])
    assert.equal((await send(await prepared(), {})).status, status);
  assert.equal((await alice.delete(messageItem(message))).status, 204);
  await open();
  assertConversation((await slow).json, { pinned_message_id: null });
});

test("a read under way sees what was written before its transaction, and nothing that was written after", async () => {
  const { alice, id } = await objects();
  const [early, late] = [gate("after"), gate("before")];
  const [seen, unseen] = [alice.get(item(id), undefined, early.headers), alice.get(item(id), undefined, late.headers)];
  await Promise.all([early.reached(), late.reached()]);
  assert.equal((await alice.delete(item(id))).status, 204);
  await Promise.all([early.open(), late.open()]);
  assert.equal((await seen).json.id, id);
  assertError(await unseen, 404, "resource_missing");
});

test("a write under way when its token is revoked is a 401, unless its transaction came first", async () => {
  const { alice } = await objects();
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
  assert.deepEqual(conversations.map(({ contact_id }) => contact_id).sort(), ["WAz8eIbvDR60rouK", "done"]);
});

test("a message under way to a conversation that is deleted in between is a 404, and is not stored", async () => {
  const { alice, id } = await objects();
  const { headers, reached, open } = gate();
  const slow = alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, { ...keyed("a"), ...headers });
  await reached();
  await alice.delete(item(id));
  await open();
  assertError(await slow, 404, "resource_missing", "conversation_id");
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });
});

test("a keyed POST whose response is lost after its repetition was answered gets the same response", async () => {
  for (const { send, name, status: success } of KEYED) {
    const here = await prepared();
    const { headers, reached, open } = gate("after");
    const slow = send(here, { ...headers, "x-test-d1-lost": LOST, "x-test-d1-failures": "1" });
    await reached();
    const again = await send(here, {});
    const between = await here.account.everything();
    await open();
    const { status, text, cost } = await slow;
    assert.deepEqual([status, replayed(text), cost.calls], [success, again.text, 2], name);
    assert.equal(again.headers["idempotent-replayed"], "true");
    assert.deepEqual(await here.account.everything(), between);
  }
});

test("a keyed POST that was overtaken while D1 failed replays the other's response", async () => {
  for (const { send, name } of KEYED) {
    const here = await prepared();
    const { headers, reached, open } = gate();
    const slow = send(here, { ...headers, "x-test-d1-failure": LOST, "x-test-d1-failures": "1" });
    await reached();
    const fast = await send(here, {});
    const between = await here.account.everything();
    await open();
    const { text, headers: answered } = await slow;
    assert.deepEqual([text, answered["idempotent-replayed"]], [replayed(fast.text), "true"], name);
    assert.deepEqual(await here.account.everything(), between);
  }
});

// ------------------------------------------------------------------------------------------- within the transaction

/** Makes the database fail at a step of one account's transaction, as long as `work` takes. */
async function givingUp(step: string, when: string, work: () => Promise<void>): Promise<void> {
  await sql(`CREATE TRIGGER giving_up ${step} WHEN ${when} BEGIN SELECT RAISE(ABORT, 'gave up'); END`);
  try {
    await work();
  } finally {
    await sql("DROP TRIGGER giving_up");
  }
}

const STEPS: [name: string, request: Case, step: string, row: string][] = [
  ...KEYED.map((request): (typeof STEPS)[number] => [
    `${request.name}, at the key`,
    request,
    "BEFORE INSERT ON idempotency_keys",
    "NEW",
  ]),
  ["POST /v1/messages, at its conversation", named("POST /v1/messages"), "BEFORE UPDATE ON conversations", "OLD"],
  [
    "POST /v1/tokens/{id}/rotate, at the end of the old token",
    named("POST /v1/tokens/{id}/rotate"),
    "BEFORE UPDATE ON tokens",
    "OLD",
  ],
  [
    "DELETE /v1/messages/{id}, of a pinned message, at its end",
    named("DELETE /v1/messages/{id}"),
    "AFTER DELETE ON messages",
    "OLD",
  ],
  [
    "DELETE /v1/conversations/{id}, at the second of its messages",
    named("DELETE /v1/conversations/{id}"),
    "BEFORE DELETE ON messages",
    "OLD.contact_id = 'bob' AND OLD",
  ],
];

for (const [name, { send }, step, row] of STEPS) {
  test(`${name}: a transaction that fails half-way is undone, and the next request is done`, async () => {
    const [here, twin] = [await prepared(), await prepared()];
    const before = await here.account.everything();
    await givingUp(step, `${row}.account_id = ${here.account.id}`, async () => {
      const answer = await send(here, {});
      assertError(answer, 500, "internal_error");
      assert.match(answer.log.cause, /gave up/);
      assert.doesNotMatch(answer.text, /gave up/);
    });
    assert.deepEqual(await here.account.everything(), before);
    for (const each of [here, twin]) assert.ok((await send(each, {})).status < 300);
    assert.deepEqual(shapeOf(await here.account.everything()), shapeOf(await twin.account.everything()));
  });
}

test("a transaction that fails at the deletion of its own expired key changes nothing", async () => {
  const { alice, id } = await objects();
  await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  await sql("UPDATE idempotency_keys SET expires_at = 1 WHERE account_id = ?", alice.id);
  const before = await alice.everything();
  await givingUp("BEFORE DELETE ON idempotency_keys", `OLD.account_id = ${alice.id}`, async () => {
    assert.equal((await alice.post(COLLECTION, "contact_id=bob", keyed("a"))).status, 500);
  });
  assert.deepEqual(await alice.everything(), before);
  assert.equal(idsOf(await alice.get(COLLECTION)).at(-1), id);
});
