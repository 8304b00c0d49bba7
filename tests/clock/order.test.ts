// Ids rise in the order in which the database commits, so a client that polls `ending_before` the newest id it saw
// misses nothing: not with slow bodies, not after deletions, not when the clock jumps back.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { type Account, account } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { arrival, sql } from "../support/database.ts";
import { idsOf } from "../support/expectations.ts";
import { FORM, type Headers, sendSlowly } from "../support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, TOKEN_COLLECTION } from "../support/paths.ts";

const times = <T>(count: number, make: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => make(n)));

/** A kind of object whose list is polled: its path, and the form that creates the n-th of a sender. */
const KINDS = [
  {
    name: "messages",
    path: MESSAGES,
    form: (conversation: string, n: number) => `conversation_id=${conversation}&message=${n}`,
  },
  { name: "conversations", path: COLLECTION, form: (_: string, n: number) => `contact_id=contact-${n}` },
  { name: "tokens", path: TOKEN_COLLECTION, form: (_: string, n: number) => `name=token-${n}&scopes=messages:read` },
];
type Kind = (typeof KINDS)[number];

const conversationOf = async (alice: Account): Promise<string> =>
  (await expectCreated(alice.post(COLLECTION, "contact_id=bob"))).json.id;

// The database writes down each id as it is stored: the order of the commits.
before(async () => {
  await sql("CREATE TABLE commits (number INTEGER PRIMARY KEY, account_id INTEGER, id TEXT)");
  for (const { name } of KINDS) {
    await sql(`CREATE TRIGGER ${name}_commit AFTER INSERT ON ${name} BEGIN
      INSERT INTO commits (account_id, id) VALUES (NEW.account_id, NEW.id);
    END`);
  }
});

/** The ids that were stored, of these, in the order of the commits. */
async function committed({ id }: Account, ids: Set<string>): Promise<string[]> {
  const rows = await sql("SELECT id FROM commits WHERE account_id = ? ORDER BY number", id);
  return rows.map((row) => String(row.id)).filter((id) => ids.has(id));
}

const ROUNDS = 6;

/** Follows a list from what is there now. `next` returns what is new, oldest first. */
async function tail(alice: Account, path: string) {
  let newest = idsOf(await alice.get(`${path}?limit=1`))[0] ?? "0000000000000000";
  return async (): Promise<string[]> => {
    const found: string[] = [];
    for (let more = true; more; ) {
      const page: Answer = await alice.get(`${path}?limit=7&ending_before=${newest}`);
      const ids = idsOf(page);
      found.push(...ids.toReversed());
      newest = ids[0] ?? newest;
      more = page.json.has_more;
    }
    return found;
  };
}

/** Creates objects whose heads arrive in order and whose bodies arrive in reverse. */
async function createInReverse(alice: Account, { path, form }: Kind, conversation: string): Promise<string[]> {
  const created: string[] = [];
  const slow = [];
  for (let n = 0; n < 4; n += 1) {
    const { headers, reached } = arrival();
    const authorized = { Authorization: `Bearer ${alice.token}`, "Content-Type": FORM, ...headers };
    slow.push(sendSlowly("POST", path, authorized, form(conversation, n)));
    await reached();
  }
  for (const { finish } of slow.reverse()) created.push((await expectCreated(finish())).json.id);
  return created;
}

async function expectCreated(request: Promise<Answer>): Promise<Answer> {
  const answer = await request;
  assert.equal(answer.status, 201, answer.text);
  return answer;
}

describe("six senders and a poller", () => {
  for (const kind of KINDS) {
    test(`the poller sees all ${kind.name} exactly once, in the order of their commits`, async () => {
      const alice = await account();
      const conversations = await times(3, () => conversationOf(alice));
      const next = await tail(alice, kind.path);
      const created = new Set<string>();
      let sending = true;

      const sender = async (n: number) => {
        const conversation = conversations[n % 3]!;
        for (let round = 0; round < ROUNDS; round += 1) {
          const ids =
            n % 2 === 0
              ? await createInReverse(alice, kind, conversation)
              : [(await expectCreated(alice.post(kind.path, kind.form(conversation, round)))).json.id];
          for (const id of ids) created.add(id);
        }
      };
      const poller = async () => {
        const seen: string[] = [];
        while (sending) seen.push(...(await next()));
        return [...seen, ...(await next())];
      };
      const polled = poller();
      try {
        await times(6, sender);
      } finally {
        sending = false;
      }
      const seen = await polled;
      assert.equal(created.size, 3 * ROUNDS * (4 + 1));
      assert.deepEqual(seen, await committed(alice, created));
      assert.deepEqual(seen, [...created].sort());
    });
  }
});

const clock = (ahead: number): Headers => ({ "x-test-clock": String(ahead) });

describe("a poller sees what is created", () => {
  for (const kind of KINDS) {
    test(`after the clock jumped back an hour: ${kind.name}`, async () => {
      const alice = await account();
      const conversations = [await conversationOf(alice), await conversationOf(alice)];
      const next = await tail(alice, kind.path);
      const created: string[] = [];
      for (const [n, ahead] of [0, 3600, 0, -3600, -7200, 0].entries()) {
        const { json } = await expectCreated(alice.post(kind.path, kind.form(conversations[n % 2]!, n), clock(ahead)));
        created.push(json.id);
        assert.deepEqual(await next(), [json.id]);
      }
      assert.deepEqual(created, created.toSorted());
      const listed = idsOf(await alice.get(`${kind.path}?limit=100`)).filter((id) => created.includes(id));
      assert.deepEqual(listed, created.toReversed());
    });
  }

  const DELETIONS = [
    { name: "messages", kind: KINDS[0]!, path: (id: string, _: string) => messageItem(id) },
    { name: "their conversation", kind: KINDS[0]!, path: (_: string, conversation: string) => item(conversation) },
    { name: "conversations", kind: KINDS[1]!, path: (id: string, _: string) => item(id) },
  ];
  for (const { name, kind, path } of DELETIONS) {
    for (const [when, ahead] of [
      ["at once", 0],
      ["when the clock jumped back", 3600],
    ] as const) {
      test(`after the newest ${kind.name} are deleted, with ${name}, ${when}`, async () => {
        const alice = await account();
        const [gone, kept] = [await conversationOf(alice), await conversationOf(alice)];
        const next = await tail(alice, kind.path);
        const burst = await times(30, (n) => expectCreated(alice.post(kind.path, kind.form(gone, n), clock(ahead))));
        const ids = burst.map(({ json }) => json.id as string).sort();
        assert.deepEqual(await next(), ids);
        for (const deleted of new Set(ids.map((id) => path(id, gone)))) {
          const answer = await alice.delete(deleted);
          assert.equal(answer.status, 204);
        }
        const { json } = await expectCreated(alice.post(kind.path, kind.form(kept, 0)));
        assert.deepEqual(await next(), [json.id]);
      });
    }
  }
});
