// What an endpoint gets: every event after its creation, in the order of the log, one at a time. When a receiver fails:
// failures.test.ts. When the service does: recovery.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { api } from "../support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, secretRotation, webhookItem } from "../support/paths.ts";
import { sweep } from "../support/sweep.ts";
import { ALL, MESSAGES_READ, READ } from "../support/tokens.ts";
import { type Endpoint, endpoint, eventsOf, log, logged, START, TYPES } from "./endpoint.ts";
import { isSignedWith, never, status } from "./receiver.ts";

/** Every kind of change once, in the order of `TYPES` but for the deletions. Returns the types in order. */
async function change(alice: Account): Promise<string[]> {
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  const message = await alice.say(id);
  const answers = [
    await alice.put(item(id), "is_muted=true"),
    await alice.put(messageItem(message.id), "message=Corrected"),
    await alice.delete(messageItem(message.id)),
    await alice.delete(item(id)),
  ];
  for (const { status, text } of answers) assert.ok(status < 300, text);
  return [
    "conversation.created",
    "message.created",
    "conversation.updated",
    "message.updated",
    "message.deleted",
    "conversation.deleted",
  ];
}

test("a change is delivered at once, signed, with the event as GET /v1/events shows it", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const before = Math.floor(Date.now() / 1000);
  await alice.post(COLLECTION, "contact_id=bob");
  const [delivery] = await hook.take(1);
  const after = Math.ceil(Date.now() / 1000);
  const [event = ""] = await log(alice);
  const { id, type, created_at } = JSON.parse(event);
  const timestamp = new Date(1000 * created_at).toISOString().replace(".000Z", "Z");
  assert.equal(delivery!.body, `{"type":"${type}","timestamp":"${timestamp}","data":${event}}`);
  assert.deepEqual([delivery!.method, delivery!.path, type], ["POST", "/hook", "conversation.created"]);
  const { headers } = delivery!;
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers["user-agent"], "Conversations-Webhooks/1");
  assert.equal(headers["webhook-id"], id);
  assert.match(String(headers["webhook-timestamp"]), /^\d+$/);
  const at = Number(headers["webhook-timestamp"]);
  assert.ok(before <= at && at <= after, `${at} is not from ${before} to ${after}`);
  assert.match(String(headers["webhook-signature"]), /^v1,[0-9A-Za-z+/]{43}=$/);
});

test("a body that was changed on its way, and another endpoint's secret, do not verify", async () => {
  const alice = await account();
  const [hook, other] = [await endpoint(alice), await endpoint(alice)];
  await alice.post(COLLECTION, "contact_id=bob");
  const [delivery] = await hook.take(1);
  const [secret, wrong] = [hook.secrets[0]!, other.secrets[0]!];
  assert.equal(isSignedWith(secret, delivery!), true);
  assert.equal(isSignedWith(wrong, delivery!), false);
  assert.equal(isSignedWith(secret, { ...delivery!, body: delivery!.body.replace("bob", "eve") }), false);
  for (const name of ["webhook-id", "webhook-timestamp"]) {
    const headers = { ...delivery!.headers, [name]: name === "webhook-id" ? START : "1" };
    assert.equal(isSignedWith(secret, { ...delivery!, headers }), false, name);
  }
});

test("every type of change is delivered, each with an id of its own", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const types = await change(alice);
  const deliveries = await hook.take(types.length);
  assert.deepEqual(
    deliveries.map(({ json }) => [json.type, json.data.type]),
    types.map((type) => [type, type]),
  );
  assert.deepEqual(eventsOf(deliveries), await logged(alice));
  assert.deepEqual([...types].sort(), [...TYPES].sort());
});

test("only the types that were asked for are delivered, and the position passes over the others", async () => {
  const alice = await account();
  const asked = ["conversation.deleted", "message.created"];
  const [some, all] = [await endpoint(alice, { types: asked }), await endpoint(alice)];
  const types = [...(await change(alice)), ...(await change(alice))];
  const wanted = types.filter((type) => asked.includes(type));
  assert.deepEqual(
    (await some.take(wanted.length)).map(({ json }) => json.type),
    wanted,
  );
  await all.take(types.length);
  // The last two changes are of other types.
  await alice.client.conversations.create({ contact_id: "carol" });
  const { id } = await alice.client.conversations.create({ contact_id: "carol" });
  const [, last] = await all.take(2);
  await sweep();
  const { behind } = await some.until(({ last_event_id }) => last_event_id === last!.id);
  assert.equal(behind, 0);
  await alice.say(id);
  assert.equal((await some.take(1))[0]!.json.data.conversation_id, id);
});

test("an endpoint gets what changes after its creation, and nothing from before", async () => {
  const alice = await account();
  await alice.client.conversations.create({ contact_id: "bob" });
  const hook = await endpoint(alice);
  const { id } = await alice.client.conversations.create({ contact_id: "carol" });
  const [delivery] = await hook.take(1);
  assert.equal(delivery!.json.data.conversation_id, id);
  const [, second = ""] = await logged(alice);
  assert.equal((await hook.upToDate()).last_event_id, second);
});

