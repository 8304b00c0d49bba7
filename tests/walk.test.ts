// Walks over all pages while conversations are created and deleted, the row that the cursor names among them: every
// conversation that exists throughout is seen exactly once. The choices are pseudo-random, from a seed that failures name.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, COLLECTION, account, idsOf, item, sql } from "./harness.ts";
import { random } from "./random.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const WALKS = {
  forwards: { start: "", cursor: "starting_after", from: (ids: string[]) => ids.at(-1) },
  backwards: { start: "&ending_before=0000000000000000", cursor: "ending_before", from: (ids: string[]) => ids[0] },
};

async function walk(alice: Account, seed: number, direction: keyof typeof WALKS, filter: string): Promise<void> {
  const { start, cursor, from } = WALKS[direction];
  const below = random(seed);
  const newId = () => Array.from({ length: 16 }, () => BASE62[below(62)]).join("");

  // Half of what is there will last, the other half may go at any time. Only the lasting are always muted.
  const lasting = new Set<string>();
  const passing = new Set<string>();
  const rows = Array.from({ length: 160 }, (_, n) => {
    const id = newId();
    (n % 2 === 0 ? lasting : passing).add(id);
    return id;
  });
  await sql(
    `INSERT INTO conversations (account_id, id, contact_id, group_id, is_muted, created_at)
     SELECT ?, value, 'bob', 'team', 1, 0 FROM json_each(?)`,
    alice.id, JSON.stringify(rows),
  );

  const seen: string[] = [];
  const remove = async (id: string) => {
    passing.delete(id);
    assert.equal((await alice.delete(item(id))).status, 204);
  };
  const insertSomewhere = async () => {
    passing.add(await alice.insert({ id: newId(), contact_id: "bob", group_id: "team", is_muted: 1 }));
  };
  let cursorsDeleted = 0;
  let pages = 0;
  for (let position = start; ; ) {
    const limit = 1 + below(9);
    // While the page is on its way: new ones at the top and anywhere, and some that were there go.
    const victims = [...passing].filter(() => below(20) === 0);
    const [answer] = await Promise.all([
      alice.get(`${COLLECTION}?limit=${limit}${filter}${position}`),
      ...Array.from({ length: below(3) }, () => alice.post(COLLECTION, "contact_id=bob&group_id=team")),
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

for (const direction of ["forwards", "backwards"] as const) {
  for (const [name, filter] of [["everything", ""], ["a flag", "&muted=true"], ["flags of a group", "&muted=true&pinned=false&group_id=team"]] as const) {
    test(`${direction} over ${name}`, async () => {
      for (const seed of [1, 2, 3]) await walk(await account(), seed, direction, filter);
    });
  }
}
