// Walks over all pages while things are created, deleted and moved, the row that the cursor names among them: whatever
// exists throughout (and stays in its place) is seen exactly once. The choices are pseudo-random, from a seed that
// failures name.

import assert from "node:assert/strict";
import test from "node:test";
import { random } from "./random.ts";
import { type Account, account } from "./support/accounts.ts";
import { sql } from "./support/database.ts";
import { idsOf, links, position } from "./support/expectations.ts";
import { COLLECTION, item, MESSAGES, messageItem } from "./support/paths.ts";
import { BASE62, base62 } from "./support/tokens.ts";

const WALKS = {
  forwards: { start: "", cursor: "starting_after", from: (ids: string[]) => ids.at(-1), relation: "next" },
  backwards: {
    start: "&ending_before=0000000000000000",
    cursor: "ending_before",
    from: (ids: string[]) => ids[0],
    relation: "prev",
  },
} as const;
type Direction = keyof typeof WALKS;
const DIRECTIONS = ["forwards", "backwards"] as const;

const idsFrom = (below: (bound: number) => number) => () =>
  Array.from({ length: 16 }, () => BASE62[below(62)]).join("");

/** What is walked over: how it comes and goes. */
interface World {
  path: string;
  fill: (ids: string[]) => Promise<unknown>;
  create: () => Promise<unknown>;
  insert: (id: string) => Promise<unknown>;
  remove: (id: string) => Promise<{ status: number }>;
}

const conversations = (alice: Account): World => ({
  path: COLLECTION,
  fill: (ids) =>
    sql(
      `INSERT INTO conversations (account_id, id, contact_id, group_id, is_muted, created_at)
     SELECT ?, value, 'bob', 'team', 1, 0 FROM json_each(?)`,
      alice.id,
      JSON.stringify(ids),
    ),
  create: () => alice.post(COLLECTION, "contact_id=bob&group_id=team"),
  insert: (id) => alice.insert({ id, contact_id: "bob", group_id: "team", is_muted: 1 }),
  remove: (id) => alice.delete(item(id)),
});

/** Messages of one conversation, those of another between them. */
async function messages(alice: Account, narrowed: boolean): Promise<World> {
  const [conversation, other] = [await alice.insert(), await alice.insert()];
  const fill = (id: string, ids: string[]) =>
    sql(
      `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
       SELECT ?, ?, value, 'Hello', 0 FROM json_each(?)`,
      alice.id,
      id,
      JSON.stringify(ids),
    );
  if (narrowed) await fill(other, Array.from({ length: 100 }, idsFrom(random(99))));
  return {
    path: narrowed ? `${MESSAGES}?conversation_id=${conversation}` : MESSAGES,
    fill: (ids) => fill(conversation, ids),
    create: () => alice.say(conversation),
    insert: (id) => alice.insertMessage(conversation, { id }),
    remove: (id) => alice.delete(messageItem(id)),
  };
}

async function walk(alice: Account, world: World, seed: number, direction: Direction, filter = ""): Promise<void> {
  const { start, cursor, from } = WALKS[direction];
  const below = random(seed);
  const newId = idsFrom(below);

  // Half of what is there will last, the other half may go at any time.
  const lasting = new Set<string>();
  const passing = new Set<string>();
  const ids = Array.from({ length: 160 }, (_, n) => {
    const id = newId();
    (n % 2 === 0 ? lasting : passing).add(id);
    return id;
  });
  await world.fill(ids);

  const seen: string[] = [];
  const remove = async (id: string) => {
    passing.delete(id);
    assert.equal((await world.remove(id)).status, 204);
  };
  const insertSomewhere = async () => {
    const id = newId();
    await world.insert(id);
    passing.add(id);
  };
  const url = world.path + (world.path.includes("?") ? "&" : "?");
  let cursorsDeleted = 0;
  let pages = 0;
  for (let position: string = start; ; ) {
    const limit = 1 + below(9);
    // While the page is on its way: new ones at the top and anywhere, and some that were there go.
    const victims = [...passing].filter(() => below(20) === 0);
    const [answer] = await Promise.all([
      alice.get(`${url}limit=${limit}${filter}${position}`),
      ...Array.from({ length: below(3) }, world.create),
      ...Array.from({ length: below(3) }, insertSomewhere),
      ...victims.map(remove),
    ]);
    const ids = idsOf(answer);
    assert.deepEqual(ids, [...ids].sort().reverse(), `seed ${seed}: newest first`);
    seen.push(...ids);
    const last = from(ids);
    if (!answer.json.has_more || last === undefined) break;
    if (passing.has(last) && below(2) === 0) {
      await remove(last);
      cursorsDeleted += 1;
    }
    position = `&${cursor}=${last}`;
    pages += 1;
    assert.ok(pages < 1000, `seed ${seed}: the walk has no end`);
  }
  assert.equal(new Set(seen).size, seen.length, `seed ${seed}: something was seen twice`);
  const missed = [...lasting].filter((id) => !seen.includes(id));
  assert.deepEqual(missed, [], `seed ${seed}: missed`);
  assert.ok(cursorsDeleted > 0, `seed ${seed}: no cursor's row was deleted, choose another seed`);
}

