// A token must be valid when the write happens. The head of each request here arrives while the token is valid, and
// its body an hour later by the database's clock, after the token has changed.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { grant } from "../support/accounts.ts";
import { arrival, sql } from "../support/database.ts";
import { assertError } from "../support/expectations.ts";
import { type Headers, JSON_TYPE, keyed, sendSlowly } from "../support/http.ts";
import { rotation, tokenItem } from "../support/paths.ts";
import { canBeKeyed, giveValues, REQUESTS, type Request, reads, type World, world } from "../support/requests.ts";
import { ALL, bitOf, hashOf } from "../support/tokens.ts";

const WRITES: [request: Request, headers: Headers][] = REQUESTS.filter((request) => !reads(request)).flatMap(
  (request): [Request, Headers][] =>
    canBeKeyed(request)
      ? [
          [request, {}],
          [request, keyed("slow")],
        ]
      : [[request, {}]],
);

/** The database's clock when the body arrives, and for what happens to the token before. */
const LATER = { "x-test-clock": "3600" };
const NOW_LATER = "unixepoch() + 3600";

/** What happens to a token between the head and the body of a request that it sends. */
interface Change {
  name: string;
  apply: (here: World, token: string, request: Request) => Promise<unknown>;
}

const set = (token: string, column: string, value: string) =>
  sql(`UPDATE tokens SET ${column} = ${value} WHERE hash = ?`, hashOf(token));

async function idOf(token: string): Promise<string> {
  const [row] = await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token));
  return String(row!.id);
}

async function rotate({ account }: World, token: string, grace_period: number) {
  const answer = await account.post(rotation(await idOf(token)), { grace_period }, LATER);
  assert.equal(answer.status, 201, answer.text);
}

const INVALID: Change[] = [
  { name: "expires", apply: (_, token) => set(token, "expires_at", NOW_LATER) },
  {
    name: "is revoked",
    async apply({ account }, token) {
      const answer = await account.delete(tokenItem(await idOf(token)), undefined, LATER);
      assert.equal(answer.status, 204, answer.text);
    },
  },
  { name: "is revoked by the operator", apply: (_, token) => set(token, "revoked_at", NOW_LATER) },
  { name: "is rotated without a grace period", apply: (here, token) => rotate(here, token, 0) },
  {
    name: "is rotated, and its grace period ends",
    async apply(here, token) {
      await rotate(here, token, 3600);
      await set(token, "revoked_at", NOW_LATER);
    },
  },
];

const WEAKER: Change = {
  name: "loses the scope",
  apply: (_, token, { operation }) => set(token, "scopes", String(ALL & ~bitOf(operation.scope))),
};

const VALID: Change[] = [
  { name: "stays as it is", apply: async () => {} },
  {
    // No token may make or rotate one that is valid for longer. So this grace period ends after the example's token.
    name: "is rotated, and its grace period lasts",
    async apply(here, token) {
      await rotate(here, token, 3600);
      await set(token, "revoked_at", String(EXAMPLE_EXPIRES_AT + 1));
    },
  },
];

/** When the token of the examples expires: the year 2096. */
const EXAMPLE_EXPIRES_AT = 4_000_000_000;

/** How many pings its endpoints have got or are about to get: `everything` leaves out what deliveries write. */
const pingsOf = ({ account }: World) =>
  sql("SELECT id, attempts + (ping_id IS NOT NULL) AS pings FROM webhooks WHERE account_id = ?", account.id);

async function newWorld(): Promise<World> {
  const here = await world();
  await sql(
    "UPDATE tokens SET expires_at = ? WHERE account_id = ? AND name <> 'test'",
    EXAMPLE_EXPIRES_AT,
    here.account.id,
  );
  return here;
}

/** Sends the request with a token that changes before the body arrives. */
async function overtaken(here: World, { apply }: Change, request: Request, headers: Headers) {
  const { operation, target, body } = request;
  const token = await grant(here.account.id);
  const { headers: told, reached } = arrival();
  const slow = sendSlowly(
    operation.method,
    here.real(target),
    { Authorization: `Bearer ${token}`, "Content-Type": JSON_TYPE, ...headers, ...told, ...LATER },
    here.real(JSON.stringify(body ?? {})),
  );
  await reached();
  await apply(here, token, request);
  const before = await here.account.everything();
  const answer = await slow.finish();
  return { answer, before, after: await here.account.everything() };
}

for (const [request, headers] of WRITES) {
  const key = Object.keys(headers).length === 0 ? "" : ", with an Idempotency-Key";
  describe(`${request.name}${key}: the head arrives, then the token`, () => {
    // What changes nothing needs no world of its own.
    let here: World;
    before(async () => {
      here = await newWorld();
    });

    for (const change of INVALID) {
      test(`${change.name}: 401, and nothing changes`, async () => {
        const { answer, before, after } = await overtaken(here, change, request, headers);
        assertError(answer, 401, "token_invalid");
        assert.deepEqual(after, before);
      });
    }

    test(`${WEAKER.name}: 403, and nothing changes`, async () => {
      const { answer, before, after } = await overtaken(here, WEAKER, request, headers);
      assertError(answer, 403, "scope_insufficient");
      assert.deepEqual(after, before);
    });

    for (const change of VALID) {
      test(`${change.name}: the request succeeds`, async () => {
        const here = await newWorld();
        await giveValues(here, request);
        const pings = await pingsOf(here);
        const { answer, before, after } = await overtaken(here, change, request, headers);
        assert.equal(answer.status, request.operation.success, answer.text);
        assert.notDeepEqual([after, await pingsOf(here)], [before, pings]);
      });
    }
  });
}
