// Bookmarks of an account that has moved to another database, and of several databases.

import "../support/replicas_of_three_databases.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { accountIn, FIRST, hold, holder, move, SECOND, THIRD } from "../shards/accounts.ts";
import { SHARDS } from "../support/configuration.ts";
import { assertError } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { COLLECTION, item, TOKEN_COLLECTION } from "../support/paths.ts";
import { READ, TOKENS, WRITE } from "../support/tokens.ts";
import { bookmarkOf, catchUp, near, REPLICAS } from "./replicas.ts";

test("a bookmark names the database of the account, and one of another is a 400", async () => {
  for (const shard of SHARDS) {
    const caller = await accountIn(shard);
    const bookmark = bookmarkOf(await caller.post(COLLECTION, "contact_id=bob", near("primary")));
    assert.ok(bookmark.startsWith(`${shard.number}.`), bookmark);
    assert.equal((await caller.get(COLLECTION, undefined, near("primary", bookmark))).status, 200);
    for (const other of SHARDS.filter((each) => each !== shard)) {
      const neighbour = await accountIn(other);
      for (const answer of [
        await neighbour.get(COLLECTION, undefined, near("primary", bookmark)),
        await neighbour.post(COLLECTION, "contact_id=bob", near("primary", bookmark)),
      ])
        assertError(answer, 400, "parameter_invalid", "X-D1-Bookmark");
    }
  }
});

test("after a move a bookmark from before it is ignored, and the newest state is read", async () => {
  const alice = await accountIn(THIRD);
  const created = await alice.post(COLLECTION, "contact_id=bob", near("primary"));
  const before = bookmarkOf(created);
  await catchUp(...REPLICAS);
  await hold(alice);
  await move(alice, FIRST);
  await catchUp(...REPLICAS);
  for (let n = 0; n < 2; n += 1) {
    const answer = await alice.get(item(created.json.id), undefined, near("COPY_1", before));
    assert.deepEqual([answer.status, answer.json], [200, created.json]);
    assert.equal(answer.databases.at(-1), FIRST.binding);
    const after = bookmarkOf(answer);
    assert.ok(after.startsWith("0."), after);
    // And one of the new database is as any other.
    assert.equal((await alice.get(COLLECTION, undefined, near("COPY_1", after))).status, 200);
  }
});

test("a token from before the move takes a bookmark that another isolate has got, in its first request here", async () => {
  const alice = await accountIn(THIRD);
  const second = await holder(THIRD, alice.id);
  await hold(alice);
  await move(alice, SECOND);
  const bookmark = bookmarkOf(await alice.post(COLLECTION, "contact_id=bob", near("primary")));
  assert.ok(bookmark.startsWith("1."), bookmark);
  // This isolate does not know yet where this token leads.
  const answer = await second.get(COLLECTION, undefined, near("primary", bookmark));
  assert.deepEqual([answer.status, answer.json.data.length], [200, 1]);
});

test("a replica that has not seen the move shows what was before it, and writes go to the new database", async () => {
  const alice = await accountIn(THIRD, READ | WRITE | TOKENS);
  const { json, ...created } = await alice.post(COLLECTION, "contact_id=bob", near("primary"));
  await catchUp(...REPLICAS);
  await hold(alice);
  await move(alice, FIRST);
  const stale = await alice.get(item(json.id), undefined, near("COPY_1", bookmarkOf(created as never)));
  assert.deepEqual([stale.status, stale.json, stale.copies], [200, json, ["COPY_1"]]);
  const written = await alice.put(item(json.id), "is_muted=true", near("COPY_1", bookmarkOf(created as never)));
  assert.deepEqual([written.status, written.databases.at(-1)], [200, FIRST.binding]);
  const read = await alice.get(item(json.id), undefined, near("COPY_1", bookmarkOf(written)));
  assert.deepEqual([read.json.is_muted, read.databases], [true, [FIRST.binding]]);
  // A token that is made now leads there at once.
  const token = await alice.post(TOKEN_COLLECTION, { name: "new", scopes: "conversations:read" }, near("COPY_1"));
  const fresh = await api(token.json.token).get(item(json.id), undefined, near("COPY_1", bookmarkOf(token)));
  assert.deepEqual([fresh.json.is_muted, fresh.databases], [true, [FIRST.binding]]);
});