test("a hundred changes at once arrive in the order of the log, each once, one at a time", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  await Promise.all(
    Array.from({ length: 100 }, (_, n) => (n % 2 ? alice.say(id) : alice.post(COLLECTION, "contact_id=bob"))),
  );
  const deliveries = await hook.take(101);
  assert.deepEqual(eventsOf(deliveries), await logged(alice));
  await hook.upToDate();
  assert.deepEqual(hook.receiver.deliveries, []);
  assert.equal(hook.receiver.most, 1);
});

test("while the receiver has not answered, the next event is not sent", async () => {
  const alice = await account();
  const [hook, other] = [await endpoint(alice, { reply: never }), await endpoint(alice)];
  for (let n = 0; n < 5; n += 1) await alice.client.conversations.create({ contact_id: "bob" });
  await other.take(5);
  const [first, ...rest] = await logged(alice);
  const [delivery] = await hook.take(1);
  assert.equal(delivery!.id, first);
  assert.deepEqual([(await hook.show()).behind, hook.receiver.deliveries], [5, []]);
  hook.receiver.reply = status(200);
  delivery!.answer(200);
  assert.deepEqual(eventsOf(await hook.take(4)), rest);
  assert.equal(hook.receiver.most, 1);
});

test("endpoints do not wait for each other: one that hangs and one that fails delay no other", async () => {
  const alice = await account();
  const stuck = [
    await endpoint(alice, { reply: never }),
    await endpoint(alice, { reply: status(500) }),
    await endpoint(alice, { reply: (response) => response.socket!.destroy() }),
  ];
  const healthy = await Promise.all(Array.from({ length: 10 }, () => endpoint(alice)));
  for (let n = 0; n < 20; n += 1) await alice.client.conversations.create({ contact_id: "bob" });
  const ids = await logged(alice);
  for (const hook of healthy) assert.deepEqual(eventsOf(await hook.take(20)), ids);
  for (const hook of stuck) assert.deepEqual((await hook.show()).behind, 20);
});

test("an endpoint that is tried again in an hour delays no other, however many have something due", async () => {
  const alice = await account();
  const stuck = await endpoint(alice, { reply: status(503, { "Retry-After": "3600" }) });
  const healthy = await Promise.all(Array.from({ length: 49 }, () => endpoint(alice)));
  const ids: string[] = [];
  for (let n = 0; n < 10; n += 1) {
    await alice.client.conversations.create({ contact_id: "bob" });
    ids.push(...(await logged(alice)).slice(ids.length));
    for (const hook of healthy) assert.deepEqual(eventsOf(await hook.take(1)), ids.slice(-1));
  }
  assert.equal((await stuck.show()).behind, 10);
});

test("accounts do not wait for each other, and none gets another's events", async () => {
  const [alice, bob] = [await account(), await account()];
  const stuck = await endpoint(alice, { reply: never });
  const hook = await endpoint(bob);
  await alice.client.conversations.create({ contact_id: "carol" });
  await stuck.take(1);
  const { id } = await bob.client.conversations.create({ contact_id: "carol" });
  const [delivery] = await hook.take(1);
  assert.equal(delivery!.json.data.conversation_id, id);
  await hook.upToDate();
  assert.deepEqual(hook.receiver.deliveries, []);
});

test("an event has its objects as they are when it is sent", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { reply: never });
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  const message = await alice.say(id);
  const gone = await alice.say(id);
  const [first] = await hook.take(1);
  await alice.put(item(id), "is_pinned=true");
  await alice.put(messageItem(message.id), "message=Corrected");
  await alice.delete(messageItem(gone.id));
  const conversation = (await alice.get(item(id))).json;
  const events = (await log(alice)).slice(1);
  hook.receiver.reply = status(200);
  first!.answer(200);
  const deliveries = await hook.take(5);
  assert.deepEqual(
    deliveries.map(({ json }) => JSON.stringify(json.data)),
    events,
  );
  assert.deepEqual(
    deliveries.map(({ json: { data } }) => [data.conversation, data.message?.message ?? null]),
    [
      [conversation, "Corrected"],
      [conversation, null],
      [conversation, null],
      [conversation, "Corrected"],
      [conversation, null],
    ],
  );
});

