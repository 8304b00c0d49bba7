// Random writes and reads through copies that lag, are brought from state to state and fail, compared with a model: a
// read shows a state of the account that is at least as new as its bookmark, and a write is done by the primary or not
// at all.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { account } from "../support/accounts.ts";
import type { Headers } from "../support/http.ts";
import { COLLECTION, item } from "../support/paths.ts";
import { bookmarkOf, bring, COPIES, type Copy, near, REPLICAS, remember } from "./replicas.ts";

const RUNS = Number(process.env.REPLICATION_RUNS ?? 25);
const SEED = Number(process.env.REPLICATION_SEED ?? 16);

/** `of` is a number for any earlier response or state: the newest is 0. */
type Step =
  | { kind: "write" | "create"; near: Copy; of: number | null; outage: Copy[] }
  | { kind: "read" | "list"; near: Copy; of: number | null; outage: Copy[] }
  | { kind: "remember" }
  | { kind: "bring"; copy: Copy; of: number };

const copy = fc.constantFrom(...COPIES);
const any = fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, { arbitrary: fc.nat(9), weight: 1 });
const request = {
  near: copy,
  of: fc.option(any, { freq: 5 }),
  outage: fc.oneof(
    { arbitrary: fc.constant([]), weight: 4 },
    { arbitrary: fc.subarray([...COPIES], { minLength: 1, maxLength: 2 }), weight: 1 },
  ),
};
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constantFrom("write", "create"), ...request }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constantFrom("read", "list"), ...request }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant("remember") }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant("bring"), copy: fc.constantFrom(...REPLICAS), of: any }), weight: 3 },
) as never;

/** What the account has: the version of its first conversation, and how many it has. */
interface State {
  version: number;
  count: number;
}

let kept = 0;

async function run(steps: Step[]): Promise<Record<string, number>> {
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  let state: State = { version: 0, count: 1 };
  /** Every state that there was, and the bookmarks that stand for it or a later one. */
  const states = [state];
  const first = await alice.get(item(json.id), undefined, near("primary"));
  const bookmarks = [{ bookmark: bookmarkOf(first), state: 0 }];
  const remembered: string[] = [];
  const answered: Record<string, number> = {};
  const at = <T>(list: T[], of: number): T => list[Math.max(0, list.length - 1 - of)]!;

  for (const step of steps) {
    if (step.kind === "remember") {
      kept += 1;
      await remember(`kept ${kept}`);
      remembered.push(`kept ${kept}`);
      continue;
    }
    if (step.kind === "bring") {
      if (remembered.length > 0) await bring(step.copy, at(remembered, step.of));
      continue;
    }
    const from = step.of === null ? { bookmark: "", state: states.length - 1 } : at(bookmarks, step.of);
    const headers: Headers = near(step.near, from.bookmark, step.outage);
    const isDown = step.outage.includes("primary");
    if (step.kind === "write" || step.kind === "create") {
      const next =
        step.kind === "write" ? { ...state, version: state.version + 1 } : { ...state, count: state.count + 1 };
      const answer =
        step.kind === "write"
          ? await alice.put(item(json.id), `archived_at=${next.version}`, headers)
          : await alice.post(COLLECTION, "contact_id=carol", headers);
      assert.equal(answer.status, isDown ? 503 : step.kind === "write" ? 200 : 201, answer.text);
      if (isDown) continue;
      assert.deepEqual(answer.copies, ["primary"]);
      state = next;
      states.push(state);
      bookmarks.push({ bookmark: bookmarkOf(answer), state: states.length - 1 });
      continue;
    }
    const answer =
      step.kind === "read"
        ? await alice.get(item(json.id), undefined, headers)
        : await alice.get(`${COLLECTION}?limit=100`, undefined, headers);
    if (answer.status === 503) {
      assert.ok(isDown, `no copy was needed that is down: ${answer.text}`);
      continue;
    }
    assert.equal(answer.status, 200, answer.text);
    const [by] = answer.copies;
    answered[by!] = (answered[by!] ?? 0) + 1;
    assert.ok(!step.outage.includes(by as Copy), `${by} is down`);
    assert.ok(bookmarkOf(answer) >= from.bookmark);
    const shown = states.findLastIndex(({ version, count }) =>
      step.kind === "read"
        ? (answer.json.archived_at ?? 0) === version
        : answer.json.data.length === count && (answer.json.data.at(-1).archived_at ?? 0) === version,
    );
    assert.ok(shown >= from.state, `shows state ${shown}, and the bookmark is of state ${from.state}`);
    // Who reads again with this bookmark sees no less.
    bookmarks.push({ bookmark: bookmarkOf(answer), state: firstLike(states, shown, step.kind) });
  }
  // With the newest bookmark all is seen, whatever the copies have.
  for (const copy of COPIES) {
    const answer = await alice.get(`${COLLECTION}?limit=100`, undefined, near(copy, bookmarks.at(-1)!.bookmark));
    assert.ok(answer.json.data.length <= state.count);
  }
  const newest = await alice.get(item(json.id), undefined, near("COPY_1"));
  assert.equal(newest.json.archived_at ?? 0, state.version);
  return answered;
}

/** The oldest state that shows the same: a single object tells less than the list. */
function firstLike(states: State[], index: number, kind: "read" | "list"): number {
  const { version, count } = states[index]!;
  return states.findIndex((state) => state.version === version && (kind === "read" || state.count === count));
}

test("a read shows a state at least as new as its bookmark, whatever the copies have and whichever answers", async () => {
  const answered: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40, size: "max" }), async (steps) => {
      for (const [copy, count] of Object.entries(await run(steps))) answered[copy] = (answered[copy] ?? 0) + count;
    }),
    { numRuns: RUNS, seed: SEED },
  );
  // The run is worth something only if each copy has answered.
  for (const copy of COPIES) assert.ok(answered[copy]! > 10, `${copy} answered ${answered[copy]} reads`);
});
