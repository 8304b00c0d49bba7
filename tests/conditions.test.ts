// ETag, If-None-Match and If-Match: who has the current state isn't sent it again, and nobody overwrites a state that
// they haven't seen. That every object comes with its tag is asserted on every answer, in tests/support/audit.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { gate, sql } from "./support/database.ts";
import { assertConversation, assertError, assertMessage } from "./support/expectations.ts";
import { type Headers, ifMatch, ifNoneMatch, keyed, raw } from "./support/http.ts";
import {
  COLLECTION,
  item,
  MESSAGES,
  messageItem,
  NO_ID,
  rotation,
  TOKEN_COLLECTION,
  tokenItem,
} from "./support/paths.ts";
import { origin } from "./support/server.ts";
import { randomId } from "./support/tokens.ts";

const tagOf = ({ headers }: Answer): string => String(headers.etag);

/** Every kind of object: how an account gets one, and how it is changed where it can be. */
interface Kind {
  name: string;
  make: (alice: Account) => Promise<string>;
  change?: string;
}

const CONVERSATION: Kind = {
  name: "a conversation",
  make: async (alice) => item(await alice.insert()),
  change: "is_muted=true",
};
const MESSAGE: Kind = {
  name: "a message",
  make: async (alice) => messageItem(await alice.insertMessage(await alice.insert())),
  change: "read_at=5",
};
const TOKEN: Kind = {
  name: "a token",
  make: async (alice) =>
    tokenItem((await alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" })).json.id),
};
const KINDS = [CONVERSATION, MESSAGE, TOKEN];
const CHANGEABLE = [CONVERSATION, MESSAGE];

// ------------------------------------------------------------------------------------------------------------ the tag

for (const { name, make, change } of KINDS) {
  describe(`the tag of ${name}`, () => {
    test("stays as long as nothing changes, and is the same for GET and HEAD", async () => {
      const alice = await account();
      const path = await make(alice);
      const tags = [await alice.get(path), await alice.head(path), await alice.get(path)].map(tagOf);
      assert.match(tags[0]!, /^"[\w-]+"$/);
      assert.equal(new Set(tags).size, 1);
      if (change === undefined) return;
      assert.equal(tagOf(await alice.put(path)), tags[0], "a PUT without attributes changes nothing");
    });

    test("is another object's never", async () => {
      const alice = await account();
      assert.notEqual(tagOf(await alice.get(await make(alice))), tagOf(await alice.get(await make(alice))));
    });
  });
}

for (const { name, make, change } of CHANGEABLE) {
  test(`the tag of ${name} is new with every change, and what PUT and PATCH say is what GET says`, async () => {
    const alice = await account();
    const path = await make(alice);
    const tags = [tagOf(await alice.get(path))];
    for (const verb of ["put", "patch", "put"] as const) {
      const changed = await alice[verb](path, change);
      assert.equal(changed.status, 200, changed.text);
      assert.equal(tagOf(changed), tagOf(await alice.get(path)));
      tags.push(tagOf(changed));
    }
    assert.equal(new Set(tags).size, tags.length);
  });
}

test("a POST says the tag that GET says", async () => {
  const alice = await account();
  const conversation = await alice.post(COLLECTION, "contact_id=bob");
  const message = await alice.post(MESSAGES, { conversation_id: conversation.json.id, message: "Hello" });
  const token = await alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" });
  const rotated = await alice.post(rotation(token.json.id));
  assert.notEqual(
    tagOf(conversation),
    tagOf(await alice.get(String(conversation.headers.location))),
    "the message came in between",
  );
  for (const answer of [
    message,
    rotated,
    await alice.post(COLLECTION, "contact_id=carol"),
    await alice.post(COLLECTION, "contact_id=carol&distinct=true"),
  ]) {
    assert.equal(tagOf(answer), tagOf(await alice.get(String(answer.headers.location))));
  }
});

test("whatever changes a conversation gives it a tag that it never had: a message sent, the pinned one deleted", async () => {
  const alice = await account();
  const path = item(await alice.insert());
  const id = path.slice(-16);
  const tag = async () => tagOf(await alice.get(path));
  const tags = [await tag()];
  const then = async (what: string) => {
    assert.ok(!tags.includes(await tag()), what);
    tags.push(await tag());
  };
  const own = await alice.say(id);
  await then("a message of its own");
  await alice.say(id, { contact_id: "bob" });
  await then("a message of a contact");
  await alice.put(path, { pinned_message_id: own.id });
  await then("a pin");
  const { json } = await alice.get(path);
  await alice.delete(messageItem(own.id));
  await then("a deleted pin");
  assertConversation((await alice.get(path)).json, { ...json, pinned_message_id: null });
});

test("what leaves a conversation as it is leaves its tag: other conversations, its messages read, changed or deleted", async () => {
  const alice = await account();
  const [id, other] = [await alice.insert(), await alice.insert()];
  const [kept, gone] = [await alice.insertMessage(id), await alice.insertMessage(id)];
  const before = await alice.get(item(id));
  await alice.say(other);
  await alice.put(messageItem(kept), "read_at=5&message=Hi");
  await alice.delete(messageItem(gone));
  const after = await alice.get(item(id));
  assert.deepEqual([after.text, tagOf(after)], [before.text, tagOf(before)]);
});

test("a token's tag changes when it is rotated and when it is revoked", async () => {
  const alice = await account();
  const path = await TOKEN.make(alice);
  const made = await alice.get(path);
  await alice.post(`${path}/rotate`);
  const rotated = await alice.get(path);
  await alice.delete(path);
  assert.equal(new Set([made, rotated, await alice.get(path)].map(tagOf)).size, 3);
});

test("what is refused, and what is an error, has no tag but that of 412", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  for (const answer of [
    await alice.get(item(NO_ID)),
    await alice.put(path, "is_muted=maybe"),
    await alice.get(`${path}?x=1`),
    await alice.get(COLLECTION),
    await alice.delete(path),
  ]) {
    assert.equal(answer.headers.etag, undefined, answer.text);
  }
});

// ------------------------------------------------------------------------------------------------------ If-None-Match

for (const { name, make, change } of KINDS) {
  describe(`If-None-Match and ${name}`, () => {
    test("who has the current one gets 304 with its tag, and no body", async () => {
      const alice = await account();
      const path = await make(alice);
      const first = await alice.get(path);
      for (const condition of [
        tagOf(first),
        `W/${tagOf(first)}`,
        "*",
        ` ${tagOf(first)} `,
        `"x", ${tagOf(first)}`,
        `"x","y",W/${tagOf(first)} , "z"`,
      ]) {
        for (const verb of ["get", "head"] as const) {
          const answer = await alice[verb](path, undefined, { "If-None-Match": condition });
          assert.equal(answer.status, 304, condition);
          assert.equal(tagOf(answer), tagOf(first), condition);
          assert.equal(answer.headers["content-type"], undefined);
        }
      }
    });

    test("who has another one gets it whole", async () => {
      const alice = await account();
      const path = await make(alice);
      const first = await alice.get(path);
      for (const condition of [
        '"x"',
        '""',
        'W/"x"',
        '"x", "y"',
        tagOf(first).toLowerCase().replaceAll(/\d/g, "_"),
        tagOf(first).replace(/"$/, '0"'),
      ]) {
        for (const verb of ["get", "head"] as const) {
          const answer = await alice[verb](path, undefined, { "If-None-Match": condition });
          assert.deepEqual([answer.status, tagOf(answer)], [200, tagOf(first)], condition);
          if (verb === "get") assert.equal(answer.text, first.text);
        }
      }
    });

    if (change === undefined) return;
    test("after a change it is sent again", async () => {
      const alice = await account();
      const path = await make(alice);
      const before = await alice.get(path);
      await alice.put(path, change);
      const after = await alice.get(path, undefined, ifNoneMatch(before));
      assert.equal(after.status, 200);
      assert.equal((await alice.get(path, undefined, ifNoneMatch(after))).status, 304);
    });
  });
}

test("304 is one call to D1, like 200", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  const first = await alice.get(path);
  const { cost } = await alice.get(path, undefined, ifNoneMatch(first));
  assert.deepEqual(cost, first.cost);
});

test("another account's tag, or another object's, is not the object's", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert();
  await bob.insert({ id });
  await bob.put(item(id), "is_muted=true");
  assert.equal((await alice.get(item(id), undefined, ifNoneMatch(await bob.get(item(id))))).status, 200);
  assert.equal(
    (await alice.get(item(id), undefined, ifNoneMatch(await alice.get(item(await alice.insert()))))).status,
    200,
  );
});

