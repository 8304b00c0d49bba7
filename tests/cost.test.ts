// The cost of a request: one call to D1, and rows read in proportion to the page alone, whatever the order, the
// filters, the page and the size of the table. One account has 50,000 conversations here, another 5,000 of the same
// contacts and groups. What single requests read and write exactly: tests/rows.test.ts.

import assert from "node:assert/strict";
import test, { before, describe } from "node:test";
import { random } from "./random.ts";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { sql } from "./support/database.ts";
import { idsOf, position } from "./support/expectations.ts";
import { type Headers, keyed } from "./support/http.ts";
import {
  BY_ACTIVITY,
  COUNT,
  FLAGS,
  fill,
  fillMessages,
  queryOf,
  REFERENCES,
  STORED,
  type Stored,
  UNREAD,
} from "./support/large.ts";
import { mistakesOf, sendMistake } from "./support/mistakes.ts";
import { OPERATIONS } from "./support/operations.ts";
import { COLLECTION, item, MESSAGES, messageItem } from "./support/paths.ts";
import { canBeKeyed, example, REQUESTS, send as sendRequest, world } from "./support/requests.ts";
import { randomId } from "./support/tokens.ts";

let alice: Account;
let bob: Account;
before(async () => {
  [alice, bob] = [await account(), await account()];
  await fill(alice, COUNT);
  await fill(bob, COUNT / 10);
});

type Sort = "created_at" | "last_active_at";

const cursorOf =
  (sort: Sort) =>
  ({ id, last_active_at }: Stored): string =>
    sort === "created_at" ? id : position(id, last_active_at);
/** A position after everything. */
const END = { created_at: "0000000000000000", last_active_at: position("0000000000000000", null) };

/** How many conversations there are of the contact that a query names, if it names one. */
function ofContact(query: string): number {
  const wanted = ["contact_id", "group_id"] as const;
  const asked = new URLSearchParams(query);
  if (!asked.has("contact_id")) return 0;
  return STORED.filter((row) => wanted.every((name) => !asked.has(name) || row[name] === asked.get(name))).length;
}

/** Asks for a page and asserts what it took, what it holds and whether there is more. */
async function assertPage(query: string, limit: number, expected: string[], more: boolean): Promise<void> {
  const answer = await alice.get(`${COLLECTION}?${query}&limit=${limit}`);
  const bound = 2 * limit + 24 + ofContact(query);
  assert.equal(answer.cost.calls, 1, query);
  assert.ok(
    answer.cost.rowsRead <= bound,
    `${answer.cost.rowsRead} rows read, ${bound} allowed: ${query}&limit=${limit}`,
  );
  assert.equal(answer.cost.rowsWritten, 0, query);
  assert.deepEqual(idsOf(answer), expected, query);
  assert.equal(answer.json.has_more, more, query);
}

/** One list: its order and filters, and all that it holds, in that order. */
interface List {
  sort: Sort;
  query: string;
  rows: Stored[];
}

function* lists(sort: Sort, unread = UNREAD): Generator<List> {
  for (const filters of unread.flatMap((a) => FLAGS.flatMap((b) => REFERENCES.map((c) => ({ ...a, ...b, ...c }))))) {
    const wanted = Object.entries(filters) as [keyof Stored, unknown][];
    const rows = (sort === "created_at" ? STORED : BY_ACTIVITY).filter((row) =>
      wanted.every(([name, value]) => row[name] === value),
    );
    yield {
      sort,
      query: [queryOf(filters), sort === "created_at" ? "" : `sort=${sort}`].filter(Boolean).join("&"),
      rows,
    };
  }
}

const forwards = ({ sort, query, rows }: List, from: number, limit: number) =>
  assertPage(
    `${query}${from > 0 ? `&starting_after=${cursorOf(sort)(rows[from - 1]!)}` : ""}`,
    limit,
    rows.slice(from, from + limit).map(({ id }) => id),
    from + limit < rows.length,
  );
const backwards = ({ sort, query, rows }: List, to: number, limit: number) =>
  assertPage(
    `${query}&ending_before=${rows[to] ? cursorOf(sort)(rows[to]) : END[sort]}`,
    limit,
    rows.slice(Math.max(0, to - limit), to).map(({ id }) => id),
    to > limit,
  );

/** Pages of one size from the beginning to the end of a list and back. */
const pages = (list: List, limit: number): Promise<void>[] => {
  const { length } = list.rows;
  if (length === 0) return [forwards(list, 0, limit)];
  return [
    ...[0, length >> 1, Math.max(0, length - limit), length].map((from) => forwards(list, from, limit)),
    ...[length, length >> 1, Math.min(limit, length), 0].map((to) => backwards(list, to, limit)),
  ];
};

