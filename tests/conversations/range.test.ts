// GET /v1/conversations with since, until, order and include: every answer against a plain model, over random filters,
// orders, positions and limits, in accounts whose ids tell when their conversations were created and in others.

import assert from "node:assert/strict";
import test, { before, describe } from "node:test";
import { random } from "../random.ts";
import { type Account, account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertLinked, idsOf, links } from "../support/expectations.ts";
import { COLLECTION, item, MESSAGES } from "../support/paths.ts";
import { base62, randomId } from "../support/tokens.ts";

/** An id that tells when its object was created. */
const idAt = (ms: number): string => base62(ms, 7) + randomId().slice(7);

interface Stored {
  id: string;
  created_at: number;
  contact_id: string;
  group_id: string | null;
  is_pinned: boolean;
  is_muted: boolean;
  last_active_ms: number | null;
  last_message: object | null;
}

/** Seconds in which conversations are created. */
const [FIRST, SECONDS] = [1_700_000_000, 12];

/** Conversations, some of a few seconds each, and the newest message of some. Where ids are not dated, those of every
 * third one tell another time: one of any second around, or one of the far future. */
async function fill(alice: Account, below: (n: number) => number, isDated: boolean): Promise<Stored[]> {
  const rows: Stored[] = [];
  for (let n = 0; n < 60; n += 1) {
    const created_at = FIRST + below(SECONDS);
    const told =
      isDated || n % 3 > 0 ? created_at : below(2) === 0 ? 3_300_000_000 + n : FIRST + below(SECONDS + 6) - 3;
    const row = {
      id: idAt(1000 * told + (below(4) === 0 ? 0 : below(1000))),
      created_at,
      contact_id: below(3) === 0 ? "bob" : `contact-${n}`,
      group_id: below(2) === 0 ? "team" : null,
      is_pinned: below(3) === 0,
      is_muted: below(3) === 0,
      last_active_ms: below(4) === 0 ? null : 1000 * FIRST + below(20),
      last_message: null as object | null,
    };
    const { last_message: _, is_pinned, is_muted, ...columns } = row;
    await alice.insert({ ...columns, is_pinned: Number(is_pinned), is_muted: Number(is_muted) });
    const messages = Array.from({ length: below(3) }, (_, at) => idAt(1000 * (created_at + at)));
    for (const id of messages) await alice.insertMessage(row.id, { id, message: `“${n}” }`, created_at });
    const newest = messages.sort().at(-1);
    if (newest !== undefined) row.last_message = (await alice.get(`${MESSAGES}/${newest}`)).json;
    rows.push(row);
  }
  return rows;
}

type Query = Record<string, string>;

const positionOf = ({ sort }: Query, { id, last_active_ms }: Stored): string =>
  sort === "last_active_at" ? base62(last_active_ms ?? 0, 7) + id : id;

/** What a list holds, in its order. */
function listed(rows: Stored[], query: Query): Stored[] {
  const matches = (row: Stored) =>
    (query.contact_id === undefined || row.contact_id === query.contact_id) &&
    (query.group_id === undefined || row.group_id === query.group_id) &&
    (query.pinned === undefined || String(row.is_pinned) === query.pinned) &&
    (query.muted === undefined || String(row.is_muted) === query.muted) &&
    row.created_at >= Number(query.since ?? 0) &&
    row.created_at < Number(query.until ?? Number.POSITIVE_INFINITY);
  const sorted = rows.filter(matches).sort((a, b) => (positionOf(query, a) < positionOf(query, b) ? 1 : -1));
  return query.order === "asc" ? sorted.reverse() : sorted;
}

