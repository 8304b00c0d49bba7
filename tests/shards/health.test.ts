// GET /health with three databases.

import "../support/three_databases.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { SHARDS } from "../support/configuration.ts";
import { assertError } from "../support/expectations.ts";
import { send } from "../support/http.ts";
import { COLLECTION } from "../support/paths.ts";
import { accountIn } from "./accounts.ts";

const LOST = "D1_ERROR: Network connection lost.";

test("GET /health is a 200 while all databases answer, each of which is asked once", async () => {
  const { status, json, databases, cost } = await send("GET", "/health");
  assert.deepEqual([status, json.status], [200, "ok"]);
  assert.deepEqual(databases.toSorted(), ["DB", "DB_1", "DB_2"]);
  assert.deepEqual(cost, { calls: 3, rowsRead: 0, rowsWritten: 0 });
});

for (const { binding } of SHARDS) {
  test(`GET /health is a 503 that names ${binding} when it does not answer, and a 200 when it answers again`, async () => {
    const failing = { "x-test-d1-of": binding, "x-test-d1-failure": LOST };
    const answer = await send("GET", "/health", failing);
    assertError(answer, 503, "database_unavailable");
    assert.equal(answer.headers["retry-after"], "5");
    assert.match(answer.json.message, new RegExp(`^No answer from: ${binding}\\.`));
    assert.equal(answer.log.cause, binding);
    assert.equal((await send("HEAD", "/health", failing)).status, 503);
    assert.equal((await send("GET", "/health")).status, 200);
  });
}

test("a database that does not answer fails the requests of its accounts, and no others", async () => {
  for (const { binding } of SHARDS) {
    for (const shard of SHARDS) {
      const caller = await accountIn(shard);
      const answer = await caller.get(COLLECTION, undefined, { "x-test-d1-of": binding, "x-test-d1-failure": LOST });
      assert.equal(answer.status, shard.binding === binding ? 503 : 200, `${shard.binding} while ${binding} is down`);
    }
  }
});
