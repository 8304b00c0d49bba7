// A revoked token is refused from the next request on, by whichever way it was revoked, whatever grace period it had,
// and also when the database's clock jumps back.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { revocation } from "../../scripts/tokens.ts";
import { type Account, account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, now } from "../support/expectations.ts";
import { api, type Headers } from "../support/http.ts";
import { MESSAGES, rotation, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";

const TOKEN = { name: "leaked", scopes: "messages:read tokens:write" };
const DAY = 86_400;
/** The database's clock is so many seconds ahead. */
const clock = (ahead: number): Headers => ({ "x-test-clock": String(ahead) });

interface Leaked {
  id: string;
  token: string;
}

/** Tokens as they are when they have to be revoked. */
const STATES: Record<string, (alice: Account) => Promise<Leaked>> = {
  async "a token"(alice) {
    return (await alice.post(TOKEN_COLLECTION, TOKEN)).json;
  },
  async "a token that expires"(alice) {
    const expires_at = now() + DAY;
    return (await alice.post(TOKEN_COLLECTION, { ...TOKEN, expires_at })).json;
  },
  async "a token in its grace period"(alice) {
    const { json } = await alice.post(TOKEN_COLLECTION, TOKEN);
    assert.equal((await alice.post(rotation(json.id), { grace_period: DAY })).status, 201);
    return json;
  },
};

/** What revokes a token at once. */
const REVOCATIONS: Record<string, (alice: Account, leaked: Leaked) => Promise<void>> = {
  async DELETE(alice, { id }) {
    assert.equal((await alice.delete(tokenItem(id))).status, 204);
  },
  async "its own DELETE"(_, { id, token }) {
    assert.equal((await api(token).delete(tokenItem(id))).status, 204);
  },
  async "npm run token"(_, { id }) {
    assert.deepEqual(await sql(revocation(id)), [{ id }]);
  },
  async "npm run token, twice"(_, { id }) {
    for (let i = 0; i < 2; i += 1) assert.deepEqual(await sql(revocation(id)), [{ id }]);
  },
  async "a rotation without a grace period"(alice, { id }) {
    const [row] = await sql("SELECT successor_id FROM tokens WHERE id = ?", id);
    if (row!.successor_id !== null)
      assert.equal((await alice.delete(tokenItem(String(row!.successor_id)))).status, 204);
    assert.equal((await alice.post(rotation(id), { grace_period: 0 })).status, 201);
  },
};

for (const [state, leak] of Object.entries(STATES)) {
  describe(state, () => {
    for (const [name, revoke] of Object.entries(REVOCATIONS)) {
      test(`that is revoked by ${name} opens nothing, at any time`, async () => {
        const alice = await account();
        const leaked = await leak(alice);
        const caller = api(leaked.token);
        assert.equal((await caller.get(MESSAGES)).status, 200);
        const from = now();
        await revoke(alice, leaked);
        for (const ahead of [0, -1, -3600, -365 * DAY, 3600]) {
          assertError(await caller.get(MESSAGES, undefined, clock(ahead)), 401, "token_invalid");
          assertError(await caller.post(TOKEN_COLLECTION, TOKEN, clock(ahead)), 401, "token_invalid");
          assertError(await alice.delete(tokenItem(leaked.id), undefined, clock(ahead)), 404, "resource_missing");
          assertError(await alice.post(rotation(leaked.id), undefined, clock(ahead)), 404, "resource_missing");
        }
        const { revoked_at } = (await alice.get(tokenItem(leaked.id))).json;
        assert.ok(from <= revoked_at && revoked_at <= from + 60, `${revoked_at}`);
      });
    }
  });
}

test("a revocation while the clock is behind shows the earlier time, and no later one moves it", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, TOKEN)).json;
  assert.equal((await alice.delete(tokenItem(id), undefined, clock(-3600))).status, 204);
  const shown = (await alice.get(tokenItem(id))).text;
  await sql(revocation(id));
  assert.equal((await alice.get(tokenItem(id))).text, shown);
});
