// Requests that ask the same at the same time share a call to D1. Timers are slow here, so that all have asked before
// the call begins.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { COLLECTION, EVENTS } from "../support/paths.ts";
import { origin } from "../support/server.ts";
import { watched } from "./listening.ts";

await fetch(origin, { headers: { "x-test-timers": "0.005" } });

test("ten requests that wait with one token share their calls to D1, and each gets the event", async () => {
  const alice = await account();
  // Not `now`: a request that comes late, after the event, would wait for another one.
  const from = "starting_after=0000000000000000";
  const answers = Array.from({ length: 10 }, () => alice.get(`${EVENTS}?${from}&wait=30`));
  await watched(alice);
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  let calls = 0;
  for (const { json: page, cost } of await Promise.all(answers)) {
    assert.deepEqual(
      page.data.map((event: any) => event.conversation),
      [json],
    );
    calls += cost.calls;
  }
  // Ten first readings, and the shared ones: with the mark, and after the ring.
  assert.ok(calls < 20, `${calls} calls`);
});
