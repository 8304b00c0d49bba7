// GET /health: the health check. It needs no token, and its response contains no data of an account.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { assertError } from "./support/expectations.ts";
import { send } from "./support/http.ts";

test("GET /health is a 200 with the version of the build while D1 answers", async () => {
  const [, version] = /^version = "(.+)"/m.exec(readFileSync(new URL("../Cargo.toml", import.meta.url), "utf8"))!;
  for (const headers of [{}, { Authorization: "Bearer x" }, { Authorization: `Bearer ${(await account()).token}` }]) {
    const { status, json, cost, log } = await send("GET", "/health", headers);
    assert.deepEqual([status, json], [200, { status: "ok", version }]);
    assert.deepEqual([cost, log.route], [{ calls: 1, rowsRead: 0, rowsWritten: 0 }, "/health"]);
  }
  assert.equal((await send("HEAD", "/health")).status, 200);
});

test("GET /health is a 503 when D1 does not answer", async () => {
  const answer = await send("GET", "/health", {
    "x-test-d1-failure": "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
  });
  assertError(answer, 503, "database_unavailable");
  assert.equal(answer.headers["retry-after"], "5");
});

test("GET /health retries a passing failure of D1", async () => {
  const answer = await send("GET", "/health", {
    "x-test-d1-failure": "D1_ERROR: Network connection lost.",
    "x-test-d1-failures": "2",
  });
  assert.deepEqual([answer.status, answer.cost.calls], [200, 3]);
});

test("GET /health is a 500 without a database", async () => {
  assertError(await send("GET", "/health", { "x-test-no-d1": "1" }), 500, "internal_error");
});

test("/health has the methods GET and HEAD", async () => {
  const answer = await send("POST", "/health");
  assertError(answer, 405, "method_not_allowed");
  assert.equal(answer.headers.allow, "GET, HEAD, OPTIONS");
});
