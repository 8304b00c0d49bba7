// Webhooks need the Worker's secret WEBHOOK_KEY. Without it everything else works.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { COLLECTION, EVENTS, NO_ID, TOKEN_COLLECTION } from "../support/paths.ts";
import { newToken } from "../support/tokens.ts";
import { attempts, PUBLIC_URL, pings, rotation, WEBHOOKS, webhook } from "./endpoint.ts";

/** No key, and one that is too short to be one. */
const WITHOUT = ["", "x".repeat(31)].map((key) => ({ "x-test-webhook-key": key }));

test("without WEBHOOK_KEY every endpoint of webhooks is a 503 that names it, and changes nothing", async () => {
  const alice = await account();
  const { json } = await alice.post(WEBHOOKS, { url: PUBLIC_URL });
  const before = (await alice.get(webhook(json.id))).json;
  for (const headers of WITHOUT)
    for (const id of [json.id, NO_ID])
      for (const answer of [
        await alice.get(WEBHOOKS, undefined, headers),
        await alice.post(WEBHOOKS, { url: PUBLIC_URL }, headers),
        await alice.get(webhook(id), undefined, headers),
        await alice.put(webhook(id), "status=disabled", headers),
        await alice.patch(webhook(id), "status=disabled", headers),
        await alice.delete(webhook(id), undefined, headers),
        await alice.post(rotation(id), undefined, headers),
        await alice.post(pings(id), undefined, headers),
        await alice.get(attempts(id), undefined, headers),
      ]) {
        assertError(answer, 503, "webhooks_unavailable");
        assert.match(answer.json.message, /WEBHOOK_KEY/);
      }
  assert.deepEqual((await alice.get(webhook(json.id))).json, before);
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
    alice.post(WEBHOOKS, { url: PUBLIC_URL }, { "x-test-webhook-key": key.repeat(32), "Idempotency-Key": "a" });
  const [first, second] = [await create("a"), await create("b")];
  assert.deepEqual([first.status, second.status, second.json.id], [201, 201, first.json.id], first.text + second.text);
  assert.notEqual(first.json.secret, second.json.secret);
});