test("what isn't there is 404 whatever the caller has, and who may not see it is told that", async () => {
  const alice = await account();
  const narrow = await account(8);
  for (const condition of ["*", '"x"']) {
    for (const path of [item(NO_ID), messageItem(NO_ID), tokenItem(NO_ID), item("x")]) {
      assertError(await alice.get(path, undefined, { "If-None-Match": condition }), 404, "resource_missing");
    }
    assertError(await narrow.get(item(NO_ID), undefined, { "If-None-Match": condition }), 403, "scope_insufficient");
  }
});

test("a list has no tag, and is always sent", async () => {
  const alice = await account();
  for (const path of [COLLECTION, MESSAGES, TOKEN_COLLECTION]) {
    assert.equal((await alice.get(path, undefined, { "If-None-Match": "*" })).status, 200);
  }
});

test("If-None-Match is for reading: a PUT doesn't mind it, nor does a GET If-Match", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  assert.equal((await alice.put(path, "is_muted=true", { "If-None-Match": "*" })).status, 200);
  assert.equal((await alice.get(path, undefined, { "If-Match": '"x"' })).status, 200);
});

// ----------------------------------------------------------------------------------------------------------- If-Match

/** Every write that minds If-Match. */
const WRITES: [string, Kind, (alice: Account, path: string, headers: Headers) => Promise<Answer>][] = [
  ...CHANGEABLE.flatMap((kind): typeof WRITES => [
    [`PUT ${kind.name}`, kind, (alice, path, headers) => alice.put(path, kind.change, headers)],
    [`PATCH ${kind.name}`, kind, (alice, path, headers) => alice.patch(path, kind.change, headers)],
    [`PUT ${kind.name} without attributes`, kind, (alice, path, headers) => alice.put(path, undefined, headers)],
  ]),
  ...KINDS.map((kind): (typeof WRITES)[number] => [
    `DELETE ${kind.name}`,
    kind,
    (alice, path, headers) => alice.delete(path, undefined, headers),
  ]),
];

