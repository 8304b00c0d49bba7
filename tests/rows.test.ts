// What one request of each kind reads and writes, from D1's own meta, in an account of 50,000 conversations one of
// which has 200,000 messages. docs/COSTS.md has the same two tables.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { before, describe } from "node:test";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { sql } from "./support/database.ts";
import { keyed } from "./support/http.ts";
import { COUNT, fill, fillMessages } from "./support/large.ts";
import {
  attemptsOf,
  COLLECTION,
  item,
  MESSAGES,
  messageItem,
  OWN_TOKEN,
  ping,
  rotation,
  secretRotation,
  TOKEN_COLLECTION,
  tokenItem,
  WEBHOOKS,
  webhookItem,
} from "./support/paths.ts";
import { NOWHERE } from "./support/requests.ts";

const LARGE = "0000000000025000";

let alice: Account;
before(async () => {
  alice = await account();
  await fill(alice, COUNT);
  await fillMessages(alice, LARGE, 200_000);
  await fillWebhooks(alice);
});

/** Stores endpoints without types and with, each behind by all that was stored before. They are disabled, so that
 * nothing is delivered beside what is measured. */
async function fillWebhooks(holder: Account): Promise<void> {
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 149)
     INSERT INTO webhooks
       (account_id, id, url, types, created_at, scopes, changed_by, salt,
        is_enabled, disabled_reason, seq, last_event_id)
     SELECT ?, printf('%016d', n), 'https://example.com', iif(n = 0, 1, NULL), 0, 64, printf('%016d', n),
            printf('%016d', n), 0, 'requested', 0, '0000000000000000'
     FROM numbers`,
    holder.id,
  );
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100)
     INSERT INTO webhook_attempts (account_id, webhook_id, slot, number, event_id, type, created_at, status, duration)
     SELECT ?, printf('%016d', 0), n % 100, n, printf('%016d', n), 'message.created', 0, 204, 5 FROM numbers`,
    holder.id,
  );
}
const [SOME_TYPES, ALL_TYPES] = [0, 1].map((n) => String(n).padStart(16, "0")) as [string, string];

/** Lists: the rows read for a first page of 10, and of 100, with more behind it. Lists write nothing. */
const LISTS: [string, string, number, number][] = [
  ["conversations, all", COLLECTION, 12, 102],
  ["… of a contact that has 2,105 conversations", `${COLLECTION}?contact_id=contact-1`, 2131, 2311],
  [
    "… of a contact that has 2,105 conversations, unread, by activity",
    `${COLLECTION}?contact_id=contact-1&unread=true&sort=last_active_at`,
    2131,
    2311,
  ],
  ["… of a group", `${COLLECTION}?group_id=group-3`, 38, 218],
  ["… of a contact in a group", `${COLLECTION}?contact_id=contact-2&group_id=group-4`, 12, 102],
  ["… by one flag", `${COLLECTION}?muted=false`, 30, 210],
  ["… by two flags", `${COLLECTION}?muted=false&archived=false`, 26, 206],
  ["… by three flags", `${COLLECTION}?muted=false&archived=false&pinned=false`, 24, 204],
  ["… of a group, by one flag", `${COLLECTION}?group_id=group-3&muted=false`, 30, 210],
  ["… unread", `${COLLECTION}?unread=true`, 30, 210],
  ["… unread, by one flag", `${COLLECTION}?unread=true&archived=false`, 26, 206],
  ["… unread, by three flags", `${COLLECTION}?unread=true&muted=false&archived=false&pinned=false`, 23, 203],
  ["`sort=last_active_at`, all", `${COLLECTION}?sort=last_active_at`, 38, 218],
  ["… of a group", `${COLLECTION}?sort=last_active_at&group_id=group-3`, 38, 218],
  ["… by one flag", `${COLLECTION}?sort=last_active_at&archived=false`, 30, 210],
  ["… unread, by one flag", `${COLLECTION}?sort=last_active_at&unread=true&archived=false`, 26, 206],
  [
    "… unread, by three flags",
    `${COLLECTION}?sort=last_active_at&unread=true&muted=false&archived=false&pinned=false`,
    23,
    203,
  ],
  ["messages, all", MESSAGES, 26, 206],
  ["… of a conversation", `${MESSAGES}?conversation_id=${LARGE}`, 12, 102],
  ["endpoints", WEBHOOKS, 23, 203],
];

