// Reading from replicas that lag. A read is never older than its bookmark, whichever copy is the nearest.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError } from "../support/expectations.ts";
import { ifNoneMatch, send } from "../support/http.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem } from "../support/paths.ts";
import { REQUESTS, reads, send as sendRequest, world } from "../support/requests.ts";
import { bookmarkOf, bring, COPIES, catchUp, near, REPLICAS, remember } from "./replicas.ts";

test("with the bookmark of a write every copy shows it, and those that lag leave the answer to the primary", async () => {
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  await catchUp(...REPLICAS);
  const written = await alice.put(item(json.id), "is_muted=true");
  await catchUp("COPY_2");
  for (const [copy, answered] of [
    ["primary", "primary"],
    ["COPY_1", "primary"],
    ["COPY_2", "COPY_2"],
  ] as const) {
    const answer = await alice.get(item(json.id), undefined, near(copy, bookmarkOf(written)));
    assert.deepEqual([answer.json, answer.copies], [written.json, [answered]], copy);
    assert.ok(bookmarkOf(answer) >= bookmarkOf(written));
  }
});

test("without a bookmark the primary answers, so a read is the newest", async () => {
  const alice = await account();
  await catchUp(...REPLICAS);
  for (const copy of COPIES) {
    const { json } = await alice.post(COLLECTION, "contact_id=bob");
    const answer = await alice.get(item(json.id), undefined, near(copy));
    assert.deepEqual([answer.json, answer.copies], [json, ["primary"]]);
  }
});

test("with an older bookmark a read may show an older state, but none older than the bookmark", async () => {
  const alice = await account();
  const { json, ...first } = await alice.post(COLLECTION, "contact_id=bob");
  await catchUp("COPY_1");
  const second = await alice.put(item(json.id), "is_muted=true");
  await catchUp("COPY_2");
  const read = async (copy: "COPY_1" | "COPY_2", bookmark: string) =>
    (await alice.get(item(json.id), undefined, near(copy, bookmark))).json.is_muted;
  assert.deepEqual(
    [await read("COPY_1", bookmarkOf(first as never)), await read("COPY_2", bookmarkOf(second))],
    [false, true],
  );
  assert.equal(await read("COPY_1", bookmarkOf(second)), true);
});

test("reads that send the bookmark of the read before never go back in time", async () => {
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const states = [];
  for (let version = 1; version <= 5; version += 1) {
    await alice.put(item(json.id), `archived_at=${version}`);
    await remember(`version ${version}`);
    states.push(`version ${version}`);
  }
  let bookmark = "";
  let seen = 0;
  // Replicas that go from state to state, also back: a caller may meet one copy after the other.
  for (const [one, two] of [
    [0, 1],
    [2, 1],
    [1, 3],
    [0, 0],
    [4, 2],
    [1, 1],
  ] as const) {
    await bring("COPY_1", states[one]!);
    await bring("COPY_2", states[two]!);
    for (const copy of [...COPIES, ...COPIES.toReversed()]) {
      // The primary would end it all with the newest state.
      if (copy === "primary" && bookmark === "") continue;
      const answer = await alice.get(item(json.id), undefined, near(copy, bookmark));
      assert.ok(answer.json.archived_at >= seen, `${answer.json.archived_at} after ${seen}`);
      assert.ok(bookmarkOf(answer) >= bookmark);
      [seen, bookmark] = [answer.json.archived_at, bookmarkOf(answer)];
    }
  }
});

test("every read is from the nearest copy that is fresh enough, and every write goes to the primary", async () => {
  for (const request of REQUESTS) {
    const here = await world();
    const { headers } = await here.account.get(COLLECTION);
    await catchUp(...REPLICAS);
    const answer = await sendRequest(here, request, near("COPY_1", String(headers["x-d1-bookmark"])));
    assert.equal(answer.status, request.operation.success, `${request.name}: ${answer.text}`);
    assert.deepEqual(answer.copies, [reads(request) ? "COPY_1" : "primary"], request.name);
  }
});

test("a write that a stale replica is next to is as any other, with its conditions", async () => {
  const alice = await account();
  await catchUp(...REPLICAS);
  const { json, headers } = await alice.post(COLLECTION, "contact_id=bob", near("COPY_1"));
  const before = String(headers["x-d1-bookmark"]);
  await alice.put(item(json.id), "is_muted=true");
  const condition = { "If-Match": headers.etag };
  const refused = await alice.put(item(json.id), "is_pinned=true", { ...condition, ...near("COPY_1", before) });
  assertError(refused, 412, "precondition_failed", "If-Match");
  assert.deepEqual(refused.copies, ["primary"]);
  assert.equal((await alice.delete(item(json.id), undefined, near("COPY_2", before))).status, 204);
  assert.equal((await alice.get(item(json.id))).status, 404);
});

