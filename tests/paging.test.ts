// Paging through GET /v1/conversations: cursors, has_more and the Link header, in both directions.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { assertError, idsOf, links } from "./support/expectations.ts";
import { COLLECTION, item } from "./support/paths.ts";

/** Ids in order: `at(1)` is the oldest. Odd numbers name conversations, even ones the gaps between them. */
const at = (n: number): string => String(n).padStart(16, "0");

/** An account with conversations 1, 3, 5 … 2 × count - 1. */
async function holder(count: number) {
  const alice = await account();
  for (let n = 0; n < count; n += 1) await alice.insert({ id: at(2 * n + 1), is_muted: n % 2 });
  return alice;
}

const list = (query: string): string => `${COLLECTION}?${query}`;

test("following next from the first page returns every conversation once, newest first", async () => {
  const alice = await holder(25);
  const seen: string[][] = [];
  for (let path: string | undefined = COLLECTION; path !== undefined; ) {
    const answer = await alice.get(path);
    seen.push(idsOf(answer));
    path = links(answer).next;
    assert.equal(answer.json.has_more, path !== undefined);
  }
  assert.deepEqual(
    seen.map((page) => page.length),
    [10, 10, 5],
  );
  assert.deepEqual(
    seen.flat(),
    Array.from({ length: 25 }, (_, n) => at(49 - 2 * n)),
  );
});

test("following prev from the last page returns the same pages backwards", async () => {
  const alice = await holder(25);
  const last = await alice.get(list(`starting_after=${at(11)}`));
  assert.deepEqual(idsOf(last), [9, 7, 5, 3, 1].map(at));
  const middle = await alice.get(String(links(last).prev));
  assert.deepEqual(
    idsOf(middle),
    Array.from({ length: 10 }, (_, n) => at(29 - 2 * n)),
  );
  assert.equal(middle.json.has_more, true);
  const first = await alice.get(String(links(middle).prev));
  assert.deepEqual(
    idsOf(first),
    Array.from({ length: 10 }, (_, n) => at(49 - 2 * n)),
  );
  assert.equal(first.json.has_more, false);
  assert.deepEqual(Object.keys(links(first)), ["next"]);
});

test("has_more says whether there is more in the direction of the cursor", async () => {
  const alice = await holder(6);
  for (const [query, more] of [
    ["limit=6", false],
    ["limit=5", true],
    [`limit=3&starting_after=${at(7)}`, false],
    [`limit=2&starting_after=${at(7)}`, true],
    [`limit=3&ending_before=${at(5)}`, false],
    [`limit=2&ending_before=${at(5)}`, true],
    [`limit=1&starting_after=${at(1)}`, false],
    [`limit=1&ending_before=${at(11)}`, false],
  ] as const) {
    assert.equal((await alice.get(list(query))).json.has_more, more, query);
  }
});

test("ending_before returns the page right before the cursor, newest first", async () => {
  const alice = await holder(6);
  assert.deepEqual(idsOf(await alice.get(list(`limit=2&ending_before=${at(1)}`))), [at(5), at(3)]);
});

test("the Link header has the next and the previous page, with every other parameter", async () => {
  const alice = await holder(6);
  const cases: [string, { next?: string; prev?: string }][] = [
    ["limit=6", {}],
    ["", {}],
    ["limit=2", { next: `limit=2&starting_after=${at(9)}` }],
    [
      `limit=2&starting_after=${at(9)}`,
      { next: `limit=2&starting_after=${at(5)}`, prev: `limit=2&ending_before=${at(7)}` },
    ],
    [`starting_after=${at(9)}`, { prev: `ending_before=${at(7)}` }],
    [`starting_after=${at(1)}`, {}],
    [
      `limit=2&ending_before=${at(1)}`,
      { next: `limit=2&starting_after=${at(3)}`, prev: `limit=2&ending_before=${at(5)}` },
    ],
    [`limit=2&ending_before=${at(7)}`, { next: `limit=2&starting_after=${at(9)}` }],
    [`ending_before=${at(11)}`, {}],
    [
      "muted=true&limit=1&contact_id=someone&archived=false&pinned=false",
      {
        next: `muted=true&limit=1&contact_id=someone&archived=false&pinned=false&starting_after=${at(11)}`,
      },
    ],
    [
      `muted=false&starting_after=${at(9)}&limit=1`,
      {
        next: `muted=false&limit=1&starting_after=${at(5)}`,
        prev: `muted=false&limit=1&ending_before=${at(5)}`,
      },
    ],
  ];
  // A link may spell out the default limit.
  const parameters = (target: string) => ({
    limit: "10",
    ...Object.fromEntries(new URLSearchParams(target.slice(target.indexOf("?")))),
  });
  for (const [query, expected] of cases) {
    const answer = await alice.get(query === "" ? COLLECTION : list(query));
    const found = links(answer);
    assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort(), query);
    if (Object.keys(expected).length === 0) assert.equal(answer.headers.link, undefined, query);
    for (const rel of ["next", "prev"] as const) {
      if (found[rel] === undefined) continue;
      assert.ok(found[rel].startsWith(`${COLLECTION}?`), found[rel]);
      assert.deepEqual(parameters(found[rel]), parameters(`?${expected[rel]}`), query);
    }
  }
});

test("a cursor is a position: the id need not exist, nor match the filters", async () => {
  const alice = await holder(6);
  const everything = [11, 9, 7, 5, 3, 1].map(at);
  assert.deepEqual(idsOf(await alice.get(list(`starting_after=${at(6)}`))), [at(5), at(3), at(1)]);
  assert.deepEqual(idsOf(await alice.get(list(`ending_before=${at(6)}`))), [at(11), at(9), at(7)]);
  assert.deepEqual(idsOf(await alice.get(list("starting_after=zzzzzzzzzzzzzzzz"))), everything);
  assert.deepEqual(idsOf(await alice.get(list(`ending_before=${at(0)}`))), everything);
  assert.deepEqual(idsOf(await alice.get(list(`starting_after=${at(0)}`))), []);
  assert.deepEqual(idsOf(await alice.get(list("ending_before=zzzzzzzzzzzzzzzz"))), []);
  assert.deepEqual(idsOf(await alice.get(list(`muted=true&starting_after=${at(9)}`))), [at(7), at(3)]);
  assert.deepEqual(idsOf(await alice.get(list(`muted=true&ending_before=${at(5)}`))), [at(11), at(7)]);
});

test("pagination goes on after the object of the cursor was deleted", async () => {
  const alice = await holder(6);
  const first = await alice.get(list("limit=2"));
  await alice.delete(item(at(9)));
  const second = await alice.get(String(links(first).next));
  assert.deepEqual(idsOf(second), [at(7), at(5)]);
  await alice.delete(item(at(7)));
  assert.deepEqual(idsOf(await alice.get(String(links(second).prev))), [at(11)]);
});

test("a page whose objects were all deleted is empty and has no links", async () => {
  const alice = await account();
  for (const cursor of ["starting_after", "ending_before"]) {
    const answer = await alice.get(list(`${cursor}=${at(5)}`));
    assert.equal(answer.text, '{"has_more":false,"data":[]}');
    assert.equal(answer.headers.link, undefined);
  }
});

test("starting_after and ending_before together are a 400", async () => {
  const alice = await holder(1);
  for (const query of [
    `starting_after=${at(1)}&ending_before=${at(1)}`,
    `ending_before=${at(2)}&starting_after=${at(4)}`,
  ]) {
    assertError(await alice.get(list(query)), 400, "parameter_invalid", "ending_before");
  }
});