/** Every filter with pages of 10 and of a random size, every seventh with pages of 1 and 100. */
async function assertLists(sort: Sort, unread: typeof UNREAD): Promise<void> {
  const below = random(20_250_101);
  let n = 0;
  for (const list of lists(sort, unread)) {
    const { length } = list.rows;
    const some =
      length === 0
        ? []
        : [forwards(list, below(length), 1 + below(100)), backwards(list, below(length), 1 + below(100))];
    n += 1;
    const extremes = n % 7 === 0 ? [...pages(list, 1), ...pages(list, 100)] : [];
    await Promise.all([...pages(list, 10), ...some, ...extremes]);
  }
}

describe("a list reads at most 2 * limit + 24 rows, besides those of its contact, and the right ones", () => {
  test("order of creation", () => assertLists("created_at", [{}]));
  test("unread in order of creation", () => assertLists("created_at", UNREAD.slice(1)));
  test("order of activity", () => assertLists("last_active_at", [{}]));
  test("unread in order of activity", () => assertLists("last_active_at", UNREAD.slice(1)));

  test("a list that finds nothing", async () => {
    const orders = ["", "sort=last_active_at", "unread=true", "unread=false&sort=last_active_at"];
    for (const flags of FLAGS) {
      for (const references of [
        "group_id=none",
        "contact_id=none",
        "contact_id=none&group_id=none",
        "contact_id=contact-1&group_id=none",
      ]) {
        await Promise.all(
          orders.map((order) =>
            assertPage([queryOf(flags), references, order].filter(Boolean).join("&"), 100, [], false),
          ),
        );
      }
    }
  });
});

test("rows of another account are neither read nor counted", async () => {
  const wanted = (row: Stored) => Number(row.id) <= COUNT / 10 && row.group_id === "group-3" && !row.archived;
  for (const [sort, rows] of [
    ["created_at", STORED],
    ["last_active_at", BY_ACTIVITY],
  ] as const) {
    const answer = await bob.get(`${COLLECTION}?group_id=group-3&archived=false&limit=100&sort=${sort}`);
    assert.ok(answer.cost.rowsRead <= 224, sort);
    assert.deepEqual(
      idsOf(answer),
      rows
        .filter(wanted)
        .slice(0, 100)
        .map(({ id }) => id),
    );
  }
});

// ----------------------------------------------------------------------------------------------------------- messages

describe("a conversation of 200,000 messages", () => {
  const MANY = 200_000;
  const id = (n: number): string => String(n).padStart(16, "0");
  const down = (from: number, limit: number): string[] =>
    Array.from({ length: Math.max(0, Math.min(limit, from)) }, (_, n) => id(from - n));
  let carol: Account;
  let [large, small] = ["", ""];
  before(async () => {
    carol = await account();
    [large, small] = [await carol.insert(), await carol.insert()];
    await fillMessages(carol, large, MANY);
  });

  test("a list of its messages reads at most limit + 8 rows, of all 2 * limit + 8, and the right ones", async () => {
    const page = async (query: string, limit: number, expected: string[], more: boolean) => {
      const answer = await carol.get(`${MESSAGES}?${query}&limit=${limit}`);
      assert.equal(answer.cost.calls, 1);
      const rows = query.startsWith("conversation_id") ? limit : 2 * limit;
      assert.ok(answer.cost.rowsRead <= rows + 8, `${answer.cost.rowsRead} rows read: ${query}&limit=${limit}`);
      assert.equal(answer.cost.rowsWritten, 0);
      assert.deepEqual(idsOf(answer), expected, query);
      assert.equal(answer.json.has_more, more, query);
    };
    for (const which of ["", `conversation_id=${large}`]) {
      for (const limit of [1, 10, 100]) {
        for (const from of [MANY, MANY / 2, limit, 0]) {
          await page(`${which}&starting_after=${id(from + 1)}`, limit, down(from, limit), from > limit);
          const to = from + limit;
          await page(
            `${which}&ending_before=${id(from)}`,
            limit,
            down(Math.min(to, MANY), Math.min(limit, MANY - from)),
            MANY > to,
          );
        }
        await page(which, limit, down(MANY, limit), true);
      }
    }
    await page(`conversation_id=${small}`, 100, [], false);
    await page("conversation_id=NoSuchConversat0", 100, [], false);
  });

  test("sending, retrieving, updating and deleting a message costs the same as in an empty conversation", async () => {
    const costs = async (conversation: string) => {
      const answers: Answer[] = [];
      for (const attributes of [{}, { contact_id: "bob" }]) {
        // Read: then a message of a contact makes it unread, and one of its own leaves it as it is.
        await sql(
          "UPDATE conversations SET last_active_ms = 5, last_opened_ms = 5 WHERE account_id = ? AND id = ?",
          carol.id,
          conversation,
        );
        const sent = await carol.post(MESSAGES, { conversation_id: conversation, message: "Hello", ...attributes });
        const path = messageItem(sent.json.id);
        answers.push(
          sent,
          await carol.get(path),
          await carol.put(path, "message=Hi&read_at=5"),
          await carol.put(path),
          await carol.get(item(conversation)),
          await carol.put(item(conversation), `pinned_message_id=${sent.json.id}`),
          await carol.delete(path),
          await carol.get(path),
        );
      }
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201, 200, 200, 200, 200, 200, 204, 404, 201, 200, 200, 200, 200, 200, 204, 404],
      );
      return answers.map(({ cost }) => cost);
    };
    const [few, many] = [await costs(small), await costs(large)];
    assert.deepEqual(many, few);
    for (const { calls, rowsRead, rowsWritten } of many) {
      assert.equal(calls, 1);
      assert.ok(rowsRead <= 20 && rowsWritten <= 20, `${rowsRead} rows read, ${rowsWritten} written`);
    }
  });
});

