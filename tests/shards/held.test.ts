// An account that is held: its move to another database takes the last step. Requests get a 503 and do nothing.

import "../support/three_databases.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { home } from "../support/configuration.ts";
import { sql } from "../support/database.ts";
import { assertError } from "../support/expectations.ts";
import { api, keyed } from "../support/http.ts";
import { COLLECTION, MESSAGES } from "../support/paths.ts";
import { canBeKeyed, REQUESTS, send, world } from "../support/requests.ts";
import { sweep } from "../support/sweep.ts";
import { READ } from "../support/tokens.ts";
import { endpoint } from "../webhooks/endpoint.ts";
import { accountIn, FIRST, hold, SECOND } from "./accounts.ts";

const place = ({ id }: { id: number }) => ({ id, shard: home });
const release = (id: number) =>
  Promise.all([
    sql("UPDATE tokens SET scopes = held_scopes, held_scopes = NULL WHERE account_id = ?", id),
    sql("UPDATE webhooks SET is_held = 0 WHERE account_id = ?", id),
    sql("UPDATE accounts SET held_at = NULL WHERE id = ?", id),
  ]);

test("every request of an account that is held is a 503 with Retry-After, and changes nothing", async () => {
  const here = await world();
  await hold(place(here.account));
  const before = await here.account.everything();
  for (const request of REQUESTS) {
    for (const headers of [{}, ...(canBeKeyed(request) ? [keyed("a")] : [])]) {
      const answer = await send(here, request, headers);
      assertError(answer, 503, "database_unavailable");
      assert.equal(answer.headers["retry-after"], "1", request.name);
      assert.equal(answer.cost.rowsWritten, 0, request.name);
    }
  }
  assert.deepEqual(await here.account.everything(), before);
});

test("a request that waited is done once its account is released, also with the key of the refused one", async () => {
  const alice = await account();
  await hold(place(alice));
  const create = () => alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  assert.equal((await create()).status, 503);
  await release(alice.id);
  const answer = await create();
  assert.deepEqual([answer.status, answer.headers["idempotent-replayed"]], [201, undefined]);
  assert.equal((await alice.contents()).conversations.length, 1);
});

test("while one account is held the others go on", async () => {
  const [alice, bob] = [await account(), await account()];
  const [carol, dave] = [await accountIn(FIRST), await accountIn(SECOND)];
  await hold(place(alice));
  for (const caller of [bob, carol, dave]) assert.equal((await caller.post(COLLECTION, "contact_id=erin")).status, 201);
  assert.equal((await alice.get(COLLECTION)).status, 503);
});

test("every token of an account that is held gets the 503, and those that are not valid a 401", async () => {
  const alice = await account();
  const [narrow, revoked, expired] = [
    api(await grant(alice.id, { scopes: READ })),
    api(await grant(alice.id, { revoked_at: 1 })),
    api(await grant(alice.id, { expires_at: 1 })),
  ];
  await hold(place(alice));
  assertError(await narrow.get(COLLECTION), 503, "database_unavailable");
  assertError(await narrow.get(MESSAGES), 503, "database_unavailable");
  for (const caller of [revoked, expired]) assertError(await caller.get(COLLECTION), 401, "token_invalid");
});

test("a token without the scope is a 403 in one call, and where it has the scope everything goes on", async () => {
  const alice = await account();
  const narrow = api(await grant(alice.id, { scopes: READ }));
  const refused = await narrow.get(MESSAGES);
  assertError(refused, 403, "scope_insufficient");
  assert.deepEqual([refused.databases, refused.log.d1_calls], [[home.binding], 1]);
  assert.deepEqual((await narrow.get(COLLECTION)).databases, [home.binding]);
});

test("nothing is delivered while an account is held, and all of it afterwards", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await hold(place(alice));
  await alice.insert({ contact_id: "bob" });
  await sweep();
  assert.deepEqual(hook.receiver.deliveries, []);
  await release(alice.id);
  await sweep();
  const [delivery] = await hook.take(1);
  assert.equal(JSON.parse(delivery!.body).data.conversation.contact_id, "bob");
  await hook.upToDate();
});