/** Changes an object past the caller who has its tag. */
async function meanwhile(alice: Account, path: string, { change }: Kind): Promise<void> {
  const { status } = change === undefined ? await alice.post(`${path}/rotate`) : await alice.put(path, change);
  assert.ok(status < 300);
}

for (const [name, kind, write] of WRITES) {
  describe(`If-Match and ${name}`, () => {
    test("it is done for who has the current state", async () => {
      for (const condition of [
        (tag: string) => tag,
        (tag: string) => `W/${tag}`,
        (tag: string) => `"x", ${tag}`,
        (tag: string) => `${tag},"y"`,
        () => "*",
      ]) {
        const alice = await account();
        const path = await kind.make(alice);
        const answer = await write(alice, path, { "If-Match": condition(tagOf(await alice.get(path))) });
        assert.equal(answer.status, name.startsWith("DELETE") ? 204 : 200, answer.text);
        assert.equal(answer.cost.calls, 1);
      }
    });

    test("it is refused to who has another one, with the current tag, and nothing is written", async () => {
      const alice = await account();
      const path = await kind.make(alice);
      const seen = await alice.get(path);
      await meanwhile(alice, path, kind);
      const [now, before] = [await alice.get(path), await alice.everything()];
      for (const condition of [
        tagOf(seen),
        `W/${tagOf(seen)}`,
        '"x"',
        '""',
        `${tagOf(seen)}, "x"`,
        tagOf(now).replace(/"$/, '0"'),
      ]) {
        const answer = await write(alice, path, { "If-Match": condition });
        assertError(answer, 412, "precondition_failed", "If-Match");
        assert.equal(tagOf(answer), tagOf(now), condition);
        assert.deepEqual([answer.cost.calls, answer.cost.rowsWritten], [1, 0], condition);
      }
      assert.deepEqual(await alice.everything(), before);
      assert.ok((await write(alice, path, ifMatch(now))).status < 300, "with the tag that 412 named it is done");
    });

    test("what isn't there is 404, and what is wrong 400, before 412", async () => {
      const alice = await account();
      const path = await kind.make(alice);
      for (const condition of ["*", '"x"']) {
        for (const id of [NO_ID, "x"])
          assertError(await write(alice, path.slice(0, -16) + id, { "If-Match": condition }), 404, "resource_missing");
        assertError(await write(alice, `${path}?x=1`, { "If-Match": condition }), 400, "parameter_unknown", "x");
      }
    });
  });
}

test("what can't be pinned is 400 before 412", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  assertError(
    await alice.put(path, `pinned_message_id=${NO_ID}`, { "If-Match": '"x"' }),
    400,
    "parameter_invalid",
    "pinned_message_id",
  );
});

