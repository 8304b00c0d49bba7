// The sweep finds endpoints that are behind, and wakes what delivers to them.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertWebhook } from "../support/expectations.ts";
import { fill } from "../support/large.ts";
import { sweep, sweepAll } from "../support/sweep.ts";
import { endpoint, eventsOf, logged, START } from "../webhooks/endpoint.ts";

test("what is behind and due is delivered, and what is disabled or waits is not", async () => {
  const alice = await account();
  const [due, disabled, waiting] = [await endpoint(alice), await endpoint(alice), await endpoint(alice)];
  await alice.put(disabled.path, "status=disabled");
  await waiting.set("failures = 3, failing_since = unixepoch(), next_attempt_at = unixepoch() + 5000");
  await fill(alice, 3);
  await sweep();
  assert.deepEqual(eventsOf(await due.take(3)), await logged(alice));
  await due.upToDate();
  for (const hook of [disabled, waiting]) {
    assert.deepEqual(hook.receiver.deliveries, []);
    assertWebhook(await hook.show(), { behind: 3, last_event_id: START });
  }
});

test("a ping whose wake-up got lost is sent, also to a disabled endpoint beside an enabled one", async () => {
  const alice = await account();
  const [hook] = [await endpoint(alice), await endpoint(alice)];
  await hook.set("is_enabled = 0, disabled_reason = 'requested', ping_id = '0123456789abcdef'");
  await sweep();
  assert.deepEqual(eventsOf(await hook.take(1)), ["0123456789abcdef"]);
});

test("sweeps at the same time deliver once", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await fill(alice, 20);
  await Promise.all([sweep(), sweep(), sweep()]);
  assert.deepEqual(eventsOf(await hook.take(20)), await logged(alice));
  await hook.upToDate();
  assert.deepEqual([hook.receiver.deliveries, hook.receiver.most], [[], 1]);
});

test("endpoints that are up to date cost a sweep few rows each, and none is written", async () => {
  await sweepAll();
  const before = await sweep();
  const alice = await account();
  for (let n = 0; n < 50; n += 1) await endpoint(alice);
  await sweepAll();
  const { rowsRead, rowsWritten, calls } = await sweep();
  assert.equal(rowsWritten, 0);
  // Also six for an account more (removal.test.ts), and a call in which the search for accounts ends.
  assert.ok(calls <= before.calls + 1, `${calls} calls, ${before.calls} before`);
  assert.ok(rowsRead <= before.rowsRead + 3 * 50 + 20, `${rowsRead} rows read, ${before.rowsRead} before`);
});
