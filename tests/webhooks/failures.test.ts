// What happens when a receiver fails: the same event again, later and later, and nothing after it. Receivers that do
// not answer: timeout.test.ts; failures of the connection, which the tests' Worker does not see: tests/scripts/.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertWebhook } from "../support/expectations.ts";
import { fill } from "../support/large.ts";
import { sweep } from "../support/sweep.ts";
import { type Endpoint, endpoint, eventsOf, logged, START } from "./endpoint.ts";
import { type Reply, status } from "./receiver.ts";

const DAY = 86_400;
/** Seconds until the next attempt, after the first failure, the second and so on. The last one repeats. */
const SCHEDULE = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, DAY];
/** What the delay may be longer, so that endpoints that failed together do not come back together. */
const JITTER = 1.1;

/** The database's clock. */
const now = async () => Number((await sql("SELECT unixepoch() AS now"))[0]!.now);
const create = (alice: Account) => alice.client.conversations.create({ contact_id: "bob" });

/** The next attempt does not come by itself while a test goes on, however slow the machine is. */
const LATER = "next_attempt_at = next_attempt_at + 3600";

/** Lets an attempt fail, and checks that the next one is so many seconds later. `begin` begins the attempt. */
async function assertDelay(hook: Endpoint, begin: () => Promise<unknown>, seconds: number): Promise<void> {
  const [{ attempts = 0 } = {}] = await sql("SELECT attempts FROM webhooks WHERE id = ?", hook.id);
  const before = await now();
  await begin();
  await hook.attempted(Number(attempts) + 1);
  const { next_attempt_at, status } = await hook.show();
  const after = await now();
  assert.equal(status, "enabled");
  const bounds = [before + seconds, after + Math.ceil(seconds * JITTER)];
  assert.ok(bounds[0]! <= next_attempt_at && next_attempt_at <= bounds[1]!, `${next_attempt_at} not in ${bounds}`);
  await hook.set(LATER);
}

/** Ways to fail, and what an attempt says of each. */
const WAYS: Record<string, [reply: Reply, status: number | null, error: string | null]> = {
  ...Object.fromEntries(
    [300, 304, 400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504, 599].map((code) => [
      `a ${code}`,
      [status(code), code, null],
    ]),
  ),
  "a 500 with 5 MB": [status(500, {}, "x".repeat(5_000_000)), 500, null],
};

for (const [name, [reply, code, error]] of Object.entries(WAYS))
  test(`${name} is a failure: the same event comes again after 5 seconds, and then those after it`, async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply });
    const before = await now();
    await assertDelay(hook, () => create(alice), SCHEDULE[0]!);
    await create(alice);
    const [first] = await hook.take(1);
    const failed = await hook.show();
    assertWebhook(failed, { status: "enabled", behind: 2, last_event_id: START });
    assert.ok(before <= failed.failing_since && failed.failing_since <= (await now()));
    const [attempt] = (await hook.attempted(1)).reverse();
    assert.deepEqual([attempt.event_id, attempt.status, attempt.error], [first!.id, code, error]);

    hook.receiver.reply = status(200);
    hook.receiver.deliveries.length = 0;
    await hook.due();
    assert.deepEqual(eventsOf(await hook.take(2)), await logged(alice));
    assertWebhook(await hook.upToDate(), { failing_since: null, next_attempt_at: null, status: "enabled" });
  });

test("a URL that the operator no longer allows is not tried, and is a failure", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  for (const [n, url] of ["http://10.0.0.1:8787/hook", "http://example.com/hook", "https://10.0.0.1/hook"].entries()) {
    await hook.set(`url = '${url}', failures = 0, next_attempt_at = NULL`);
    await assertDelay(hook, () => create(alice), SCHEDULE[0]!);
    const [attempt] = (await hook.attempted(n + 1)).reverse();
    assert.deepEqual([attempt.status, attempt.error, attempt.duration], [null, "url_forbidden", 0]);
  }
});