/** Some of the parameters, with random values. */
function randomQuery(below: (n: number) => number): Query {
  const one = (values: string[]) => values[below(values.length)]!;
  const second = () => String(FIRST - 1 + below(SECONDS + 2));
  const parameters: Record<string, () => string> = {
    since: second,
    until: second,
    order: () => one(["asc", "desc"]),
    sort: () => one(["created_at", "last_active_at"]),
    pinned: () => one(["true", "false"]),
    muted: () => one(["true", "false"]),
    contact_id: () => "bob",
    group_id: () => "team",
    include: () => one(["last_message", "total_count", "last_message,total_count", "total_count,last_message"]),
  };
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(([name]) => below(["since", "until", "order", "include"].includes(name) ? 2 : 4) === 0)
      .map(([name, value]) => [name, value()]),
  );
}

for (const isDated of [true, false]) {
  describe(isDated ? "where ids tell when conversations were created" : "where some ids tell another time", () => {
    const below = random(isDated ? 17 : 18);
    let alice: Account;
    let rows: Stored[];
    before(async () => {
      alice = await account();
      rows = await fill(alice, below, isDated);
    });

    test("a page has what the filters and the period allow, in its order, with what is included", async () => {
      for (let n = 0; n < 800; n += 1) {
        const query = randomQuery(below);
        const list = listed(rows, query);
        const limit = 1 + below(below(2) === 0 ? 4 : 100);
        const at = below(list.length + 1);
        const cursor = list[at] ?? rows[below(rows.length)]!;
        const travel = (["", "starting_after", "ending_before"] as const)[below(3)]!;
        const past = (row: Stored) => {
          const [a, b] = [positionOf(query, row), positionOf(query, cursor)];
          return (query.order === "asc") === (travel === "starting_after") ? a > b : a < b;
        };
        const beyond = travel === "" ? list : list.filter(past);
        const expected = travel === "ending_before" ? beyond.slice(-limit) : beyond.slice(0, limit);
        const parameters = { ...query, limit: String(limit), ...(travel && { [travel]: positionOf(query, cursor) }) };
        const path = `${COLLECTION}?${new URLSearchParams(parameters)}`;
        const answer = await alice.get(path);
        assert.deepEqual(
          idsOf(answer),
          expected.map(({ id }) => id),
          path,
        );
        assert.equal(answer.json.has_more, beyond.length > expected.length, path);
        assert.equal(answer.cost.calls, 1);
        const count = query.include?.includes("total_count") ? { value: list.length, relation: "eq" } : undefined;
        assert.deepEqual(answer.json.total_count, count, path);
        const last = query.include?.includes("last_message") ? expected.map((row) => row.last_message) : undefined;
        const shown = answer.json.data.map((row: { last_message?: object | null }) => row.last_message);
        assert.deepEqual(shown, last ?? expected.map(() => undefined), path);
        if (isDated && query.contact_id === undefined && query.sort !== "last_active_at") {
          const most = 2 * limit + 24 + (last === undefined ? 0 : limit) + (count === undefined ? 0 : 1001 + 16);
          assert.ok(answer.cost.rowsRead <= most, `${answer.cost.rowsRead} rows read: ${path}`);
        }
      }
    });

    test("the links lead through the whole list and back, and keep every parameter", async () => {
      for (let n = 0; n < 40; n += 1) {
        const query = randomQuery(below);
        const expected = listed(rows, query).map(({ id }) => id);
        const limit = 3 + below(20);
        await assertLinked(alice, COLLECTION, { ...query, limit: String(limit) }, expected);
      }
    });
  });
}

test("a conversation is listed by the second in which it was created, from its first moment to its last", async () => {
  const alice = await account();
  for (const ms of [FIRST * 1000 - 1, FIRST * 1000, FIRST * 1000 + 999, FIRST * 1000 + 1000])
    await alice.insert({ id: idAt(ms), created_at: Math.floor(ms / 1000) });
  for (const [query, expected] of [
    [`since=${FIRST}`, [FIRST + 1, FIRST, FIRST]],
    [`until=${FIRST}`, [FIRST - 1]],
    [`since=${FIRST}&until=${FIRST + 1}`, [FIRST, FIRST]],
    [`since=${FIRST}&until=${FIRST}`, []],
    [`since=${FIRST + 1}&until=${FIRST}`, []],
    ["since=0&until=253402300799", [FIRST + 1, FIRST, FIRST, FIRST - 1]],
    ["since=253402300799", []],
  ] as const) {
    const { json } = await alice.get(`${COLLECTION}?${query}`);
    assert.deepEqual(
      json.data.map((row: { created_at: number }) => row.created_at),
      expected,
      query,
    );
  }
});