/** What a request is measured on: a conversation with a message of a contact that was read before. */
interface Fixture {
  /** The attributes of a conversation like it. */
  like: string;
  conversation: string;
  message: string;
}

const put =
  (attributes: string) =>
  ({ conversation }: Fixture) =>
    alice.put(item(conversation), attributes);
const post =
  (attributes: string) =>
  ({ conversation }: Fixture) =>
    alice.post(MESSAGES, `conversation_id=${conversation}&${attributes}`);

/** An update of a hundred new conversations. */
async function updateMany(like: string, attributes: object): Promise<Answer> {
  const ids: string[] = [];
  for (let n = 0; n < 100; n += 1) ids.push((await alice.post(COLLECTION, like)).json.id);
  return alice.patch(COLLECTION, { ids, ...attributes });
}

let older = 0;
/** An id of an object that is not the newest. */
const olderId = () => {
  older += 1;
  return `00000000001x${String(older).padStart(4, "0")}`;
};

let keys = 0;
const key = () => {
  keys += 1;
  return keyed(`key ${keys}`);
};
/** Two new accounts. To find the end of the first one's tokens, the database reads a row of the second. */
const pair = async () => [await account(), await account()] as const;
const TOKEN = { name: "one of many", scopes: "conversations:read" };

/** A request to a new account that has one endpoint. */
async function atEndpoint(request: (bob: Account, id: string) => Promise<Answer>): Promise<Answer> {
  const [bob] = await pair();
  return request(bob, (await bob.post(WEBHOOKS, { url: NOWHERE })).json.id);
}