test("a receiver gets only the objects that the token which set its URL may read", async () => {
  const alice = await account();
  const WEBHOOKS_WRITE = 64;
  const cases = [
    [WEBHOOKS_WRITE, false, false],
    [WEBHOOKS_WRITE | READ, true, false],
    [WEBHOOKS_WRITE | MESSAGES_READ, false, true],
    [ALL, true, true],
  ] as const;
  const hooks = await Promise.all(
    cases.map(async ([scopes]) => endpoint(api(await grant(alice.id, { scopes })) as Account)),
  );
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  const message = await alice.say(id);
  const check = async (hook: Endpoint, mayConversation: boolean, mayMessage: boolean, count: number) => {
    const deliveries = await hook.take(count);
    const { data } = deliveries.at(-1)!.json;
    assert.deepEqual(
      [data.conversation_id, data.message_id, data.conversation?.id ?? null, data.message?.message ?? null],
      [id, message.id, mayConversation ? id : null, mayMessage ? "Hello" : null],
    );
  };
  for (const [n, [, mayConversation, mayMessage]] of cases.entries())
    await check(hooks[n]!, mayConversation, mayMessage, 2);

  // Another token sets the URL: what it may read counts from then on. Other attributes leave it as it was.
  const [weak] = hooks;
  const strong = { url: weak!.receiver.url };
  assert.equal((await alice.put(webhookItem(weak!.id), "description=x")).status, 200);
  await alice.put(messageItem(message.id), { read_at: 5 });
  await check(weak!, false, false, 1);
  assert.equal((await alice.put(webhookItem(weak!.id), strong)).status, 200);
  await alice.put(messageItem(message.id), { read_at: 6 });
  await check(weak!, true, true, 1);
});

test("a change by a token that was made after the endpoint is delivered at once too", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const later = api(await grant(alice.id));
  const { json } = await later.post(COLLECTION, "contact_id=bob");
  assert.equal((await hook.take(1))[0]!.json.data.conversation_id, json.id);
});

test("a change is still delivered at once after a listener of the log has left", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  assert.equal((await alice.get("/v1/events?starting_after=now&wait=1")).status, 200);
  // Rings without a listener: the account stays watched.
  for (let n = 0; n < 3; n += 1) {
    const { id } = await alice.client.conversations.create({ contact_id: "bob" });
    assert.equal((await hook.take(1))[0]!.json.data.conversation_id, id);
    await hook.upToDate();
  }
  const [{ watched } = {}] = await sql("SELECT min(is_watched) AS watched FROM tokens WHERE account_id = ?", alice.id);
  assert.equal(watched, 1);
});

test("a change by an event's receiver, while it answers, is delivered too", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { types: ["conversation.created", "message.created"] });
  hook.receiver.reply = async (response, { json }) => {
    if (json.type === "conversation.created") await alice.say(json.data.conversation_id);
    response.writeHead(204).end();
  };
  await alice.client.conversations.create({ contact_id: "bob" });
  assert.deepEqual(
    (await hook.take(2)).map(({ json }) => json.type),
    ["conversation.created", "message.created"],
  );
});

test("until the grace period of a rotation ends, deliveries have the signatures of both secrets", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const { json } = await alice.post(secretRotation(hook.id), "grace_period=60");
  hook.secrets = [json.secret, ...hook.secrets];
  await alice.client.conversations.create({ contact_id: "bob" });
  const [both] = await hook.take(1);
  const [first = "", second = ""] = String(both!.headers["webhook-signature"]).split(" ");
  const only = (signature: string) => ({ ...both!, headers: { ...both!.headers, "webhook-signature": signature } });
  const [newer = "", older = ""] = hook.secrets;
  assert.deepEqual(
    [first, second].map((signature) => [isSignedWith(newer, only(signature)), isSignedWith(older, only(signature))]),
    [
      [true, false],
      [false, true],
    ],
  );

  await hook.set("previous_until = unixepoch()");
  hook.secrets = [newer];
  await alice.client.conversations.create({ contact_id: "bob" });
  await hook.take(1);
});

test("with a grace period of 0 only the new secret signs, from the next delivery on", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const [old = ""] = hook.secrets;
  hook.secrets = [(await alice.post(secretRotation(hook.id), "grace_period=0")).json.secret];
  await alice.client.conversations.create({ contact_id: "bob" });
  const [delivery] = await hook.take(1);
  assert.equal(isSignedWith(old, delivery!), false);
});

test("a second rotation within the grace period leaves the two newest secrets", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  for (let n = 0; n < 2; n += 1) {
    const { json } = await alice.post(secretRotation(hook.id));
    hook.secrets = [json.secret, hook.secrets[0]!];
  }
  await alice.client.conversations.create({ contact_id: "bob" });
  await hook.take(1);
});

test("any 2xx is a success, whatever its body", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const statuses = [200, 201, 202, 203, 204, 205, 206, 299];
  for (const code of statuses) {
    hook.receiver.reply = status(code, { "content-type": "text/html" }, [204, 205].includes(code) ? "" : "<p>thanks");
    await alice.client.conversations.create({ contact_id: "bob" });
    await hook.take(1);
    const { failing_since } = await hook.upToDate();
    assert.equal(failing_since, null, String(code));
  }
  assert.deepEqual(
    (await hook.attempted(statuses.length)).map(({ status, error }) => [status, error]),
    statuses.toReversed().map((code) => [code, null]),
  );
});

test("large texts arrive whole", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { types: ["message.created"] });
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  for (const text of ["語".repeat(10_000), "😀".repeat(5000), '"\\\u2028'.repeat(3000)]) {
    const { status, text: answer } = await alice.post(MESSAGES, { conversation_id: id, message: text });
    assert.equal(status, 201, answer);
    assert.equal((await hook.take(1))[0]!.json.data.message.message, text);
  }
});
