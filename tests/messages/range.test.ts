// GET /v1/messages with since, until, order and include=total_count: every answer against a plain model, in accounts
// whose ids tell when their messages were sent and in others.

import assert from "node:assert/strict";
import test, { before, describe } from "node:test";
import { random } from "../random.ts";
import { type Account, account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertLinked, idsOf, links } from "../support/expectations.ts";
import { MESSAGES, messageItem } from "../support/paths.ts";
import { base62, randomId } from "../support/tokens.ts";

const [FIRST, SECONDS] = [1_700_000_000, 12];

interface Stored {
  id: string;
  conversation_id: string;
  created_at: number;
}
type Query = Record<string, string>;

async function fill(alice: Account, below: (n: number) => number, isDated: boolean): Promise<Stored[]> {
  const conversations = [await alice.insert(), await alice.insert()];
  const rows: Stored[] = [];
  for (let n = 0; n < 80; n += 1) {
    const created_at = FIRST + below(SECONDS);
    const told = isDated || n % 3 > 0 ? created_at : below(2) === 0 ? 3_300_000_000 + n : FIRST + below(SECONDS);
    const row = {
      id: base62(1000 * told + (below(4) === 0 ? 0 : below(1000)), 7) + randomId().slice(7),
      conversation_id: conversations[below(2)]!,
      created_at,
    };
    const { conversation_id, ...columns } = row;
    await alice.insertMessage(conversation_id, columns);
    rows.push(row);
  }
  return rows;
}

function listed(rows: Stored[], query: Query): Stored[] {
  const matches = (row: Stored) =>
    (query.conversation_id === undefined || row.conversation_id === query.conversation_id) &&
    row.created_at >= Number(query.since ?? 0) &&
    row.created_at < Number(query.until ?? Number.POSITIVE_INFINITY);
  const sorted = rows.filter(matches).sort((a, b) => (a.id < b.id ? 1 : -1));
  return query.order === "asc" ? sorted.reverse() : sorted;
}

function randomQuery(below: (n: number) => number, rows: Stored[]): Query {
  const second = () => String(FIRST - 1 + below(SECONDS + 2));
  const parameters: Record<string, () => string> = {
    since: second,
    until: second,
    order: () => (below(2) === 0 ? "asc" : "desc"),
    conversation_id: () => rows[below(rows.length)]!.conversation_id,
    include: () => "total_count",
  };
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(() => below(2) === 0)
      .map(([name, value]) => [name, value()]),
  );
}

for (const isDated of [true, false]) {
  describe(isDated ? "where ids tell when messages were sent" : "where some ids tell another time", () => {
    const below = random(isDated ? 27 : 28);
    let alice: Account;
    let rows: Stored[];
    before(async () => {
      alice = await account();
      rows = await fill(alice, below, isDated);
    });

    test("a page has what the period and the conversation allow, in its order, with the count", async () => {
      for (let n = 0; n < 500; n += 1) {
        const query = randomQuery(below, rows);
        const list = listed(rows, query);
        const limit = 1 + below(below(2) === 0 ? 4 : 100);
        const cursor = list[below(list.length + 1)] ?? rows[below(rows.length)]!;
        const travel = (["", "starting_after", "ending_before"] as const)[below(3)]!;
        const past = ({ id }: Stored) =>
          (query.order === "asc") === (travel === "starting_after") ? id > cursor.id : id < cursor.id;
        const beyond = travel === "" ? list : list.filter(past);
        const expected = travel === "ending_before" ? beyond.slice(-limit) : beyond.slice(0, limit);
        const parameters = { ...query, limit: String(limit), ...(travel && { [travel]: cursor.id }) };
        const path = `${MESSAGES}?${new URLSearchParams(parameters)}`;
        const answer = await alice.get(path);
        assert.deepEqual(
          idsOf(answer),
          expected.map(({ id }) => id),
          path,
        );
        assert.equal(answer.json.has_more, beyond.length > expected.length, path);
        assert.equal(answer.cost.calls, 1);
        const count = query.include === undefined ? undefined : { value: list.length, relation: "eq" };
        assert.deepEqual(answer.json.total_count, count, path);
        if (isDated) {
          const most = 2 * limit + 24 + (count === undefined ? 0 : 1001);
          assert.ok(answer.cost.rowsRead <= most, `${answer.cost.rowsRead} rows read: ${path}`);
        }
      }
    });

    test("the links lead through the whole list and back, and keep every parameter", async () => {
      for (let n = 0; n < 30; n += 1) {
        const query = randomQuery(below, rows);
        const expected = listed(rows, query).map(({ id }) => id);
        await assertLinked(alice, MESSAGES, { ...query, limit: "7" }, expected);
      }
    });
  });
}