test("a message sent since makes a conversation another than its reader has seen", async () => {
  const alice = await account();
  const id = await alice.insert();
  const seen = await alice.get(item(id));
  await alice.say(id, { contact_id: "bob" });
  assertError(
    await alice.put(item(id), "last_opened_at=253402300799", ifMatch(seen)),
    412,
    "precondition_failed",
    "If-Match",
  );
  assertError(await alice.delete(item(id), undefined, ifMatch(seen)), 412, "precondition_failed", "If-Match");
  assert.equal((await alice.contents()).messages.length, 1);
});

test("a tag that a caller had before never comes back, not even with the same content", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  const seen = await alice.get(path);
  await alice.put(path, "is_muted=true");
  await alice.put(path, "is_muted=false");
  assert.equal((await alice.get(path)).text, seen.text);
  assertError(await alice.put(path, "is_pinned=true", ifMatch(seen)), 412, "precondition_failed", "If-Match");
});

test("with the tag of one's own change one may go on", async () => {
  const alice = await account();
  const path = await MESSAGE.make(alice);
  let last = await alice.get(path);
  for (const text of ["one", "two", "three"]) {
    last = await alice.put(path, { message: text }, ifMatch(last));
    assertMessage(last.json, { message: text });
  }
});

test("a list of a hundred tags is read to its end", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  const tags = Array.from({ length: 100 }, () => `"${randomId()}"`);
  assertError(
    await alice.put(path, "is_muted=true", { "If-Match": tags.join(", ") }),
    412,
    "precondition_failed",
    "If-Match",
  );
  assert.equal(
    (await alice.put(path, "is_muted=true", { "If-Match": [...tags, tagOf(await alice.get(path))].join(", ") })).status,
    200,
  );
  assert.equal(
    (await alice.put(path, "is_muted=false", { "If-Match": ['"x"', tagOf(await alice.get(path))] })).status,
    200,
    "in two headers",
  );
});

test("a condition is no SQL: quotes, percent signs and wildcards match nothing", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  for (const tag of ["%", "_", "'", "' OR '1'='1", "?5", "NULL", "*"]) {
    const answer = await alice.put(path, "is_muted=true", { "If-Match": `"${tag.replaceAll(" ", "")}"` });
    assertError(answer, 412, "precondition_failed", "If-Match");
  }
});

const MALFORMED = [
  "x",
  '"x',
  'x"',
  '"x" "y"',
  '"x",',
  ',"x"',
  '"x",,"y"',
  'w/"x"',
  "W/x",
  'W/ "x"',
  '"a b"',
  '"a\tb"',
  '*, "x"',
  '"x", *',
  "**",
  "'x'",
];

