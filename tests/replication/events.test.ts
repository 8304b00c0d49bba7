// The log through replicas that lag: a reader loses nothing, sees nothing twice, and waits for nothing that is already
// there.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { closeAll, listen, watched } from "../events/listening.ts";
import { type Account, account } from "../support/accounts.ts";
import { links } from "../support/expectations.ts";
import { COLLECTION, EVENTS } from "../support/paths.ts";
import { bookmarkOf, COPIES, type Copy, catchUp, near, REPLICAS } from "./replicas.ts";

afterEach(closeAll);

const create = (alice: Account, contact: string) => alice.post(COLLECTION, `contact_id=${contact}`);
const contacts = (events: any[]): string[] => events.map(({ conversation }) => conversation.contact_id);

/** An account whose replicas do not have its newest event, and the position before that one. */
async function behind() {
  const alice = await account();
  await create(alice, "first");
  const page = await alice.get(EVENTS);
  await catchUp(...REPLICAS);
  const bookmark = bookmarkOf(page);
  await create(alice, "second");
  return { alice, position: String(links(page).next), bookmark };
}

test("pages that are read through copies that lag have every event once, in order", async () => {
  const alice = await account();
  let path = `${EVENTS}?limit=2`;
  let bookmark = "";
  const seen: string[] = [];
  const expected: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    expected.push(`bob${round}`);
    await create(alice, `bob${round}`);
    if (round % 3 === 1) await catchUp(REPLICAS[round % 2]!);
    const answer = await alice.get(path, undefined, near(COPIES[round % 3]!, bookmark));
    seen.push(...contacts(answer.json.data));
    [path, bookmark] = [String(links(answer).next), bookmarkOf(answer)];
  }
  for (;;) {
    const answer = await alice.get(path, undefined, near("COPY_1"));
    seen.push(...contacts(answer.json.data));
    path = String(links(answer).next);
    if (!answer.json.has_more) break;
  }
  assert.deepEqual(seen, expected);
});

for (const copy of COPIES) {
  test(`a long poll answers at once with an event that the nearest copy (${copy}) does not have yet`, async () => {
    const { alice, position, bookmark } = await behind();
    const begin = performance.now();
    const answer = await alice.get(`${position}&wait=30`, undefined, near(copy, bookmark));
    assert.deepEqual(contacts(answer.json.data), ["second"]);
    assert.ok(performance.now() - begin < 25_000, "the event was there before");
    // The replica said that there is nothing, and the primary was asked with the mark.
    assert.ok(answer.cost.calls <= 2, `${answer.cost.calls} calls`);
    assert.equal(answer.copies.at(-1), "primary");
  });

  test(`a stream has every event, also those that the nearest copy (${copy}) does not have yet`, async () => {
    const { alice, position, bookmark } = await behind();
    const last = new URLSearchParams(position.split("?")[1]).get("starting_after")!;
    const stream = await listen(alice.token, "", { "Last-Event-ID": last, ...near(copy, bookmark) });
    const events = await stream.take(1);
    await create(alice, "third");
    events.push(...(await stream.take(1)));
    assert.deepEqual(contacts(events.map(({ json }) => json)), ["second", "third"]);
  });

  test(`a long poll next to ${copy} is woken by the next event, and shows it as it is`, async () => {
    const alice = await account();
    await catchUp(...REPLICAS);
    const position = await alice.get(`${EVENTS}?starting_after=now`);
    const waiting = alice.get(`${links(position).next}&wait=30`, undefined, near(copy, bookmarkOf(position)));
    await watched(alice);
    const { json, headers } = await create(alice, "bob");
    const answer = await waiting;
    assert.deepEqual(
      answer.json.data.map((event: any) => event.conversation),
      [json],
    );
    assert.equal(answer.copies.at(-1), "primary");
    assert.ok(bookmarkOf(answer) >= String(headers["x-d1-bookmark"]), "the bookmark includes the events");
  });
}

test("a position of starting_after=now that a replica tells loses nothing", async () => {
  const { alice, bookmark } = await behind();
  const now = await alice.get(`${EVENTS}?starting_after=now`, undefined, near("COPY_1" as Copy, bookmark));
  assert.deepEqual([now.json.data, now.copies], [[], ["COPY_1"]]);
  await create(alice, "third");
  const answer = await alice.get(String(links(now).next), undefined, near("COPY_2", bookmarkOf(now)));
  // The replica's present is the past of the primary: what came since then is there to read.
  const rest = await alice.get(String(links(answer).next), undefined, near("COPY_2"));
  assert.deepEqual(contacts([...answer.json.data, ...rest.json.data]), ["second", "third"]);
});