for (const direction of DIRECTIONS) {
  const filters = [
    ["everything", ""],
    ["a flag", "&muted=true"],
    ["flags of a group", "&muted=true&pinned=false&group_id=team"],
    ["the unread", "&unread=true"],
  ];
  for (const [name, filter] of filters) {
    test(`${direction} over ${name}`, async () => {
      for (const seed of [1, 2, 3]) {
        const alice = await account();
        await walk(alice, conversations(alice), seed, direction, filter);
      }
    });
  }
  for (const [name, narrowed] of [
    ["all messages", false],
    ["the messages of a conversation", true],
  ] as const) {
    test(`${direction} over ${name}`, async () => {
      for (const seed of [1, 2, 3]) {
        const alice = await account();
        await walk(alice, await messages(alice, narrowed), seed, direction);
      }
    });
  }
}

// --------------------------------------------------------------------------------------------------- order by activity

/** The lasting ones stay where they are; the others are sent messages, move anywhere, are created and deleted. */
async function walkByActivity(alice: Account, seed: number, direction: Direction, filter: string): Promise<void> {
  const below = random(seed);
  const newId = idsFrom(below);
  // In milliseconds. Few different times, so that many have the same one; every eighth was never active.
  const time = () => (below(8) === 0 ? null : 1980 + below(40));
  const lasting = new Map<string, number | null>();
  const passing = new Set<string>();
  await sql(
    `INSERT INTO conversations (account_id, id, contact_id, group_id, is_muted, last_active_ms, created_at)
     SELECT ?, value ->> 'id', 'bob', 'team', 1, value ->> 'at', 0 FROM json_each(?)`,
    alice.id,
    JSON.stringify(
      Array.from({ length: 160 }, (_, n) => {
        const [id, at] = [newId(), time()];
        if (n % 2 === 0) lasting.set(id, at);
        else passing.add(id);
        return { id, at };
      }),
    ),
  );

  const remove = async (id: string) => {
    passing.delete(id);
    assert.equal((await alice.delete(item(id))).status, 204);
  };
  const move = (id: string) =>
    below(2) === 0
      ? alice.say(id, { contact_id: "bob" })
      : sql("UPDATE conversations SET last_active_ms = ? WHERE account_id = ? AND id = ?", time(), alice.id, id);
  const create = async () => {
    const id = newId();
    await alice.insert({ id, contact_id: "bob", group_id: "team", is_muted: 1, last_active_ms: time() });
    passing.add(id);
  };

  const seen: string[] = [];
  const { from, relation } = WALKS[direction];
  let [turn, pages] = [0, 0];
  const start = direction === "forwards" ? "" : `&ending_before=${position("0000000000000000", null)}`;
  for (let path: string = `${COLLECTION}?sort=last_active_at&limit=${1 + below(5)}${filter}${start}`; ; ) {
    // Whatever goes at this moment doesn't also move at it.
    const fates = [...passing].map((id) => [id, below(30)] as const);
    const [answer] = await Promise.all([
      alice.get(path),
      ...fates.filter(([, fate]) => fate === 0).map(([id]) => remove(id)),
      ...fates.filter(([, fate]) => fate === 1 || fate === 2).map(([id]) => move(id)),
      ...Array.from({ length: below(3) }, create),
    ]);
    const seconds: number[] = answer.json.data.map(
      (row: { last_active_at: number | null }) => row.last_active_at ?? -1,
    );
    assert.deepEqual(
      seconds,
      [...seconds].sort((a, b) => b - a),
      `seed ${seed}: most recently active first`,
    );
    // Of those that stay in their place the test knows the milliseconds.
    const positions = idsOf(answer)
      .filter((id) => lasting.has(id))
      .map((id) => base62(lasting.get(id) ?? 0, 7) + id);
    assert.deepEqual(positions, [...positions].sort().reverse(), `seed ${seed}: most recently active first`);
    seen.push(...idsOf(answer));
    const target = links(answer)[relation];
    if (!answer.json.has_more || target === undefined) break;
    const last = String(from(idsOf(answer)));
    if (passing.has(last)) {
      // By turns: the row of the cursor goes, moves, stays.
      if (turn % 3 === 0) await remove(last);
      if (turn % 3 === 1) await move(last);
      turn += 1;
    }
    path = target;
    pages += 1;
    assert.ok(pages < 1000, `seed ${seed}: the walk has no end`);
  }
  const times = new Map([...lasting.keys()].map((id) => [id, 0]));
  for (const id of seen) if (times.has(id)) times.set(id, times.get(id)! + 1);
  assert.deepEqual(
    [...times].filter(([, count]) => count !== 1),
    [],
    `seed ${seed}: missed, or seen twice`,
  );
  assert.ok(turn > 2, `seed ${seed}: no cursor's row moved or none went, choose another seed`);
}

for (const direction of DIRECTIONS) {
  const filters = [
    ["everything", ""],
    ["the unread", "&unread=true"],
    ["flags of a contact", "&muted=true&pinned=false&contact_id=bob"],
    ["the unread of both", "&unread=true&muted=true&contact_id=bob&group_id=team"],
  ];
  for (const [name, filter] of filters) {
    test(`${direction} in order of activity over ${name}`, async () => {
      for (const seed of [1, 2, 3]) await walkByActivity(await account(), seed, direction, filter!);
    });
  }
}