test("after an id of the far future, new conversations are listed by the time at which they were created", async () => {
  const alice = await account();
  const old = (await alice.post(COLLECTION, "contact_id=bob")).json;
  const future = await alice.insert({ id: "xgQQXg3hrtjh7AvZ", created_at: 692233200 });
  const { id, created_at } = (await alice.post(COLLECTION, "contact_id=bob")).json;
  assert.ok(id > future && created_at - old.created_at < 60);
  const list = async (query: string) => idsOf(await alice.get(`${COLLECTION}?${query}`));
  assert.deepEqual(await list(`since=${old.created_at}`), [id, old.id]);
  assert.deepEqual(await list(`until=${old.created_at}`), [future]);
  assert.deepEqual(await list(`since=${old.created_at}&until=${created_at + 1}&order=asc`), [old.id, id]);
  assert.deepEqual(await list(`until=${created_at + 1}`), [id, future, old.id]);
});

test("when ids run ahead of the clock, a conversation is created when its id says", async () => {
  const alice = await account();
  const ahead = Date.now() + 60_000;
  await alice.insert({ id: idAt(ahead), created_at: Math.floor(ahead / 1000) });
  const { id, created_at } = (await alice.post(COLLECTION, "contact_id=bob")).json;
  assert.equal(base62(ahead + 1, 7), id.slice(0, 7));
  assert.equal(created_at, Math.floor((ahead + 1) / 1000));
});