for (const [name, kind, write] of WRITES) {
  test(`${name}: a malformed If-Match is 400, and nothing is written`, async () => {
    const alice = await account();
    const path = await kind.make(alice);
    const before = await alice.everything();
    for (const condition of MALFORMED) {
      const answer = await write(alice, path, { "If-Match": condition });
      assertError(answer, 400, "parameter_invalid", "If-Match");
    }
    assert.deepEqual(await alice.everything(), before);
  });
}

test("a malformed If-None-Match is 400", async () => {
  const alice = await account();
  for (const { make } of KINDS) {
    const path = await make(alice);
    for (const condition of MALFORMED) {
      assertError(
        await alice.get(path, undefined, { "If-None-Match": condition }),
        400,
        "parameter_invalid",
        "If-None-Match",
      );
      assert.equal((await alice.head(path, undefined, { "If-None-Match": condition })).status, 400, condition);
    }
  }
});

test("bytes that aren't ASCII in a tag match nothing", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  const request = (tag: string) =>
    Buffer.from(
      `DELETE ${path} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nIf-Match: "${tag}"\r\nConnection: close\r\n\r\n`,
      "latin1",
    );
  for (const tag of ["\xe9", "\xff\xfe", "\x80"])
    assertError(await raw(request(tag)), 412, "precondition_failed", "If-Match");
});

// --------------------------------------------------------------------------------------------------------- contention

for (const [name, kind, write] of WRITES.filter(([name]) => !name.endsWith("without attributes"))) {
  test(`${name}: of 50 simultaneous ones with the same If-Match one wins, the others are told of it`, async () => {
    const alice = await account();
    const path = await kind.make(alice);
    const seen = await alice.get(path);
    const answers = await Promise.all(Array.from({ length: 50 }, () => write(alice, path, ifMatch(seen))));
    const won = answers.filter(({ status }) => status < 300);
    assert.equal(won.length, 1);
    for (const answer of answers.filter((each) => each !== won[0])) {
      if (name.startsWith("DELETE")) assertError(answer, 404, "resource_missing");
      else {
        assertError(answer, 412, "precondition_failed", "If-Match");
        assert.equal(tagOf(answer), tagOf(won[0]!));
      }
    }
  });
}

test("whoever was faster: an update that was under way when another came doesn't undo it", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  const seen = await alice.get(path);
  const { headers, reached, open } = gate();
  const slow = alice.put(path, "is_pinned=true&is_muted=false", { ...ifMatch(seen), ...headers });
  await reached();
  const fast = await alice.put(path, "is_muted=true", ifMatch(seen));
  await open();
  assertError(await slow, 412, "precondition_failed", "If-Match");
  assert.equal(tagOf(await slow), tagOf(fast));
  assertConversation((await alice.get(path)).json, { is_muted: true, is_pinned: false });
});

test("a counter that everybody raises with If-Match loses no step", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  await alice.put(path, "archived_at=0");
  const raise = async (): Promise<void> => {
    for (;;) {
      const seen = await alice.get(path);
      const { status } = await alice.put(path, { archived_at: seen.json.archived_at + 1 }, ifMatch(seen));
      if (status === 200) return;
      assert.equal(status, 412);
    }
  };
  await Promise.all(Array.from({ length: 10 }, raise));
  assert.equal((await alice.get(path)).json.archived_at, 10);
});

test("a row that was there before there were tags has one, and it changes", async () => {
  const alice = await account();
  const path = await CONVERSATION.make(alice);
  await sql("UPDATE conversations SET changed_by = NULL WHERE account_id = ?", alice.id);
  const seen = await alice.get(path);
  assert.equal(tagOf(seen), `"${path.slice(-16)}"`);
  assert.notEqual(tagOf(await alice.put(path, "is_muted=true", ifMatch(seen))), tagOf(seen));
});

test("a keyed POST's repetition shows the tag that the object had then", async () => {
  const alice = await account();
  const post = () => alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  const first = await post();
  await alice.put(String(first.headers.location), "is_muted=true");
  const again = await post();
  assert.equal(tagOf(again), tagOf(first));
  assertError(
    await alice.put(String(first.headers.location), "is_pinned=true", ifMatch(again)),
    412,
    "precondition_failed",
    "If-Match",
  );
});
