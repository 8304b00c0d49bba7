// POST /v1/webhooks. Which URLs it takes: urls.test.ts; what the endpoint then gets: delivery.test.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import {
  assertError,
  assertWebhook,
  assertWebhookWithSecret,
  idsOf,
  now,
  WEBHOOK_FIELDS,
} from "../support/expectations.ts";
import { api, type Headers, keyed } from "../support/http.ts";
import { item, WEBHOOKS, webhookItem } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { ALL, randomId } from "../support/tokens.ts";
import { endpoint, logged, START, TYPES } from "./endpoint.ts";

const url = NOWHERE;

test("a new endpoint is a 201 with the object, its secret and its Location, which no cache stores", async () => {
  const alice = await account();
  const before = now();
  const { status, json, text, headers } = await alice.post(WEBHOOKS, {
    url,
    types: ["message.created"],
    description: "The shop's CRM",
  });
  const after = now();
  assert.equal(status, 201, text);
  assertWebhookWithSecret(json, {
    url,
    types: ["message.created"],
    description: "The shop's CRM",
    status: "enabled",
    disabled_reason: null,
    last_event_id: START,
    behind: 0,
    failing_since: null,
    next_attempt_at: null,
  });
  assert.match(json.id, /^[0-9A-Za-z]{16}$/);
  assert.ok(before <= json.created_at && json.created_at <= after);
  assert.equal(headers.location, webhookItem(json.id));
  assert.equal(headers["cache-control"], "private, no-store");
  const { secret, ...shown } = json;
  const retrieved = await alice.get(String(headers.location));
  assert.deepEqual(retrieved.json, shown);
  assert.equal(retrieved.headers.etag, headers.etag);
});

test("without types and description they are null: all types; null and an empty form value say the same", async () => {
  const alice = await account();
  for (const attributes of [
    { url },
    { url, types: null, description: null },
    `url=${url}`,
    `url=${url}&types=&description=`,
  ])
    assertWebhookWithSecret((await alice.post(WEBHOOKS, attributes)).json, { types: null, description: null });
});

test("a form and JSON mean the same", async () => {
  const alice = await account();
  for (const attributes of [
    `url=${encodeURIComponent(`${url}?a=b&c`)}&types=message.created+message.deleted&description=a+b`,
    { url: `${url}?a=b&c`, types: ["message.created", "message.deleted"], description: "a b" },
  ]) {
    const { status, json, text } = await alice.post(WEBHOOKS, attributes);
    assert.equal(status, 201, text);
    assertWebhookWithSecret(json, {
      url: `${url}?a=b&c`,
      types: ["message.created", "message.deleted"],
      description: "a b",
    });
  }
});

test("types are returned in one order, whatever the order in the request", async () => {
  const alice = await account();
  await sql("UPDATE accounts SET max_webhooks = 100 WHERE id = ?", alice.id);
  for (let bits = 1; bits < 1 << TYPES.length; bits += 1) {
    const types = TYPES.filter((_, n) => bits & (1 << n));
    const { json } = await alice.post(WEBHOOKS, { url, types: types.toReversed() });
    assert.deepEqual(json.types, types);
  }
});

test("types that do not exist, come twice, or are no list of strings are a 400", async () => {
  const alice = await account();
  for (const types of [
    [],
    [""],
    ["message.read"],
    ["message"],
    ["Message.created"],
    [" message.created"],
    ["message.created message.updated"],
    ["message.created", "message.created"],
    ["message.created", null],
    ["message.created", ["message.updated"]],
    ["webhook.ping"],
    ["*"],
    "message.created",
    "",
    true,
    1,
    { type: "message.created" },
  ])
    assertError(await alice.post(WEBHOOKS, { url, types }), 400, "parameter_invalid", "types");
  for (const types of [
    "message.read",
    "+",
    "+message.created",
    "message.created+",
    "message.created++message.updated",
    "message.created,message.updated",
    "message.created+message.created",
    "message.created%09message.updated",
    "%5B%22message.created%22%5D",
    "null",
  ])
    assertError(await alice.post(WEBHOOKS, `url=${url}&types=${types}`), 400, "parameter_invalid", "types");
  assert.deepEqual(idsOf(await alice.get(WEBHOOKS)), []);
});

