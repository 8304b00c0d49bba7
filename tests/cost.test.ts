// What a request costs: one call to D1, and rows read in proportion to the page alone, whatever the filters, the page
// and the size of the table. One account has 50,000 conversations here, another 5,000 of the same contacts and groups.

import assert from "node:assert/strict";
import test, { before, describe } from "node:test";
import { type Account, type Answer, COLLECTION, account, idsOf, item, sql } from "./harness.ts";

const COUNT = 50_000;

/** The n-th conversation, as it is inserted by SQL below. Ids sort by n. */
interface Stored {
  id: string;
  contact_id: string | null;
  group_id: string | null;
  pinned: boolean;
  muted: boolean;
  archived: boolean;
}

const STORED: Stored[] = Array.from({ length: COUNT }, (_, n) => ({
  id: String(n + 1).padStart(16, "0"),
  contact_id: n % 5 === 0 ? null : `contact-${n % 3}`,
  group_id: n % 5 === 0 || n % 2 === 0 ? `group-${n % 7}` : null,
  pinned: (n >> 2) % 2 === 0,
  muted: (n >> 3) % 3 === 0,
  // The newest half isn't archived at all: some combinations start far from the first page of everything.
  archived: n < COUNT / 2 && n % 11 !== 0,
})).reverse();

