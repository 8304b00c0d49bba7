// Webhooks need the Worker's secret WEBHOOK_KEY. Without it everything else works.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import {
  attemptsOf,
  COLLECTION,
  EVENTS,
  NO_ID,
  ping,
  secretRotation,
  TOKEN_COLLECTION,
  WEBHOOKS,
  webhookItem,
} from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { newToken } from "../support/tokens.ts";

/** No key, and one that is too short to be one. */
const WITHOUT = ["", "x".repeat(31)].map((key) => ({ "x-test-webhook-key": key }));

test("without WEBHOOK_KEY every endpoint of webhooks is a 503 that names it, and changes nothing", async () => {
  const alice = await account();
  const { json } = await alice.post(WEBHOOKS, { url: NOWHERE });
  const before = (await alice.get(webhookItem(json.id))).json;
  for (const headers of WITHOUT)
    for (const id of [json.id, NO_ID])
      for (const answer of [
        await alice.get(WEBHOOKS, undefined, headers),
        await alice.post(WEBHOOKS, { url: NOWHERE }, headers),
        await alice.get(webhookItem(id), undefined, headers),
        await alice.put(webhookItem(id), "status=disabled", headers),
        await alice.patch(webhookItem(id), "status=disabled", headers),
        await alice.delete(webhookItem(id), undefined, headers),
        await alice.post(secretRotation(id), undefined, headers),
        await alice.post(ping(id), undefined, headers),
        await alice.get(attemptsOf(id), undefined, headers),
      ]) {
        assertError(answer, 503, "webhooks_unavailable");
        assert.match(answer.json.message, /WEBHOOK_KEY/);
      }
  assert.deepEqual((await alice.get(webhookItem(json.id))).json, before);
  assert.equal((await alice.get(WEBHOOKS)).json.data.length, 1);
});

test("without WEBHOOK_KEY everything else works", async () => {
  const alice = await account();
  for (const headers of WITHOUT) {
    assert.equal((await alice.post(COLLECTION, "contact_id=bob", headers)).status, 201);
    for (const path of [COLLECTION, EVENTS, TOKEN_COLLECTION, "/health"])
      assert.equal((await alice.get(path, undefined, headers)).status, 200, path);
  }
});

test("a token that is not valid is a 401 all the same", async () => {
  for (const headers of WITHOUT)
    assertError(await api(newToken()).get(WEBHOOKS, undefined, headers), 401, "token_invalid");
});

test("a key of 32 characters is enough, and with another key a retry gets another secret", async () => {
  const alice = await account();
  const create = (key: string) =>
    alice.post(WEBHOOKS, { url: NOWHERE }, { "x-test-webhook-key": key.repeat(32), "Idempotency-Key": "a" });
  const [first, second] = [await create("a"), await create("b")];
  assert.deepEqual([first.status, second.status, second.json.id], [201, 201, first.json.id], first.text + second.text);
  assert.notEqual(first.json.secret, second.json.secret);
});