test("deleting a conversation of 100,000 messages is one call to D1, and hides all or nothing", async () => {
  const [dave, erin] = [await account(), await account()];
  const [id, kept] = [await dave.insert(), await dave.insert()];
  await fillMessages(dave, id, 100_000);
  await dave.say(kept);
  await fillMessages(erin, await erin.insert({ id }), 3);
  const pin = String(1).padStart(16, "0");
  assert.equal((await dave.put(item(id), { pinned_message_id: pin })).status, 200);
  const count = async () =>
    (
      await sql(
        "SELECT count(*) AS messages, sum(length(message)) AS characters FROM messages WHERE account_id = ?",
        dave.id,
      )
    )[0];
  const before = [(await dave.get(item(id))).text, await count()];

  // The database fails in the midst of the first step.
  await sql(
    `CREATE TRIGGER giving_up BEFORE DELETE ON messages WHEN OLD.id = '0000000000000500'
     BEGIN SELECT RAISE(ABORT, 'gave up'); END`,
  );
  try {
    const answer = await dave.delete(item(id));
    assert.equal(answer.status, 500, answer.text);
    assert.equal(answer.cost.calls, 1);
  } finally {
    await sql("DROP TRIGGER giving_up");
  }
  assert.deepEqual([(await dave.get(item(id))).text, await count()], before);
  assert.equal(
    (await dave.delete(item(id), undefined, { "x-test-d1-failure": "D1_ERROR: Network connection lost." })).status,
    503,
  );
  assert.deepEqual([(await dave.get(item(id))).text, await count()], before);

  const answer = await dave.delete(item(id));
  assert.equal(answer.status, 204);
  assert.equal(answer.cost.calls, 1);
  assert.deepEqual([idsOf(await dave.get(COLLECTION)), (await dave.get(MESSAGES)).json.data.length], [[kept], 1]);
  assert.equal((await erin.contents()).messages.length, 3);
});

test("a request with a key costs the same however many keys are stored, and however many have expired", async () => {
  const [frank, grace] = [await account(), await account()];
  const cost = async () =>
    [
      await frank.post(COLLECTION, "contact_id=bob", keyed(randomId())),
      await frank.post(COLLECTION, "contact_id=bob", keyed("again")),
    ].map((answer) => answer.cost);
  const remember = (count: number, key: string, expires_at: number) =>
    sql(
      `INSERT INTO idempotency_keys (account_id, key, fingerprint, request_id, expires_at)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     SELECT account, ? || i, printf('%064d', 0), printf('%016d', i), ?
     FROM n, (SELECT ? AS account UNION ALL SELECT ?)`,
      count,
      key,
      expires_at,
      frank.id,
      grace.id,
    );
  await remember(2, "expired", 1);
  await cost();
  await remember(2, "expired-too", 1);
  const few = await cost();
  await remember(20_000, "kept", 253402300799);
  await remember(20_000, "expired-again", 1);
  assert.deepEqual(await cost(), few);
});

// ------------------------------------------------------------------------------------------------------- query plans

interface Plan {
  sql: string;
  steps: string[];
}