describe("large answers", () => {
  /** Writes until the sender has left. */
  const endless: Reply = (response) => {
    response.writeHead(200);
    const write = () => {
      while (!response.destroyed && response.write("x".repeat(10_000)));
      if (!response.destroyed) response.once("drain", write);
    };
    write();
  };

  test("a 200 with 5 MB is a success", async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: status(200, {}, "x".repeat(5_000_000)) });
    for (let n = 0; n < 3; n += 1) await create(alice);
    assert.deepEqual(eventsOf(await hook.take(3)), await logged(alice));
    assertWebhook(await hook.upToDate(), { failing_since: null });
  });

  test("a 200 without an end is a success after its first kilobyte", async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: endless });
    await create(alice);
    await hook.take(1);
    assertWebhook(await hook.upToDate(), { failing_since: null });
    const [attempt] = await hook.attempted(1);
    assert.deepEqual([attempt.status, attempt.error], [200, null]);
  });
});

describe("the schedule", () => {
  test("is 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, and 24 h again, and up to 10 % more", async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: status(500) });
    await assertDelay(hook, () => create(alice), SCHEDULE[0]!);
    for (const seconds of [...SCHEDULE.slice(1), DAY, DAY]) await assertDelay(hook, () => hook.due(), seconds);
    const ids = new Set((await hook.attempted(11)).map(({ event_id }) => event_id));
    assert.deepEqual([...ids], await logged(alice));
  });

  test("is not the same second for endpoints that failed together", async () => {
    const alice = await account();
    const hooks = await Promise.all(Array.from({ length: 20 }, () => endpoint(alice, { reply: status(500) })));
    for (const hook of hooks) await hook.set("failures = 5, failing_since = unixepoch()");
    await create(alice);
    for (const hook of hooks) await hook.attempted(1);
    const times = await Promise.all(hooks.map(async (hook) => (await hook.show()).next_attempt_at));
    assert.ok(new Set(times).size > 1, `all at ${times[0]}`);
  });

  test("begins anew after a success", async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: status(500) });
    await assertDelay(hook, () => create(alice), SCHEDULE[0]!);
    await assertDelay(hook, () => hook.due(), SCHEDULE[1]!);
    hook.receiver.reply = status(200);
    await hook.due();
    assertWebhook(await hook.upToDate(), { failing_since: null, next_attempt_at: null });
    hook.receiver.reply = status(500);
    await assertDelay(hook, () => create(alice), SCHEDULE[0]!);
  });

  test("keeps the time of the first failure", async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: status(500) });
    await create(alice);
    await hook.attempted(1);
    await hook.set("failing_since = failing_since - 1000");
    const { failing_since } = await hook.show();
    await hook.due();
    await hook.attempted(2);
    assertWebhook(await hook.show(), { failing_since });
  });

  test("holds whatever changes: while an endpoint waits, a change makes no attempt", async () => {
    const alice = await account();
    const [hook, other] = [await endpoint(alice, { reply: status(500) }), await endpoint(alice)];
    await hook.set("failures = 2");
    await create(alice);
    await hook.attempted(1);
    await hook.take(1);
    const before = await hook.show();
    for (let n = 0; n < 3; n += 1) await create(alice);
    await sweep();
    assert.deepEqual(eventsOf(await other.take(4)), await logged(alice));
    assert.deepEqual(hook.receiver.deliveries, []);
    assert.deepEqual(await hook.show(), { ...before, behind: 4 });
  });

  test("needs no sweep: the next attempt comes by itself when its time has come", async () => {
    const alice = await account();
    const hook = await endpoint(alice);
    await hook.set("failures = 2, failing_since = unixepoch(), next_attempt_at = unixepoch() + 1");
    await create(alice);
    assert.deepEqual(eventsOf(await hook.take(1)), await logged(alice));
  });
});

