// Idempotency keys with replicas that lag: a retry is never done twice.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { keyed } from "../support/http.ts";
import { COLLECTION } from "../support/paths.ts";
import { canBeKeyed, REQUESTS, send, world } from "../support/requests.ts";
import { bookmarkOf, COPIES, catchUp, near, REPLICAS } from "./replicas.ts";

test("a retry with its key and an older bookmark is a replay, whichever replica is the nearest", async () => {
  for (const request of REQUESTS.filter(canBeKeyed)) {
    const here = await world();
    await catchUp(...REPLICAS);
    const bookmark = bookmarkOf(await here.account.get(COLLECTION));
    const first = await send(here, request, { ...keyed("a"), ...near("COPY_1", bookmark) });
    const before = await here.account.everything();
    for (const copy of COPIES) {
      const again = await send(here, request, { ...keyed("a"), ...near(copy, bookmark) });
      assert.deepEqual([again.status, again.headers["idempotent-replayed"]], [first.status, "true"], request.name);
      assert.deepEqual(again.copies, ["primary"]);
    }
    assert.deepEqual(await here.account.everything(), before, request.name);
  }
});

test("distinct=true finds what a replica does not have yet", async () => {
  const alice = await account();
  await catchUp(...REPLICAS);
  const bookmark = bookmarkOf(await alice.get(COLLECTION));
  const distinct = (copy: (typeof COPIES)[number]) =>
    alice.post(COLLECTION, "contact_id=bob&distinct=true", near(copy, bookmark));
  const first = await distinct("COPY_1");
  assert.equal(first.status, 201);
  for (const copy of COPIES) {
    const again = await distinct(copy);
    assert.deepEqual([again.status, again.json], [200, first.json]);
  }
});

test("a write that fails in passing is repeated at the primary, once", async () => {
  const alice = await account();
  const LOST = "D1_ERROR: Network connection lost.";
  for (const when of ["failure", "lost"]) {
    const failing = { [`x-test-d1-${when}`]: LOST, "x-test-d1-failures": "1" };
    const answer = await alice.post(COLLECTION, `contact_id=${when}`, {
      ...keyed(when),
      ...near("COPY_1"),
      ...failing,
    });
    assert.equal(answer.status, 201);
    assert.equal((await alice.get(`${COLLECTION}?contact_id=${when}`)).json.data.length, 1);
  }
});
