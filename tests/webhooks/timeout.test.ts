// A delivery has fifteen seconds. Time goes ten times as fast here, also for what is signed, so no signature is
// verified.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertWebhook } from "../support/expectations.ts";
import { origin } from "../support/server.ts";
import { endpoint, eventsOf, logged, START } from "./endpoint.ts";
import { never, type Reply, status } from "./receiver.ts";

await fetch(origin, { headers: { "x-test-timers": "10" } });

const WAYS: Record<string, [reply: Reply, status: number | null]> = {
  "that does not answer": [never, null],
  "that never ends a short body": [(response) => void response.writeHead(200).write("thanks"), 200],
};

for (const [name, [reply, code]] of Object.entries(WAYS))
  test(`a receiver ${name} has fifteen seconds, and gets the event again`, async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply });
    await alice.client.conversations.create({ contact_id: "bob" });
    const [delivery] = await hook.receiver.take(1);
    const [attempt] = (await hook.attempted(1)).reverse();
    assert.deepEqual([attempt.event_id, attempt.status, attempt.error], [delivery!.id, code, "timeout"]);
    assert.ok(attempt.duration >= 14_900, `${attempt.duration} ms`);
    assertWebhook(await hook.show(), { status: "enabled", behind: 1, last_event_id: START });
    hook.receiver.reply = status(200);
    hook.receiver.deliveries.length = 0;
    await alice.client.conversations.create({ contact_id: "bob" });
    await hook.due();
    assert.deepEqual(eventsOf(await hook.receiver.take(2)), await logged(alice));
    assertWebhook(await hook.upToDate(), { failing_since: null, next_attempt_at: null });
  });

test("an endpoint that is tried again and again delays no other", async () => {
  const alice = await account();
  const stuck = await endpoint(alice, { reply: never });
  const hook = await endpoint(alice);
  await alice.client.conversations.create({ contact_id: "bob" });
  for (let n = 1; n <= 3; n += 1) {
    await stuck.receiver.take(1);
    await alice.client.conversations.create({ contact_id: "bob" });
    await hook.receiver.take(1);
    await stuck.attempted(n);
    await stuck.due();
  }
  await hook.receiver.take(1);
  assert.equal((await hook.upToDate()).last_event_id, (await logged(alice)).at(-1));
});