test("a description is a line of 1 to 100 printable characters", async () => {
  const alice = await account();
  for (const description of [
    "a",
    "é".repeat(100),
    "😀".repeat(100),
    " a ",
    "'; DROP TABLE webhooks; --",
    '"\\',
    "日本語",
  ]) {
    const { status, json, text } = await alice.post(WEBHOOKS, { url, description });
    assert.equal(status, 201, text);
    assert.equal(json.description, description);
    assert.equal((await alice.get(webhookItem(json.id))).json.description, description);
  }
  for (const description of [
    "",
    " ",
    "a\nb",
    "a\0",
    "\u202Eabc",
    "a\u200Bb",
    "x".repeat(101),
    "é".repeat(101),
    1,
    true,
    [],
  ])
    assertError(await alice.post(WEBHOOKS, { url, description }), 400, "parameter_invalid", "description");
});

test("url is required", async () => {
  const alice = await account();
  for (const attributes of [undefined, "", {}, { types: null }, "description=x"])
    assertError(await alice.post(WEBHOOKS, attributes), 400, "parameter_missing", "url");
});

test("an endpoint begins at now: its position is the newest event", async () => {
  const alice = await account();
  for (let n = 0; n < 3; n += 1) {
    await alice.client.conversations.create({ contact_id: "bob" });
    const { json } = await alice.post(WEBHOOKS, { url });
    assertWebhookWithSecret(json, { last_event_id: (await logged(alice)).at(-1), behind: 0 });
  }
});

test("every secret is different, is in one response only, and the database does not hold it", async () => {
  const alice = await account();
  const answers = await Promise.all(Array.from({ length: 20 }, () => alice.post(WEBHOOKS, { url }, keyed(randomId()))));
  const secrets = answers.map(({ json }) => json.secret.slice("whsec_".length, -1));
  assert.deepEqual([new Set(secrets).size, new Set(answers.map(({ json }) => json.id)).size], [20, 20]);
  for (const path of [`${WEBHOOKS}?limit=100`, webhookItem(answers[0]!.json.id)]) {
    const { text } = await alice.get(path);
    assert.ok(text.includes(answers[0]!.json.id) && !text.includes("secret"), path);
  }
  const tables = await sql(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  );
  assert.ok(tables.some(({ name }) => name === "webhooks"));
  for (const { name } of tables) {
    const rows = JSON.stringify(await sql(`SELECT * FROM ${name}`));
    for (const secret of secrets) assert.ok(!rows.includes(secret), String(name));
  }
});

test("sent again with its key a request makes one endpoint, and both answers have the same secret", async () => {
  const alice = await account();
  const create = (attributes: Record<string, unknown>) => alice.post(WEBHOOKS, attributes, keyed("a"));
  const first = await create({ url });
  assert.equal(first.headers["idempotent-replayed"], undefined);
  const second = await create({ url });
  assert.deepEqual([second.status, second.text, second.headers["idempotent-replayed"]], [201, first.text, "true"]);
  assert.deepEqual(idsOf(await alice.get(WEBHOOKS)), [first.json.id]);
  assertError(await create({ url: `${url}2` }), 422, "idempotency_key_reused", "Idempotency-Key");
});

test("simultaneous requests with one key make one endpoint", async () => {
  const alice = await account();
  const answers = await Promise.all(Array.from({ length: 10 }, () => alice.post(WEBHOOKS, { url }, keyed("a"))));
  assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1);
  assert.deepEqual(idsOf(await alice.get(WEBHOOKS)), [answers[0]!.json.id]);
});