test("a conditional read through a replica is a 304 while the replica has what the caller has", async () => {
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const old = await alice.get(item(json.id));
  await catchUp("COPY_1");
  const changed = await alice.put(item(json.id), "is_muted=true");
  const read = (bookmark: string) =>
    alice.get(item(json.id), undefined, { ...ifNoneMatch(old), ...near("COPY_1", bookmark) });
  const [same, other] = [await read(bookmarkOf(old)), await read(bookmarkOf(changed))];
  assert.deepEqual([same.status, same.copies], [304, ["COPY_1"]]);
  assert.deepEqual([other.status, other.copies], [200, ["primary"]]);
});

test("a replica that does not answer leaves the answer to the primary", async () => {
  const alice = await account();
  const { json, ...created } = await alice.post(COLLECTION, "contact_id=bob");
  await catchUp(...REPLICAS);
  for (const copy of REPLICAS) {
    const answer = await alice.get(item(json.id), undefined, near(copy, bookmarkOf(created as never), REPLICAS));
    assert.deepEqual([answer.status, answer.copies], [200, ["primary"]]);
  }
});

test("while the primary does not answer, replicas show what they have, and nothing else works", async () => {
  const alice = await account();
  const { json, ...created } = await alice.post(COLLECTION, "contact_id=bob");
  await catchUp("COPY_1");
  const before = await alice.everything();
  const bookmark = bookmarkOf(created as never);
  const fresh = await alice.get(item(json.id), undefined, near("COPY_1", bookmark, ["primary"]));
  assert.deepEqual([fresh.status, fresh.json], [200, json]);
  const stale = await alice.post(COLLECTION, "contact_id=carol");
  for (const answer of [
    await alice.get(item(json.id), undefined, near("COPY_1", bookmarkOf(stale), ["primary"])),
    await alice.get(item(json.id), undefined, near("COPY_1", "", ["primary"])),
    await alice.put(item(json.id), "is_muted=true", near("COPY_1", bookmark, ["primary"])),
    await alice.post(COLLECTION, "contact_id=dave", near("COPY_1", bookmark, ["primary"])),
  ])
    assertError(answer, 503, "database_unavailable");
  assert.equal((await alice.everything()).conversations!.length, before.conversations!.length + 1);
  assert.equal((await alice.get(item(json.id))).json.is_muted, false);
});

test("a page, its Link and the next page are read from copies at least as fresh as each other", async () => {
  const alice = await account();
  for (let n = 0; n < 6; n += 1) await alice.post(COLLECTION, `contact_id=bob${n}`);
  await catchUp("COPY_1");
  const seen = [];
  let path = `${COLLECTION}?limit=2`;
  let bookmark = bookmarkOf(await alice.get(`${EVENTS}?starting_after=now`));
  for (const copy of ["COPY_1", "COPY_2", "primary"] as const) {
    const answer = await alice.get(path, undefined, near(copy, bookmark));
    seen.push(...answer.json.data.map((each: any) => each.contact_id));
    bookmark = bookmarkOf(answer);
    path = /<[^>]*(\/v1[^>]*)>; rel="next"/.exec(String(answer.headers.link))?.[1] ?? "";
  }
  assert.deepEqual(seen, ["bob5", "bob4", "bob3", "bob2", "bob1", "bob0"]);
});

test("what was deleted is gone with the bookmark of the deletion, whichever copy is the nearest", async () => {
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const message = await alice.say(json.id);
  await catchUp(...REPLICAS);
  const deleted = await alice.delete(item(json.id));
  for (const copy of COPIES) {
    for (const path of [item(json.id), messageItem(message.id)])
      assert.equal((await alice.get(path, undefined, near(copy, bookmarkOf(deleted)))).status, 404);
    for (const path of [COLLECTION, MESSAGES])
      assert.deepEqual((await alice.get(path, undefined, near(copy, bookmarkOf(deleted)))).json.data, []);
  }
});

test("a health check asks the primary", async () => {
  await catchUp(...REPLICAS);
  const answer = await send("GET", "/health", near("COPY_1"));
  assert.equal(answer.status, 200);
  assert.equal((await send("GET", "/health", near("COPY_1", "", ["primary"]))).status, 503);
});