async function fill(holder: Account, count: number): Promise<void> {
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)
     INSERT INTO conversations (account_id, id, contact_id, group_id, is_pinned, is_muted, archived_at, created_at)
     SELECT ?1, printf('%016d', n + 1),
            iif(n % 5 = 0, NULL, 'contact-' || (n % 3)),
            iif(n % 5 = 0 OR n % 2 = 0, 'group-' || (n % 7), NULL),
            (n >> 2) % 2 = 0,
            (n >> 3) % 3 = 0,
            iif(n < ${COUNT / 2} AND n % 11 <> 0, 705103200, NULL),
            692233200
     FROM numbers`,
    holder.id, count,
  );
}

let alice: Account;
let bob: Account;
before(async () => {
  [alice, bob] = [await account(), await account()];
  await fill(alice, COUNT);
  await fill(bob, COUNT / 10);
});

const CHOICES = [undefined, true, false];
const REFERENCES: Partial<Stored>[] = [{}, { group_id: "group-3" }, { contact_id: "contact-1" }, { contact_id: "contact-2", group_id: "group-4" }];

type Filters = Partial<Record<keyof Stored, string | boolean>>;

/** All 27 combinations of the three flags. */
const FLAGS: Filters[] = CHOICES.flatMap((muted) => CHOICES.flatMap((archived) => CHOICES.map((pinned) => ({ muted, archived, pinned }))))
  .map((flags) => Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)));

const queryOf = (filters: Filters): string => Object.entries(filters).map(([name, value]) => `${name}=${value}`).join("&");

/** Asks for a page and asserts what it took, what it holds and whether there is more. */
async function assertPage(query: string, limit: number, expected: string[], more: boolean): Promise<void> {
  const answer = await alice.get(`${COLLECTION}?${query}&limit=${limit}`);
  assert.equal(answer.cost.calls, 1, query);
  assert.ok(answer.cost.rowsRead <= limit + 8, `${answer.cost.rowsRead} rows read: ${query}&limit=${limit}`);
  assert.equal(answer.cost.rowsWritten, 0, query);
  assert.deepEqual(idsOf(answer), expected, query);
  assert.equal(answer.json.has_more, more, query);
}

describe("a list reads at most limit + 8 rows, and the right ones", () => {
  for (const references of REFERENCES) {
    test(`27 combinations of flags${Object.keys(references).length > 0 ? ` with ${queryOf(references as Filters)}` : ""}`, async () => {
      for (const flags of FLAGS) {
        const filters = { ...flags, ...references } as Filters;
        const wanted = Object.entries(filters) as [keyof Stored, unknown][];
        const ids = STORED.filter((row) => wanted.every(([name, value]) => row[name] === value)).map(({ id }) => id);
        const query = queryOf(filters);
        const middle = Math.floor(ids.length / 2);
        for (const limit of [1, 10, 100]) {
          const forwards = (from: number) =>
            assertPage(`${query}${from > 0 ? `&starting_after=${ids[from - 1]}` : ""}`, limit, ids.slice(from, from + limit), from + limit < ids.length);
          const backwards = (to: number) =>
            assertPage(`${query}&ending_before=${ids[to] ?? "0000000000000000"}`, limit, ids.slice(Math.max(0, to - limit), to), to > limit);
          await forwards(0);
          if (ids.length === 0) continue;
          await forwards(middle);
          await forwards(Math.max(0, ids.length - limit));
          await forwards(ids.length);
          await backwards(ids.length);
          await backwards(middle);
          await backwards(Math.min(limit, ids.length));
          await backwards(0);
        }
      }
    });
  }

  test("one that finds nothing, too", async () => {
    for (const flags of FLAGS) {
      for (const references of ["group_id=none", "contact_id=none", "contact_id=none&group_id=none", "contact_id=contact-1&group_id=none"]) {
        await assertPage([queryOf(flags), references].join("&"), 100, [], false);
      }
    }
  });
});

test("the other requests read and write a handful of rows", async () => {
  const id = "0000000000025000";
  const few = (answer: Answer, status: number, read: number, written: number): Answer => {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.cost.calls, 1);
    assert.ok(answer.cost.rowsRead <= read, `${answer.cost.rowsRead} rows read`);
    assert.ok(answer.cost.rowsWritten <= written, `${answer.cost.rowsWritten} rows written`);
    return answer;
  };
  few(await alice.get(item(id)), 200, 4, 0);
  few(await alice.get(item("NoSuchConversat0")), 404, 4, 0);
  few(await alice.put(item(id), "is_muted=true"), 200, 12, 16);
  few(await alice.put(item(id)), 200, 4, 1);
  const created = few(await alice.post(COLLECTION, "contact_id=contact-1"), 201, 12, 16);
  few(await alice.post(COLLECTION, "contact_id=contact-1&distinct=true"), 200, 12, 0);
  few(await alice.post(COLLECTION, "contact_id=somebody-new&distinct=true"), 201, 12, 16);
  few(await alice.delete(item(created.json.id)), 204, 12, 16);
});

test("another account's rows are neither read nor counted", async () => {
  const answer = await bob.get(`${COLLECTION}?group_id=group-3&archived=false&limit=100`);
  assert.ok(answer.cost.rowsRead <= 108);
  assert.deepEqual(idsOf(answer), STORED.filter((row) => Number(row.id) <= COUNT / 10 && row.group_id === "group-3" && !row.archived).slice(0, 100).map(({ id }) => id));
});

// ------------------------------------------------------------------------------------------------------- query plans

interface Plan {
  sql: string;
  steps: string[];
}

/** The tables of the database under the names a statement gives them. */
const tableNames = (text: string): Set<string> =>
  new Set([...text.matchAll(/\b(accounts|tokens|conversations|messages)\b(?:\s+AS)?(?:\s+(\w+))?/gi)].flatMap(([, table = "", alias]) => [table, alias ?? table]));

test("no list walks a table or sorts in a temporary B-tree", async () => {
  const cursors = ["", "&starting_after=0000000000025000", "&ending_before=0000000000025000"];
  for (const references of REFERENCES) {
    for (const flags of FLAGS) {
      for (const cursor of cursors) {
        const query = `${queryOf({ ...flags, ...references } as Filters)}${cursor}`;
        const { headers } = await alice.get(`${COLLECTION}?${query.replace(/^&/, "")}`, undefined, { "x-test-explain": "1" });
        const plans: Plan[] = JSON.parse(decodeURIComponent(String(headers["x-test-d1-plans"])));
        assert.ok(plans.length > 0);
        for (const plan of plans) {
          const tables = tableNames(plan.sql);
          for (const step of plan.steps) {
            const scanned = /^SCAN (\w+)/.exec(step)?.[1];
            assert.ok(scanned === undefined || !tables.has(scanned), `${step}\n${plan.sql}`);
            assert.doesNotMatch(step, /TEMP B-TREE/, `${query}: ${plan.steps.join("\n")}\n${plan.sql}`);
          }
        }
      }
    }
  }
});