test("a token without webhooks:write cannot make endpoints, and webhooks:write alone is enough", async () => {
  const owner = await account();
  const answer = await api(await grant(owner.id, { scopes: ALL & ~64 })).post(WEBHOOKS, { url });
  assertError(answer, 403, "scope_insufficient");
  assert.match(String(answer.headers["www-authenticate"]), /scope="webhooks:write"/);
  const { status, json } = await api(await grant(owner.id, { scopes: 64 })).post(WEBHOOKS, { url });
  assert.deepEqual([status, Object.keys(json)], [201, [...WEBHOOK_FIELDS, "secret"]]);
});

test("another account's endpoint is a 404, and a conversation's id too", async () => {
  const [alice, bob] = [await account(), await account()];
  const { id } = (await alice.post(WEBHOOKS, { url })).json;
  assertError(await bob.get(webhookItem(id)), 404, "resource_missing");
  assertError(await alice.get(webhookItem(await alice.insert())), 404, "resource_missing");
  assertError(await alice.get(item(id)), 404, "resource_missing");
  assert.deepEqual(idsOf(await bob.get(WEBHOOKS)), []);
});

test("two endpoints can have the same URL, and each gets every event", async () => {
  const alice = await account();
  const first = await endpoint(alice);
  const { json } = await alice.post(WEBHOOKS, { url: first.receiver.url });
  assertWebhook((await alice.get(webhookItem(json.id))).json, { url: first.receiver.url });
  await alice.client.conversations.create({ contact_id: "bob" });
  const [one, two] = await first.receiver.take(2);
  assert.equal(one!.id, two!.id);
});

describe("the quota of endpoints", () => {
  const limited = async (max_webhooks: number) => {
    const alice = await account();
    await sql("UPDATE accounts SET max_webhooks = ? WHERE id = ?", max_webhooks, alice.id);
    return alice;
  };
  const create = (alice: Account, headers: Headers = {}) => alice.post(WEBHOOKS, { url }, headers);
  const count = async ({ id }: Account) =>
    (await sql("SELECT count(*) AS n FROM webhooks WHERE account_id = ?", id))[0]!.n;

  test("is 50, and the 51st is a 403 that says what to do and writes nothing", async () => {
    const alice = await account();
    for (let n = 0; n < 50; n += 1) assert.equal((await create(alice)).status, 201);
    const before = await alice.everything();
    const answer = await create(alice);
    assertError(answer, 403, "quota_exceeded");
    assert.match(answer.json.message, /\b50\b.*operator/);
    assert.equal(answer.headers["www-authenticate"], undefined);
    assert.deepEqual([await count(alice), await alice.everything()], [50, before]);
  });

  test("holds under simultaneous creations, with keys and without", async () => {
    for (const headers of [() => ({}), () => keyed(randomId())]) {
      const alice = await limited(5);
      const answers = await Promise.all(Array.from({ length: 20 }, () => create(alice, headers())));
      assert.equal(answers.filter(({ status }) => status === 201).length, 5);
      for (const answer of answers.filter(({ status }) => status !== 201)) assertError(answer, 403, "quota_exceeded");
      assert.equal(await count(alice), 5);
    }
  });

  test("counts disabled endpoints too, and a deletion makes room", async () => {
    const alice = await limited(1);
    const { json } = await create(alice);
    assert.equal((await alice.put(webhookItem(json.id), "status=disabled")).status, 200);
    assertError(await create(alice), 403, "quota_exceeded");
    assert.equal((await alice.delete(webhookItem(json.id))).status, 204);
    assert.equal((await create(alice)).status, 201);
  });

  test("does not limit what exists, and other accounts have their own", async () => {
    const [alice, bob] = [await account(), await limited(1)];
    const { json } = await create(alice);
    await sql("UPDATE accounts SET max_webhooks = 0 WHERE id = ?", alice.id);
    assertError(await create(alice), 403, "quota_exceeded");
    assert.equal((await create(bob)).status, 201);
    assert.equal((await alice.put(webhookItem(json.id), "description=x")).status, 200);
    assert.equal((await alice.get(WEBHOOKS)).status, 200);
  });
});
