// Paging through GET /v1/conversations: cursors, has_more and the Link header, in both directions.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { assertError, idsOf, links } from "./support/expectations.ts";
import { COLLECTION, item, MESSAGES, TOKEN_COLLECTION, WEBHOOKS } from "./support/paths.ts";
import { NOWHERE } from "./support/requests.ts";

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
    [`muted=true&starting_after=${at(1)}`, { prev: `muted=true&ending_before=${at(0)}` }],
    [
      `limit=2&ending_before=${at(1)}`,
      { next: `limit=2&starting_after=${at(3)}`, prev: `limit=2&ending_before=${at(5)}` },
    ],
    [`limit=2&ending_before=${at(7)}`, { next: `limit=2&starting_after=${at(9)}` }],
    [`ending_before=${at(11)}`, { next: `starting_after=${at(12)}` }],
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

test("a page beyond an end is empty, and its link leads back to the page with the object of the cursor", async () => {
  const alice = await holder(6);
  for (const [cursor, back, expected] of [
    [`starting_after=${at(1)}`, "prev", [5, 3, 1]],
    [`ending_before=${at(11)}`, "next", [11, 9, 7]],
    [`muted=true&starting_after=${at(3)}`, "prev", [11, 7, 3]],
    [`muted=false&ending_before=${at(9)}`, "next", [9, 5, 1]],
  ] as const) {
    const empty = await alice.get(list(`limit=3&${cursor}`));
    assert.equal(empty.text, '{"has_more":false,"data":[]}');
    assert.deepEqual(Object.keys(links(empty)), [back], cursor);
    assert.deepEqual(idsOf(await alice.get(String(links(empty)[back]))), expected.map(at), cursor);
  }
});

test("a page whose objects were all deleted is empty, and its link leads to where they were", async () => {
  const alice = await account();
  for (const [cursor, expected] of [
    [`starting_after=${at(5)}`, { prev: `${COLLECTION}?limit=10&ending_before=${at(4)}` }],
    [`ending_before=${at(5)}`, { next: `${COLLECTION}?limit=10&starting_after=${at(6)}` }],
  ] as const) {
    const answer = await alice.get(list(cursor));
    assert.equal(answer.text, '{"has_more":false,"data":[]}');
    assert.deepEqual(links(answer), expected);
  }
});

test("after everything around a page was deleted, the links of the empty pages lead back to it", async () => {
  const alice = await holder(6);
  const first = await alice.get(list("limit=2"));
  const second = await alice.get(String(links(first).next));
  for (const id of [1, 3].map(at)) await alice.delete(item(id));
  const end = await alice.get(String(links(second).next));
  assert.deepEqual(idsOf(end), []);
  assert.deepEqual(idsOf(await alice.get(String(links(end).prev))), idsOf(second));
  for (const id of [9, 11].map(at)) await alice.delete(item(id));
  const start = await alice.get(String(links(second).prev));
  assert.deepEqual(idsOf(start), []);
  assert.deepEqual(idsOf(await alice.get(String(links(start).next))), idsOf(second));
});

// ------------------------------------------------------------------------------------------------------- every list

const LISTS = [
  COLLECTION,
  `${COLLECTION}?contact_id=bob&muted=false`,
  `${COLLECTION}?sort=last_active_at`,
  `${COLLECTION}?sort=last_active_at&unread=false`,
  MESSAGES,
  `${MESSAGES}?conversation_id=`,
  TOKEN_COLLECTION,
  WEBHOOKS,
];

for (const path of LISTS) {
  test(`${path}: from beyond either end the links lead through every object once`, async () => {
    const alice = await account();
    const conversations: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const { json } = await alice.post(COLLECTION, "contact_id=bob");
      conversations.push(json.id);
      await alice.say(json.id);
      await alice.say(conversations[0]!);
      await alice.post(TOKEN_COLLECTION, "name=n&scopes=conversations:read");
      await alice.post(WEBHOOKS, { url: NOWHERE });
    }
    const whole = path.endsWith("=") ? path + conversations[0] : path;
    const page = (query: string) => alice.get(`${whole}${whole.includes("?") ? "&" : "?"}${query}`);
    const walk = async (from: Answer, relation: "next" | "prev") => {
      const seen: string[][] = [];
      for (let target = links(from)[relation]; target !== undefined; ) {
        const answer = await alice.get(target);
        seen.push(idsOf(answer));
        target = links(answer)[relation];
        assert.ok(seen.length < 20, "the walk has no end");
      }
      return (relation === "next" ? seen : seen.reverse()).flat();
    };
    const cursorOf = (target: string | undefined, name: string) =>
      new URL(String(target), "http://host").searchParams.get(name);

    const all = idsOf(await page("limit=100"));
    assert.ok(all.length >= 5);
    const newest = await page("limit=1");
    let oldest = newest;
    while (links(oldest).next !== undefined) oldest = await alice.get(String(links(oldest).next));

    const end = await page(`limit=2&starting_after=${cursorOf(links(oldest).prev, "ending_before")}`);
    assert.deepEqual([idsOf(end), Object.keys(links(end))], [[], ["prev"]]);
    assert.deepEqual(await walk(end, "prev"), all);
    const start = await page(`limit=2&ending_before=${cursorOf(links(newest).next, "starting_after")}`);
    assert.deepEqual([idsOf(start), Object.keys(links(start))], [[], ["next"]]);
    assert.deepEqual(await walk(start, "next"), all);
  });
}

test("starting_after and ending_before together are a 400", async () => {
  const alice = await holder(1);
  for (const query of [
    `starting_after=${at(1)}&ending_before=${at(1)}`,
    `ending_before=${at(2)}&starting_after=${at(4)}`,
  ]) {
    assertError(await alice.get(list(query)), 400, "parameter_invalid", "ending_before");
  }
});