/** The others: the rows read, and the rows written where the conversation has only a contact, and where a group. */
const REQUESTS: [string, (fixture: Fixture) => Promise<Answer>, number, number, number][] = [
  ["retrieve a conversation", ({ conversation }) => alice.get(item(conversation)), 2, 0, 0],
  ["create a conversation", ({ like }) => alice.post(COLLECTION, like), 10, 5, 7],
  [
    "create a conversation, `distinct=true`",
    ({ like }) => alice.post(COLLECTION, `${like}-new&distinct=true`),
    9,
    5,
    7,
  ],
  [
    "create a conversation, `distinct=true`, when it exists",
    ({ like }) => alice.post(COLLECTION, `${like}&distinct=true`),
    6,
    0,
    0,
  ],
  ["create a conversation, with an `Idempotency-Key`", ({ like }) => alice.post(COLLECTION, like, key()), 14, 7, 9],
  [
    "create a conversation, replay of an `Idempotency-Key`",
    async ({ like }) => {
      const again = key();
      await alice.post(COLLECTION, like, again);
      return alice.post(COLLECTION, like, again);
    },
    11,
    0,
    0,
  ],
  ["update `is_pinned`, `is_muted` or `archived_at`", put("is_muted=true"), 7, 4, 6],
  ["update `last_opened_at`, from read to unread or back", put("last_opened_at="), 7, 4, 6],
  ["update `last_opened_at`, when the conversation stays read", put("last_opened_at=705103200"), 7, 2, 2],
  [
    "update `pinned_message_id`",
    ({ conversation, message }) => alice.put(item(conversation), `pinned_message_id=${message}`),
    8,
    2,
    2,
  ],
  ["update a conversation that has these values already", put("is_muted=false"), 4, 0, 0],
  ["update a conversation, without attributes", put(""), 2, 0, 0],
  [
    "retrieve a conversation with its last message",
    ({ conversation }) => alice.get(`${item(conversation)}?include=last_message`),
    3,
    0,
    0,
  ],
  ["update 100 conversations, one flag of each", ({ like }) => updateMany(like, { is_muted: true }), 1103, 400, 600],
  [
    "update 100 conversations that have these values already",
    ({ like }) => updateMany(like, { is_muted: false }),
    704,
    0,
    0,
  ],
  [
    "delete a conversation without messages",
    async ({ like }) => alice.delete(item((await alice.post(COLLECTION, like)).json.id)),
    16,
    2,
    2,
  ],
  [
    "delete a conversation with 1,000 messages",
    async ({ like }) => {
      const { id } = (await alice.post(COLLECTION, like)).json;
      await fillMessages(alice, id, 1000, 1_000_000);
      return alice.delete(item(id));
    },
    6015,
    1002,
    1002,
  ],
  ["retrieve a message", ({ message }) => alice.get(messageItem(message)), 2, 0, 0],
  ["send a message that makes the conversation unread, or read", post("contact_id=bob&message=Hello"), 11, 6, 8],
  ["send a message that keeps the conversation unread, or read", post("message=Hello"), 11, 5, 6],
  [
    "send a message, with an `Idempotency-Key`",
    ({ conversation }) => alice.post(MESSAGES, `conversation_id=${conversation}&message=Hello`, key()),
    16,
    7,
    8,
  ],
  [
    "send a message to a conversation that does not exist",
    () => alice.post(MESSAGES, "conversation_id=NoSuchConversat0&message=Hello"),
    4,
    0,
    0,
  ],
  ["update a message", ({ message }) => alice.put(messageItem(message), "message=Hi&read_at=705103200"), 7, 2, 2],
  [
    "update a message that has these values already",
    ({ message }) => alice.put(messageItem(message), "read_at="),
    4,
    0,
    0,
  ],
  ["update a message, without attributes", ({ message }) => alice.put(messageItem(message)), 2, 0, 0],
  ["delete a message", ({ message }) => alice.delete(messageItem(message)), 12, 2, 2],
  [
    "delete a pinned message",
    async ({ conversation, message }) => {
      await alice.put(item(conversation), `pinned_message_id=${message}`);
      return alice.delete(messageItem(message));
    },
    12,
    3,
    3,
  ],
  ["retrieve the token of the request", () => alice.get(OWN_TOKEN), 3, 0, 0],
  // A creation counts the account's valid tokens, so each of these has an account of its own.
  ["create a token, the account's second", async () => (await pair())[0].post(TOKEN_COLLECTION, TOKEN), 10, 4, 4],
  [
    "rotate a token, the account's second",
    async () => {
      const [bob] = await pair();
      return bob.post(rotation((await bob.post(TOKEN_COLLECTION, TOKEN)).json.id));
    },
    17,
    6,
    6,
  ],
  [
    "revoke a token",
    async () => {
      const [bob] = await pair();
      return bob.delete(tokenItem((await bob.post(TOKEN_COLLECTION, TOKEN)).json.id));
    },
    7,
    2,
    2,
  ],
  ["retrieve an endpoint", () => alice.get(webhookItem(ALL_TYPES)), 4, 0, 0],
  ["retrieve an endpoint of some types, far behind", () => alice.get(webhookItem(SOME_TYPES)), 1004, 0, 0],
  ["list the attempts of an endpoint", () => alice.get(`${attemptsOf(SOME_TYPES)}?limit=100`), 202, 0, 0],
  // These have an account of their own: a creation counts the account's endpoints, and nothing else is delivered there.
  [
    "create an endpoint, the account's second",
    () => atEndpoint((bob) => bob.post(WEBHOOKS, { url: NOWHERE })),
    14,
    2,
    2,
  ],
  ["update an endpoint", () => atEndpoint((bob, id) => bob.put(webhookItem(id), "types=message.created")), 7, 2, 2],
  [
    "update an endpoint that has these values already",
    () => atEndpoint((bob, id) => bob.put(webhookItem(id), "types=")),
    4,
    0,
    0,
  ],
  ["disable an endpoint", () => atEndpoint((bob, id) => bob.put(webhookItem(id), "status=disabled")), 5, 1, 1],
  ["rotate the secret of an endpoint", () => atEndpoint((bob, id) => bob.post(secretRotation(id))), 4, 1, 1],
  ["ping an endpoint", () => atEndpoint((bob, id) => bob.post(ping(id))), 4, 1, 1],
  ["delete an endpoint", () => atEndpoint((bob, id) => bob.delete(webhookItem(id))), 5, 1, 1],
  ["404 Not Found", () => alice.get(item("NoSuchConversat0")), 1, 0, 0],
  ["400 Bad Request", () => alice.get(`${COLLECTION}?limit=0`), 1, 0, 0],
];