describe("Retry-After", () => {
  /** The delay after a failure with this header, of an endpoint whose schedule says 2 hours. */
  const assertAfter = async (header: string, seconds: number, code = 429) => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: status(code, { "retry-after": header }) });
    await hook.set("failures = 3");
    await assertDelay(hook, () => create(alice), seconds);
  };
  const SCHEDULED = SCHEDULE[3]!;

  test("in seconds takes the place of the delay, whatever the status of the failure", async () => {
    for (const code of [429, 503, 500, 302]) await assertAfter("60", 60, code);
  });

  test("is at least 5 seconds and at most a day", async () => {
    await assertAfter("0", 5);
    await assertAfter("4", 5);
    await assertAfter("86400", DAY);
    await assertAfter("86401", DAY);
    await assertAfter("99999999999999999999", DAY);
  });

  test("can be a date", async () => {
    for (const [seconds, expected] of [
      [600, 600],
      [2 * DAY, DAY],
      [-600, 5],
    ] as const) {
      const alice = await account();
      const hook = await endpoint(alice);
      // A date is a time and no delay: the time that the test takes does not count.
      const at = Math.ceil(Date.now() / 1000) + seconds;
      hook.receiver.reply = status(503, { "retry-after": new Date(1000 * at).toUTCString() });
      await hook.set("failures = 3");
      const before = await now();
      await create(alice);
      await hook.attempted(1);
      const after = await now();
      const { next_attempt_at } = await hook.show();
      const bounds =
        expected === seconds
          ? [at - 1, after + Math.ceil(JITTER * (at - before))]
          : [before + expected, after + Math.ceil(JITTER * expected)];
      assert.ok(bounds[0]! <= next_attempt_at && next_attempt_at <= bounds[1]!, `${next_attempt_at} not in ${bounds}`);
    }
  });

  test("that is neither is ignored", async () => {
    for (const header of ["soon", "", "-5", "1.5", "1e3", "0x10", "5 s", "5, 6", "tomorrow"])
      await assertAfter(header, SCHEDULED);
  });

  test("of a success is ignored", async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: status(200, { "retry-after": "3600" }) });
    for (let n = 0; n < 3; n += 1) await create(alice);
    assert.deepEqual(eventsOf(await hook.take(3)), await logged(alice));
  });
});

describe("an endpoint is disabled", () => {
  test("at once by a 410, and gets everything from there on when it is enabled again", async () => {
    const alice = await account();
    const [hook, other] = [await endpoint(alice), await endpoint(alice)];
    await create(alice);
    await hook.take(1);
    const { last_event_id } = await hook.upToDate();
    hook.receiver.reply = status(410, { "retry-after": "60" });
    await create(alice);
    await hook.take(1);
    const gone = await hook.until(({ status }) => status === "disabled");
    assertWebhook(gone, { disabled_reason: "gone", last_event_id, behind: 1, next_attempt_at: null });
    for (let n = 0; n < 3; n += 1) await create(alice);
    await sweep();
    const ids = await logged(alice);
    assert.deepEqual(eventsOf(await other.take(5)), ids);
    assert.deepEqual(hook.receiver.deliveries, []);
    hook.receiver.reply = status(200);
    assertWebhook((await alice.put(hook.path, "status=enabled")).json, { status: "enabled", behind: 4 });
    assert.deepEqual(eventsOf(await hook.take(4)), ids.slice(1));
  });

  test("after five days of failures, not before, and misses nothing when it is enabled again", async () => {
    const alice = await account();
    const [hook, other] = [await endpoint(alice, { reply: status(500) }), await endpoint(alice)];
    await create(alice);
    await hook.attempted(1);
    await hook.set(`failing_since = unixepoch() - ${5 * DAY - 120}`);
    await hook.due();
    await hook.attempted(2);
    assertWebhook(await hook.show(), { status: "enabled" });
    await hook.set(`failing_since = unixepoch() - ${5 * DAY}`);
    await hook.due();
    const failing = await hook.until(({ status }) => status === "disabled");
    assertWebhook(failing, { disabled_reason: "failing", behind: 1, last_event_id: START, next_attempt_at: null });
    assert.ok(failing.failing_since <= (await now()) - 5 * DAY);

    await fill(alice, 120);
    await create(alice);
    await sweep();
    const ids = await logged(alice);
    assert.equal(ids.length, 122);
    assert.deepEqual(eventsOf(await other.take(122)), ids);
    hook.receiver.reply = status(200);
    hook.receiver.deliveries.length = 0;
    const enabled = (await alice.put(hook.path, "status=enabled")).json;
    assertWebhook(enabled, { status: "enabled", disabled_reason: null, failing_since: null, behind: 122 });
    assert.deepEqual(eventsOf(await hook.take(122)), ids);
    assertWebhook(await hook.upToDate(), { last_event_id: ids.at(-1) });
  });

  test("by nothing else: a success after almost five days begins anew", async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: status(500) });
    await create(alice);
    await hook.attempted(1);
    await hook.set(`failing_since = unixepoch() - ${6 * DAY}, ${LATER}`);
    hook.receiver.reply = status(200);
    await hook.due();
    assertWebhook(await hook.upToDate(), { status: "enabled", failing_since: null });
    hook.receiver.reply = status(500);
    await create(alice);
    await hook.attempted(3);
    assertWebhook(await hook.show(), { status: "enabled" });
  });
});