describe("an account of 20,000 conversations", () => {
  const COUNT = 20_000;
  const id = (n: number): string => `${base62(1000 * (FIRST + n), 7)}000000000`;
  let alice: Account;
  before(async () => {
    alice = await account();
    const ids = Array.from({ length: COUNT }, (_, n) => ({ id: id(n), at: FIRST + n, n }));
    await sql(
      `INSERT INTO conversations
         (account_id, id, contact_id, group_id, is_muted, is_pinned, created_at, last_active_ms, last_received_ms)
       SELECT ?, value ->> 'id', 'contact-' || (value ->> 'n'), 'team', value ->> 'n' & 1, value ->> 'n' >> 1 & 1,
         value ->> 'at', 1000 * (value ->> 'at'), 1000 * (value ->> 'at')
       FROM json_each(?)`,
      alice.id,
      JSON.stringify(ids),
    );
  });

  const ORDERS = ["order=desc", "order=asc"];
  const FILTERS = ["", "group_id=team", "muted=true", "muted=true&group_id=team&pinned=false", "unread=true"];
  const PERIODS = [
    `since=${FIRST + COUNT / 2}`,
    `until=${FIRST + COUNT / 2}`,
    `since=${FIRST + 5000}&until=${FIRST + 15_000}`,
    `since=${FIRST + 100_000}`,
    `until=${FIRST}`,
  ];
  const cursors = ["", `starting_after=${id(9000)}`, `ending_before=${id(9000)}`];

  test("a period: at most 2 * limit + 24 rows, one for each last message, 1,001 for a count", async () => {
    for (const order of ORDERS)
      for (const filter of FILTERS)
        for (const period of PERIODS)
          for (const cursor of cursors)
            for (const [include, more] of [
              ["", () => 0],
              ["include=last_message", (limit: number) => limit],
              // Of a group, each combination of the flags is a range of its own.
              ["include=total_count", () => 1001 + (filter === "group_id=team" ? 16 : 0)],
            ] as const) {
              const limit = 10;
              const query = [order, filter, period, cursor, include, `limit=${limit}`].filter(Boolean).join("&");
              const { cost, status } = await alice.get(`${COLLECTION}?${query}`);
              assert.equal(status, 200);
              assert.deepEqual([cost.calls, cost.rowsWritten], [1, 0]);
              assert.ok(cost.rowsRead <= 2 * limit + 24 + more(limit), `${cost.rowsRead} rows read: ${query}`);
            }
  });

  test("a count ends at 1,000", async () => {
    const count = async (query: string) =>
      (await alice.get(`${COLLECTION}?include=total_count&${query}`)).json.total_count;
    assert.deepEqual(await count(""), { value: 1000, relation: "gte" });
    assert.deepEqual(await count(`until=${FIRST + 1000}`), { value: 1000, relation: "eq" });
    assert.deepEqual(await count(`until=${FIRST + 1001}`), { value: 1000, relation: "gte" });
    assert.deepEqual(await count(`until=${FIRST + 1001}&muted=true`), { value: 500, relation: "eq" });
    assert.deepEqual(await count(`until=${FIRST + 1001}&sort=last_active_at`), { value: 1000, relation: "gte" });
  });

  test("in order of activity, a page that looks at 180 others ends early, and its link goes on", async () => {
    // The most recent activity is that of the newest conversations.
    const query = `sort=last_active_at&until=${FIRST + COUNT - 500}&limit=2`;
    let answer = await alice.get(`${COLLECTION}?${query}`);
    const pages: string[][] = [];
    for (; idsOf(answer).length === 0; answer = await alice.get(String(links(answer).next))) {
      assert.equal(answer.json.has_more, true);
      assert.ok(answer.cost.rowsRead <= 2 * 2 + 24 + 1001, `${answer.cost.rowsRead} rows read`);
      pages.push(idsOf(answer));
      assert.ok(pages.length < 5, "the list has no end");
    }
    assert.equal(pages.length, 2);
    assert.deepEqual(idsOf(answer), [id(COUNT - 501), id(COUNT - 502)]);
    const first = await alice.get(`${COLLECTION}?sort=last_active_at&since=${FIRST + COUNT - 3}&limit=2`);
    assert.deepEqual(idsOf(first), [id(COUNT - 1), id(COUNT - 2)]);
    assert.ok(first.cost.rowsRead <= 2 * 2 + 24 + 1001, `${first.cost.rowsRead} rows read`);
  });

  test("one id of the far future keeps the bounds: a page looks at 180 conversations at most", async () => {
    const far = await alice.insert({ id: "xgQQXg3hrtjh7AvZ", created_at: FIRST + 3 });
    for (const [query, expected] of [
      [`since=${FIRST + COUNT - 2}`, [id(COUNT - 1), id(COUNT - 2)]],
      [`until=${FIRST + 2}&order=asc`, [id(0), id(1)]],
      [`until=${FIRST + 4}&limit=1`, [far]],
    ] as const) {
      const answer = await alice.get(`${COLLECTION}?${query}`);
      assert.deepEqual(idsOf(answer), expected, query);
      assert.ok(answer.cost.rowsRead <= 2 * 10 + 24 + 1001, `${answer.cost.rowsRead} rows read: ${query}`);
    }
    await alice.delete(item(far));
  });
});

test("since, until, order and include of another form are a 400 that names them", async () => {
  const alice = await account();
  for (const [query, param] of [
    ["since=yesterday", "since"],
    ["since=-1", "since"],
    ["until=1.5", "until"],
    ["until=253402300800", "until"],
    ["order=ASC", "order"],
    ["order=newest", "order"],
    ["include=", "include"],
    ["include=messages", "include"],
    ["include=last_message,last_message", "include"],
    ["include=last_message, total_count", "include"],
    ["include=last_message&include=total_count", "include"],
  ] as const)
    assertError(
      await alice.get(`${COLLECTION}?${query.replace(" ", "%20")}`),
      400,
      query.split("include=").length > 2 ? "parameter_duplicate" : "parameter_invalid",
      param,
    );
});