/** A line of a table in docs/COSTS.md. */
const line = (...cells: (string | number)[]): string => `| ${cells.join(" | ")} |`;
const LINES = [
  line("List", "rows read, 10", "rows read, 100"),
  ...LISTS.map(([title, , ten, hundred]) => line(title, ten, hundred)),
  line("Request", "rows read", "rows written, of a contact", "rows written, of a group"),
  ...REQUESTS.map(([title, , read, ofContact, ofGroup]) => line(title, read, ofContact, ofGroup)),
];

/** What the requests that change a conversation or a message read and wrote before there was a log of changes. */
const WITHOUT_LOG: Record<string, [number, number, number]> = {
  "create a conversation": [8, 4, 6],
  "create a conversation, `distinct=true`": [7, 4, 6],
  "create a conversation, with an `Idempotency-Key`": [12, 6, 8],
  "update `is_pinned`, `is_muted` or `archived_at`": [4, 3, 5],
  "update `last_opened_at`, from read to unread or back": [4, 3, 5],
  "update `last_opened_at`, when the conversation stays read": [4, 1, 1],
  "update `pinned_message_id`": [5, 1, 1],
  // The account's newest: what the log says now was a row of the account.
  "delete a conversation without messages": [17, 2, 2],
  "delete a conversation with 1,000 messages": [6017, 1003, 1003],
  "send a message that makes the conversation unread, or read": [8, 5, 7],
  "send a message that keeps the conversation unread, or read": [8, 4, 5],
  "send a message, with an `Idempotency-Key`": [13, 6, 7],
  "update a message": [4, 1, 1],
  "delete a message": [9, 1, 1],
  "delete a pinned message": [9, 2, 2],
};

test("the event of a change costs at most one row written and three rows read", () => {
  const costs = new Map(REQUESTS.map(([title, , ...cost]) => [title, cost]));
  for (const [title, without] of Object.entries(WITHOUT_LOG)) {
    const [read, ofContact, ofGroup] = costs.get(title)!.map((rows, column) => rows - without[column]!) as number[];
    assert.ok(read! <= 3 && ofContact! <= 1 && ofGroup! <= 1, title);
  }
});

describe("rows read by a list", () => {
  for (const [title, path, ten, hundred] of LISTS) {
    test(`${title}: ${path}`, async () => {
      const answers = await Promise.all(
        [10, 100].map((limit) => alice.get(`${path}${path.includes("?") ? "&" : "?"}limit=${limit}`)),
      );
      for (const { json, cost } of answers)
        assert.deepEqual([json.has_more, cost.calls, cost.rowsWritten], [true, 1, 0]);
      assert.deepEqual(
        answers.map(({ cost }) => cost.rowsRead),
        [ten, hundred],
      );
    });
  }
});

describe("rows read and written by a request", () => {
  const KINDS = [
    { contact_id: "someone", group_id: null },
    { contact_id: null, group_id: "team" },
    { contact_id: "someone", group_id: "team" },
  ];
  for (const [title, request, read, ofContact, ofGroup] of REQUESTS) {
    test(title, async () => {
      const costs: number[][] = [];
      for (const references of KINDS) {
        const like = Object.entries(references)
          .filter(([, value]) => value !== null)
          .map(([name, value]) => `${name}=${value}`)
          .join("&");
        const conversation = await alice.insert({ id: olderId(), ...references, last_active_at: 5, last_opened_at: 5 });
        const message = await alice.insertMessage(conversation, { id: olderId(), contact_id: "someone" });
        const { cost } = await request({ like, conversation, message });
        assert.equal(cost.calls, 1);
        costs.push([cost.rowsRead, cost.rowsWritten]);
      }
      assert.deepEqual(costs, [
        [read, ofContact],
        [read, ofGroup],
        [read, ofGroup],
      ]);
    });
  }
});

test("docs/COSTS.md has the same numbers", () => {
  const page = readFileSync(new URL("../docs/COSTS.md", import.meta.url), "utf8").split("\n");
  assert.deepEqual(
    LINES.filter((line) => !page.includes(line)),
    [],
  );
});
