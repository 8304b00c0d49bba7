// GET /v1/events over time: polls without a ring, comment lines, and the ends of streams. Here the Worker's time goes
// 150 times as fast: a stream has a comment line every 33 ms, reads the log at least every 400 ms, and ends after four
// seconds. What is counted are comment lines: twelve from one poll to the next.

import assert from "node:assert/strict";
import test, { afterEach, before } from "node:test";
import { revocation } from "../../scripts/tokens.ts";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { COLLECTION, EVENTS } from "../support/paths.ts";
import { origin } from "../support/server.ts";
import { hashOf } from "../support/tokens.ts";
import { closeAll, listen, type Stream } from "./listening.ts";

before(async () => void (await fetch(origin, { headers: { "x-test-timers": "150" } })));
afterEach(closeAll);

/** Changes the log past the Worker: no bell rings. */
const changeSilently = (holder: Account) => holder.insert();

/** Fails unless it was the next poll that did it, or the one after: the log may have been read just before. */
function assertPolled(stream: Stream, commentsBefore: number): void {
  const comments = stream.comments - commentsBefore;
  assert.ok(comments <= 2 * 12, `${comments} comment lines in between`);
}

test("a stream in which nothing happens has comment lines until it ends", async () => {
  const alice = await account();
  const stream = await listen(alice.token);
  await stream.ended;
  assert.ok(stream.comments >= 12, `${stream.comments} comment lines`);
  assert.deepEqual(stream.events, []);
});

test("a change of which no ring came is found by the next poll", async () => {
  const alice = await account();
  const stream = await listen(alice.token);
  await stream.until(() => stream.comments > 0);
  const id = await changeSilently(alice);
  const { comments } = stream;
  assert.equal((await stream.take(1))[0]!.json.conversation_id, id);
  assertPolled(stream, comments);
});

test("a stream ends by itself, and Last-Event-ID goes on in the next one", async () => {
  const alice = await account();
  const first = await listen(alice.token);
  await alice.post(COLLECTION, "contact_id=bob");
  const [{ id } = { id: "" }] = await first.take(1);
  await first.ended;
  await alice.post(COLLECTION, "contact_id=carol");
  const second = await listen(alice.token, "", { "Last-Event-ID": id });
  const [event] = await second.take(1);
  assert.equal(event!.json.conversation.contact_id, "carol");
});

test("the place of a caller who leaves is free soon", async () => {
  const alice = await account();
  const streams = await Promise.all(Array.from({ length: 10 }, () => listen(alice.token)));
  await assert.rejects(listen(alice.token), /^Error: 429 /);
  const [left] = streams;
  left!.close();
  for (let again: Stream | undefined; again === undefined; ) again = await listen(alice.token).catch(() => undefined);
});

/** What ends a token. */
const ENDS: Record<string, (token: string) => Promise<unknown>> = {
  async revoked(token) {
    const [row] = await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token));
    await sql(revocation(String(row!.id)));
  },
  expired: (token) => sql("UPDATE tokens SET expires_at = 1 WHERE hash = ?", hashOf(token)),
  deleted: (token) => sql("DELETE FROM tokens WHERE hash = ?", hashOf(token)),
};

for (const [name, end] of Object.entries(ENDS))
  test(`the stream of a token that is ${name} ends with the next poll, and shows nothing more`, async () => {
    const alice = await account();
    const token = await grant(alice.id);
    const stream = await listen(token);
    await stream.until(() => stream.comments > 0);
    await end(token);
    const { comments } = stream;
    await changeSilently(alice);
    await stream.ended;
    assertPolled(stream, comments);
    assert.deepEqual(stream.events, []);
    assertError(await api(token).get(EVENTS, undefined, { Accept: "text/event-stream" }), 401, "token_invalid");
  });

test("a stream whose position has expired ends, and the next one is a 410", async () => {
  const alice = await account();
  for (let i = 0; i < 3; i += 1) await alice.insert();
  const stream = await listen(alice.token, "?starting_after=0000000000000000");
  const { id } = (await stream.take(3))[2]!;
  // As after the database was restored to an earlier time.
  await sql("DELETE FROM events WHERE account_id = ? AND seq > 1", alice.id);
  const { comments } = stream;
  await stream.ended;
  assertPolled(stream, comments);
  const headers = { Accept: "text/event-stream", "Last-Event-ID": id };
  assertError(await alice.get(EVENTS, undefined, headers), 410, "position_expired", "starting_after");
});
