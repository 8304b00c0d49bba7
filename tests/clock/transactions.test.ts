// Each statement of a transaction reads the clock anew. A token that expires between two of them has either done its
// whole write, or nothing of it. And what decides is the database's clock: no statement takes a time from the Worker.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { grant } from "../support/accounts.ts";
import { type Row, sql } from "../support/database.ts";
import { assertError, replayed } from "../support/expectations.ts";
import { api, type Headers, keyed } from "../support/http.ts";
import { operation } from "../support/operations.ts";
import { canBeKeyed, giveValues, REQUESTS, type Request, reads, send, type World, world } from "../support/requests.ts";
import { hashOf } from "../support/tokens.ts";

interface Statement {
  sql: string;
  params: (string | number | null)[];
}

/** What one request was answered, what it changed, and the statements that it ran. */
async function run(here: World, request: Request, token: string, headers: Headers) {
  const before = await here.account.everything();
  const answer = await send(here, request, { "x-test-explain": "1", ...headers }, api(token));
  assert.equal(answer.cost.calls, 1);
  const after = await here.account.everything();
  const statements: Statement[] = JSON.parse(decodeURIComponent(String(answer.headers["x-test-d1-plans"])));
  return { answer, before, after, statements };
}

/** A token that expires later than those that the requests make. */
const EXPIRES_AT = 3_000_000_000;
/** Seconds after which it has expired. Ids work until the year 2081. */
const AHEAD = 1_600_000_000;

// The token of the request itself is what some requests revoke or rotate.
const self = (id: string, name: string, body?: Request["body"]): [string, Request] => [
  "itself",
  { name: `${operation(id).name}, ${name}`, operation: operation(id), target: operation(id).path, body, again: 0 },
];
const WRITES: [subject: "example" | string, Request][] = [
  ...REQUESTS.filter((request) => !reads(request)).map((request): [string, Request] => ["example", request]),
  self("revokeToken", "itself"),
  self("rotateToken", "itself, no grace period", { grace_period: 0 }),
  self("rotateToken", "itself", { grace_period: 60 }),
];

/** A world, a token that expires, and the request in that world. */
async function prepared([subject, request]: [string, Request]) {
  const here = await world();
  await giveValues(here, request);
  const token = await grant(here.account.id, { expires_at: EXPIRES_AT });
  await sql(
    "UPDATE tokens SET expires_at = ? WHERE account_id = ? AND name <> 'test'",
    EXPIRES_AT - 1,
    here.account.id,
  );
  const [row] = await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token));
  const target = subject === "itself" ? request.target.replace("{id}", String(row!.id)) : request.target;
  return { here, token, request: { ...request, target } };
}

/** What is left when ids, secrets and times are taken out of rows, so that two accounts compare. */
const comparable = (everything: Record<string, Row[]>): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(everything).map(([table, rows]) => [
      table,
      rows
        .map((row) =>
          JSON.stringify({ ...row, account_id: 0 })
            .replaceAll(/\b[0-9a-f]{64}\b/g, "HASH")
            .replaceAll(/\b[0-9A-Za-z]{16}(?:-\d+)?\b/g, "ID")
            .replaceAll(/\b[0-9A-Za-z]{23}\b/g, "RECENCY")
            .replaceAll(/\b[0-9A-Za-z]{14}\b/g, "NEWEST")
            .replaceAll(/\b\d{10,13}\b/g, "TIME"),
        )
        .sort(),
    ]),
  );

for (const write of WRITES) {
  const [, { name }] = write;
  for (const headers of canBeKeyed(write[1]) ? [{}, keyed("moved")] : [{}]) {
    const key = Object.keys(headers).length === 0 ? "" : ", with an Idempotency-Key";
    test(`${name}${key}: the token expires between two statements`, async () => {
      const { here, token, request } = await prepared(write);
      const whole = await run(here, request, token, headers);
      assert.equal(whole.answer.status, request.operation.success, whole.answer.text);

      const statuses: number[] = [];
      for (let from = 1; from <= whole.statements.length + 1; from += 1) {
        const { here, token, request } = await prepared(write);
        const moved = { "x-test-clock": String(AHEAD), "x-test-clock-from": String(from) };
        const { answer, before, after, statements } = await run(here, request, token, { ...headers, ...moved });
        assert.equal(statements.length, whole.statements.length);
        statuses.push(answer.status);
        if (answer.status === 401) {
          assertError(answer, 401, "token_invalid");
          assert.deepEqual(after, before, `from statement ${from} on`);
          continue;
        }
        assert.equal(answer.status, whole.answer.status, `from statement ${from} on: ${answer.text}`);
        assert.deepEqual(comparable(after), comparable(whole.after), `from statement ${from} on`);
        assert.deepEqual(Object.keys(answer.json ?? {}), Object.keys(whole.answer.json ?? {}));
      }
      // The first write decides. With a key a statement that only removes expired keys comes first.
      const refused = key === "" ? 1 : 2;
      assert.deepEqual(
        statuses,
        statuses.map((_, n) => (n < refused ? 401 : whole.answer.status)),
      );
    });
  }
}

describe("a retry after the token expired in the middle of a request", { concurrency: 4 }, () => {
  for (const request of REQUESTS.filter(canBeKeyed)) {
    test(`${request.name}: replays the response, or does the whole request`, async () => {
      for (const from of [1, 2, 3, 4, 5, 6]) {
        const { here, token } = await prepared(["example", request]);
        const key = keyed(`moved from ${from}`);
        const moved = { "x-test-clock": String(AHEAD), "x-test-clock-from": String(from) };
        const first = await send(here, request, { ...key, ...moved }, api(token));
        const again = await send(here, request, key, api(token));
        assert.equal(again.status, request.operation.success, again.text);
        if (first.status === 401) assert.equal(again.headers["idempotent-replayed"], undefined);
        else assert.deepEqual([again.headers["idempotent-replayed"], again.text], ["true", replayed(first.text)]);
      }
    });
  }
});

/** Whether a text has a number that is the time, in seconds or milliseconds, give or take an hour. */
const hasTime = (text: string, now: number): boolean =>
  (text.match(/\d+(\.\d+)?/g) ?? [])
    .map(Number)
    .some((number) => Math.abs(number - now) < 3_600_000 || Math.abs(1000 * number - now) < 3_600_000);

describe("no time that the Worker read decides anything", () => {
  for (const request of REQUESTS) {
    for (const headers of canBeKeyed(request) ? [{}, keyed("observed")] : [{}]) {
      const key = Object.keys(headers).length === 0 ? "" : ", with an Idempotency-Key";
      test(`${request.name}${key}`, async () => {
        const here = await world();
        const { answer, statements } = await run(here, request, here.account.token, headers);
        // The request's own id begins with a time. Statements may compare it, and take the random rest of it.
        const id = String(answer.headers["x-request-id"]);
        assert.ok(statements.length > 0);
        for (const { sql, params } of statements) {
          const texts = params.filter((value) => value !== id).map(String);
          for (const text of [sql, ...texts]) assert.ok(!hasTime(text, Date.now()), `${text}\n${sql}`);
          const own = `\\+?\\?${params.indexOf(id) + 1}\\b`;
          assert.doesNotMatch(
            sql.replaceAll(/substr\(\?\d, 8\)/g, ""),
            new RegExp(`(\\w\\(|[<>]=?) *${own}|${own} *([<>]|BETWEEN)`),
          );
        }
      });
    }
  }
});