describe("a conversation of 20,000 messages", () => {
  const COUNT = 20_000;
  const id = (n: number): string => `${base62(1000 * (FIRST + n), 7)}000000000`;
  let alice: Account;
  let conversation = "";
  before(async () => {
    alice = await account();
    conversation = await alice.insert();
    await sql(
      `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
       SELECT ?, ?, value ->> 'id', 'Hello', value ->> 'at' FROM json_each(?)`,
      alice.id,
      conversation,
      JSON.stringify(Array.from({ length: COUNT }, (_, n) => ({ id: id(n), at: FIRST + n }))),
    );
  });

  test("a list of a period reads at most 2 * limit + 24 rows, and 1,001 for a count", async () => {
    for (const order of ["order=desc", "order=asc"])
      for (const which of ["", `conversation_id=${conversation}`])
        for (const period of [
          "",
          `since=${FIRST + COUNT / 2}`,
          `until=${FIRST + COUNT / 2}`,
          `since=${FIRST + 5000}&until=${FIRST + 15_000}`,
          `since=${FIRST + 100_000}`,
        ])
          for (const cursor of ["", `starting_after=${id(9000)}`, `ending_before=${id(9000)}`])
            for (const [include, more] of [
              ["", 0],
              ["include=total_count", 1001],
            ] as const) {
              const query = [order, which, period, cursor, include, "limit=10"].filter(Boolean).join("&");
              const { cost, status } = await alice.get(`${MESSAGES}?${query}`);
              assert.deepEqual([status, cost.calls, cost.rowsWritten], [200, 1, 0]);
              assert.ok(cost.rowsRead <= 2 * 10 + 24 + more, `${cost.rowsRead} rows read: ${query}`);
            }
  });

  test("a count ends at 1,000", async () => {
    for (const which of ["", `&conversation_id=${conversation}`]) {
      const count = async (query: string) =>
        (await alice.get(`${MESSAGES}?include=total_count${which}${query}`)).json.total_count;
      assert.deepEqual(await count(""), { value: 1000, relation: "gte" });
      assert.deepEqual(await count(`&until=${FIRST + 1000}`), { value: 1000, relation: "eq" });
      assert.deepEqual(await count(`&until=${FIRST + 1001}`), { value: 1000, relation: "gte" });
    }
  });

  test("where an id does not tell the time, a page looks at 180 messages, and its link goes on", async () => {
    const far = await alice.insertMessage(conversation, { id: "xgQQXg3hrtjh7AvZ", created_at: FIRST + 3 });
    for (const which of ["", `conversation_id=${conversation}&`]) {
      let answer = await alice.get(`${MESSAGES}?${which}until=${FIRST + COUNT - 400}&limit=2`);
      const seen = idsOf(answer);
      for (; seen.length < 3; seen.push(...idsOf(answer))) {
        assert.ok(answer.cost.rowsRead <= 2 * 2 + 24 + 1001, `${answer.cost.rowsRead} rows read`);
        assert.equal(answer.json.has_more, true);
        answer = await alice.get(String(links(answer).next));
      }
      assert.deepEqual(seen, [far, id(COUNT - 401), id(COUNT - 402)]);
    }
    await alice.delete(messageItem(far));
  });

  test("messages that are being removed are neither listed nor counted", async () => {
    await sql("UPDATE conversations SET is_removed = 1 WHERE account_id = ?", alice.id);
    const kept = await alice.insert();
    const message = await alice.insertMessage(kept, { id: id(COUNT + 10), created_at: FIRST + COUNT + 10 });
    const { json } = await alice.get(`${MESSAGES}?since=${FIRST + COUNT - 20}&include=total_count`);
    assert.deepEqual(
      json.data.map((row: Stored) => row.id),
      [message],
    );
    assert.deepEqual(json.total_count, { value: 1, relation: "eq" });
    const of = await alice.get(`${MESSAGES}?conversation_id=${conversation}&include=total_count&since=1`);
    assert.deepEqual([of.json.data, of.json.total_count.value], [[], 0]);
  });
});

test("since, until, order and include of another form are a 400 that names them", async () => {
  const alice = await account();
  for (const [query, param] of [
    ["since=yesterday", "since"],
    ["until=-1", "until"],
    ["order=newest", "order"],
    ["include=last_message", "include"],
    ["include=total_count,total_count", "include"],
  ] as const)
    assertError(await alice.get(`${MESSAGES}?${query}`), 400, "parameter_invalid", param);
});