/** The tables of the database. */
const TABLES = (await sql("SELECT name FROM sqlite_schema WHERE type = 'table'")).map(({ name }) => String(name));

/** The tables under the names that a statement gives them. */
const tableNames = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(new RegExp(`\\b(${TABLES.join("|")})\\b(?:\\s+AS)?(?:\\s+(\\w+))?`, "gi"))].flatMap(
      ([, table = "", alias]) => [table, alias ?? table],
    ),
  );

/** The lists that sort what they read: that of a contact, which has few conversations, and that of an endpoint's
 * attempts, of which a hundred are kept. */
const SORTED = /page \(account, token, id, position\)|webhook_attempts/;

const EXPLAIN = { "x-test-explain": "1" };

/** No step walks a table or sorts what it read, and no parameter makes SQLite plan the statement anew for every value
 * (src/query.rs). Statements are seen once: their parameters don't change their plans. */
const seen = new Set<string>();
function assertPlans({ headers }: Answer): void {
  const plans: Plan[] = JSON.parse(decodeURIComponent(String(headers["x-test-d1-plans"])));
  assert.ok(plans.length > 0);
  for (const { sql, steps } of plans) {
    if (seen.has(sql)) continue;
    seen.add(sql);
    if (/\b(ORDER BY|JOIN)\b/.test(sql)) assert.doesNotMatch(sql, /(?<![<>!])(=|\bIS|\bLIMIT) \?\d/);
    const tables = tableNames(sql);
    for (const step of steps) {
      const scanned = /^SCAN (\w+)/.exec(step)?.[1];
      assert.ok(scanned === undefined || !tables.has(scanned), `${step}\n${sql}`);
      if (!SORTED.test(sql)) assert.doesNotMatch(step, /TEMP B-TREE/, `${steps.join("\n")}\n${sql}`);
    }
  }
}

test("no list walks a table, and of these none but that of a contact sorts in a temporary B-tree", async () => {
  for (const sort of ["created_at", "last_active_at"] as const) {
    const cursors = [
      "",
      `&starting_after=${cursorOf(sort)(STORED[25_000]!)}`,
      `&ending_before=${cursorOf(sort)(STORED[25_000]!)}`,
    ];
    for (const filters of UNREAD.flatMap((a) => FLAGS.flatMap((b) => REFERENCES.map((c) => ({ ...a, ...b, ...c }))))) {
      // Which flags there are decides the statement, not what they say.
      if (Object.values(filters).includes(false)) continue;
      for (const cursor of cursors)
        assertPlans(await alice.get(`${COLLECTION}?sort=${sort}&${queryOf(filters)}${cursor}`, undefined, EXPLAIN));
    }
  }
  for (const which of ["", "conversation_id=0000000000000001&"]) {
    for (const cursor of ["", "starting_after=0000000000000005", "ending_before=0000000000000005"]) {
      assertPlans(await alice.get(`${MESSAGES}?${which}${cursor}`, undefined, EXPLAIN));
    }
  }
});

for (const request of REQUESTS) {
  test(`${request.name}: one call to D1, which walks no table and sorts in no temporary B-tree`, async () => {
    const { headers } = request.operation;
    const conditions: Headers[] = [
      {},
      ...(canBeKeyed(request) ? [keyed(randomId())] : []),
      ...(headers.includes("If-Match") ? [{ "If-Match": "*" }, { "If-Match": '"x"' }] : []),
      ...(headers.includes("If-None-Match") ? [{ "If-None-Match": "*" }, { "If-None-Match": '"x"' }] : []),
    ];
    for (const condition of conditions) {
      const here = await world();
      const answer = await sendRequest(here, request, { ...EXPLAIN, ...condition });
      assert.equal(answer.cost.calls, 1);
      assertPlans(answer);
    }
  });
}

for (const operation of OPERATIONS) {
  test(`${operation.name}: each parameter and each mistake is one call to D1, which walks no table`, async () => {
    const here = await world();
    for (const [parameter, { example: value }] of Object.entries(operation.query)) {
      const request = example(operation);
      request.target += `?${parameter}=${value}`;
      const answer = await sendRequest(here, request, EXPLAIN);
      assert.deepEqual([answer.status, answer.cost.calls], [200, 1], parameter);
      assertPlans(answer);
    }
    for (const mistake of mistakesOf(operation)) {
      const answer = await sendMistake(here, mistake, EXPLAIN);
      assert.equal(answer.cost.calls, 1, mistake.name);
      assertPlans(answer);
    }
  });
}
