// ETag, If-None-Match and If-Match: an object that the caller has already is not sent again, and a write is done only
// to the state that the caller has seen. That every object has an ETag is asserted on every response:
// tests/support/audit.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { gate, sql } from "./support/database.ts";
import { assertConversation, assertError, assertMessage, assertWebhook } from "./support/expectations.ts";
import { api, type Headers, ifMatch, ifNoneMatch, keyed, raw, send, textOf } from "./support/http.ts";
import { CONDITIONS } from "./support/mistakes.ts";
import { KINDS, type Kind, kindAt, OPERATIONS } from "./support/operations.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem, NO_ID, TOKEN_COLLECTION, WEBHOOKS } from "./support/paths.ts";
import {
  canBeKeyed,
  example,
  giveValues,
  REQUESTS,
  type Request,
  reads,
  send as sendRequest,
  type World,
  world,
} from "./support/requests.ts";
import { ALL, bitOf, newToken, randomId } from "./support/tokens.ts";

const tagOf = ({ headers }: Answer): string => String(headers.etag);

/** An object of a kind that another request has changed, or will. */
interface Subject {
  here: World;
  alice: Account;
  path: string;
  /** Changes the object by a request that does not mind its state. */
  change: () => Promise<Answer>;
}

/** The request that changes an object: its update, or else what is done to it at a path below its own. */
const changeOf = ({ collection, retrieve }: Kind): Request =>
  REQUESTS.find(({ operation }) => operation.method === "PUT" && operation.path === retrieve.path) ??
  REQUESTS.find(({ operation }) => operation.path.startsWith(`${collection}/{id}/`)) ??
  assert.fail(`No request changes an object of ${collection}`);

async function object(kind: Kind): Promise<Subject> {
  const here = await world();
  const { account: alice, real } = here;
  const change = async () => {
    const answer = await sendRequest(here, changeOf(kind));
    assert.ok(answer.status < 300, answer.text);
    return answer;
  };
  return { here, alice, path: real(example(kind.retrieve).target), change };
}

const CONVERSATION = kindAt(COLLECTION);
const MESSAGE = kindAt(MESSAGES);
const TOKEN = kindAt(TOKEN_COLLECTION);
/** Of one object: an update of many has no ETag. */
const UPDATES = OPERATIONS.filter(({ method, path }) => /PUT|PATCH/.test(method) && path.endsWith("{id}"));

/** The object that a request writes, in a state that the request changes. */
async function written(request: Request): Promise<Subject> {
  const { path } = request.operation;
  const subject = await object(KINDS.find(({ retrieve }) => retrieve.path === path) ?? assert.fail(path));
  await giveValues(subject.here, request);
  return subject;
}

const MALFORMED = [
  "x",
  '"x',
  'x"',
  '"x" "y"',
  '"x""y"',
  ",",
  " , ,",
  'w/"x"',
  "W/x",
  'W/ "x"',
  '"a b"',
  '"a\tb"',
  '*, "x"',
  '"x", *',
  "*,",
  ", *",
  "**",
  "'x'",
];

// ------------------------------------------------------------------------------------------------------------ the ETag

for (const kind of KINDS) {
  describe(`the ETag of ${kind.retrieve.path}`, () => {
    test("stays the same while nothing changes, and is the same for GET and HEAD", async () => {
      const { here, alice, path } = await object(kind);
      const tags = [await alice.get(path), await alice.head(path), await alice.get(path)].map(tagOf);
      assert.match(tags[0]!, /^"[\w.-]+"$/);
      assert.equal(new Set(tags).size, 1);
      for (const update of UPDATES.filter((each) => each.path === kind.retrieve.path)) {
        const nothing = await sendRequest(here, { ...example(update), body: undefined });
        assert.equal(tagOf(nothing), tags[0], `${update.name} without attributes changes nothing`);
      }
    });

    test("differs from object to object", async () => {
      const { here, alice, path } = await object(kind);
      const other = await sendRequest(here, example(kind.create));
      assert.notEqual(tagOf(await alice.get(path)), tagOf(other));
    });

    test("is new after a change", async () => {
      const { alice, path, change } = await object(kind);
      const before = tagOf(await alice.get(path));
      await change();
      assert.notEqual(tagOf(await alice.get(path)), before);
    });
  });
}

for (const update of REQUESTS.filter(({ operation, body }) => UPDATES.includes(operation) && body !== undefined)) {
  test(`${update.name}: a change makes a new ETag, and the same update again keeps it`, async () => {
    const { here, alice, path } = await written(update);
    const before = tagOf(await alice.get(path));
    const changed = await sendRequest(here, update);
    assert.equal(changed.status, 200, changed.text);
    assert.notEqual(tagOf(changed), before);
    assert.equal(tagOf(changed), tagOf(await alice.get(path)));
    const contents = await alice.contents();
    const again = await sendRequest(here, update);
    assert.deepEqual([again.status, again.text, tagOf(again)], [200, changed.text, tagOf(changed)]);
    assert.equal(again.cost.rowsWritten, 0);
    assert.deepEqual(await alice.contents(), contents);
  });
}

// A ping has no state.
for (const request of REQUESTS.filter((each) => canBeKeyed(each) && each.operation.success === 201)) {
  test(`${request.name}: the response has the ETag that GET has`, async () => {
    const here = await world();
    for (const status of [201, request.again]) {
      const answer = await sendRequest(here, request);
      assert.equal(answer.status, status);
      if (status < 400) assert.equal(tagOf(answer), tagOf(await here.account.get(String(answer.headers.location))));
    }
  });
}

test("a message sent to a new conversation changes the conversation's ETag", async () => {
  const alice = await account();
  const created = await alice.post(COLLECTION, "contact_id=bob");
  await alice.say(created.json.id);
  assert.notEqual(tagOf(created), tagOf(await alice.get(String(created.headers.location))));
});

test("a conversation gets a new ETag when a message is sent, pinned, and deleted while it is pinned", async () => {
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

test("a conversation keeps its ETag when others change, and when its messages are updated or deleted", async () => {
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

test("an endpoint gets a new ETag from a delivery, and an update with the one from before is done", async () => {
  const { alice, path } = await object(kindAt(WEBHOOKS));
  const seen = await alice.get(path);
  await sql("UPDATE webhooks SET seq = seq + 1 WHERE account_id = ?", alice.id);
  assert.notEqual(tagOf(await alice.get(path)), tagOf(seen));
  assert.equal((await alice.get(path, undefined, ifNoneMatch(seen))).status, 200);
  const updated = await alice.put(path, { description: "Search" }, ifMatch(seen));
  assertWebhook(updated.json, { description: "Search" });
  assertError(await alice.put(path, { description: "x" }, ifMatch(seen)), 412, "precondition_failed", "If-Match");
});

test("a token gets a new ETag when it is rotated and when it is revoked", async () => {
  const { alice, path } = await object(TOKEN);
  const made = await alice.get(path);
  await alice.post(`${path}/rotate`);
  const rotated = await alice.get(path);
  await alice.delete(path);
  assert.equal(new Set([made, rotated, await alice.get(path)].map(tagOf)).size, 3);
});

test("an error has no ETag, except a 412", async () => {
  const { alice, path } = await object(CONVERSATION);
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

for (const kind of KINDS) {
  describe(`If-None-Match and ${kind.retrieve.path}`, () => {
    test("the current ETag is a 304 with that ETag and no body", async () => {
      const { alice, path } = await object(kind);
      const first = await alice.get(path);
      for (const condition of [
        tagOf(first),
        `W/${tagOf(first)}`,
        "*",
        ` ${tagOf(first)} `,
        `"x", ${tagOf(first)}`,
        `"x","y",W/${tagOf(first)} , "z"`,
        `${tagOf(first)},`,
        `, "x",, ${tagOf(first)} ,`,
      ]) {
        for (const verb of ["get", "head"] as const) {
          const answer = await alice[verb](path, undefined, { "If-None-Match": condition });
          assert.equal(answer.status, 304, condition);
          assert.equal(tagOf(answer), tagOf(first), condition);
          assert.equal(answer.headers["content-type"], undefined);
        }
      }
    });

    test("another ETag is a 200 with the whole object", async () => {
      const { alice, path } = await object(kind);
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

    test("after a change the object is sent again", async () => {
      const { alice, path, change } = await object(kind);
      const before = await alice.get(path);
      await change();
      const after = await alice.get(path, undefined, ifNoneMatch(before));
      assert.equal(after.status, 200);
      assert.equal((await alice.get(path, undefined, ifNoneMatch(after))).status, 304);
    });

    test("a malformed If-None-Match is a 400", async () => {
      const { alice, path } = await object(kind);
      for (const condition of MALFORMED) {
        const header = { "If-None-Match": condition };
        assertError(await alice.get(path, undefined, header), 400, "parameter_invalid", "If-None-Match");
        assert.equal((await alice.head(path, undefined, header)).status, 400, condition);
      }
    });

    test("an object that does not exist is a 404, and without the scope a 403", async () => {
      const alice = await account();
      const narrow = await account(ALL & ~bitOf(kind.retrieve.scope));
      for (const condition of ["*", '"x"']) {
        const header = { "If-None-Match": condition };
        for (const path of [`${kind.collection}/${NO_ID}`, `${kind.collection}/x`]) {
          assertError(await alice.get(path, undefined, header), 404, "resource_missing");
          assertError(await narrow.get(path, undefined, header), 403, "scope_insufficient");
        }
      }
    });
  });
}

test("a 304 costs the same as a 200: one call to D1", async () => {
  const { alice, path } = await object(CONVERSATION);
  const first = await alice.get(path);
  const { cost } = await alice.get(path, undefined, ifNoneMatch(first));
  assert.deepEqual(cost, first.cost);
});

test("another account's or another object's ETag does not match", async () => {
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

test("a list has no ETag, except that of events: no tag matches, and it is always sent", async () => {
  const alice = await account();
  const lists = OPERATIONS.filter(
    ({ method, path, headers }) =>
      method === "GET" && !path.includes("{id}") && path !== EVENTS && !headers.includes("If-None-Match"),
  );
  assert.ok(lists.length >= 4);
  for (const { path } of lists) {
    const answer = await alice.get(path, undefined, { "If-None-Match": '"x", W/"y"' });
    assert.deepEqual([answer.status, answer.headers.etag], [200, undefined], path);
  }
});

// ---------------------------------------------------------------------------------- conditions that do not work there

for (const { operation, ...request } of OPERATIONS.map(example)) {
  for (const name of CONDITIONS.filter((name) => !operation.headers.includes(name))) {
    const isList = operation.method === "GET" && name === "If-None-Match";
    const isOfMany = isList || (operation.method === "PATCH" && name === "If-Match");
    const what = isList ? `${name}: *` : name;
    test(`${request.name}: ${what} is a 400 that says where it works, and nothing is written`, async () => {
      const here = await world();
      const before = await here.account.everything();
      for (const condition of isList ? ["*"] : ["*", '"x"', "x"]) {
        const header = { [name]: condition };
        const answer = await sendRequest(here, { operation, ...request }, header);
        assertError(answer, 400, "parameter_invalid", name);
        assert.match(answer.json.message, isOfMany ? /single object/ : /works with .* only\..* use `If-/);
        assert.deepEqual([answer.cost.calls, answer.cost.rowsWritten], [1, 0]);
        if (operation.method === "GET")
          assert.equal((await here.account.head(here.real(request.target), undefined, header)).status, 400);
        const unknown = api(newToken());
        assertError(await sendRequest(here, { operation, ...request }, header, unknown), 401, "token_invalid");
      }
      assert.deepEqual(await here.account.everything(), before);
    });
  }
}

test("the health check has no ETag: a condition is a 400", async () => {
  const health = (headers: Headers) => send("GET", "/health", headers);
  assertError(await health({ "If-Match": '"x"' }), 400, "parameter_invalid", "If-Match");
  assertError(await health({ "If-None-Match": "*" }), 400, "parameter_invalid", "If-None-Match");
  assert.equal((await health({ "If-None-Match": '"x"' })).status, 200);
});

// ----------------------------------------------------------------------------------------------------------- If-Match

/** Every request that may have an If-Match. */
const WRITES = REQUESTS.filter(({ operation }) => operation.headers.includes("If-Match"));

for (const request of WRITES) {
  const { operation, target } = request;
  describe(`If-Match and ${request.name}`, () => {
    test("with the current ETag it is done", async () => {
      for (const condition of [
        (tag: string) => tag,
        (tag: string) => `W/${tag}`,
        (tag: string) => `"x", ${tag}`,
        (tag: string) => `${tag},"y"`,
        (tag: string) => `${tag},`,
        (tag: string) => `, "x",, ${tag} ,`,
        () => "*",
      ]) {
        const { here, alice, path } = await written(request);
        const answer = await sendRequest(here, request, { "If-Match": condition(tagOf(await alice.get(path))) });
        assert.equal(answer.status, operation.success, answer.text);
        assert.equal(answer.cost.calls, 1);
      }
    });

    test("with another ETag it is a 412 that has the current one, and nothing is written", async () => {
      const { here, alice, path, change } = await written(request);
      const seen = await alice.get(path);
      await change();
      const [now, before] = [await alice.get(path), await alice.everything()];
      for (const condition of [
        tagOf(seen),
        `W/${tagOf(seen)}`,
        '"x"',
        '""',
        `${tagOf(seen)}, "x"`,
        // The part that updates change, with one character more.
        tagOf(now).replace(/^"\w+/, "$&0"),
      ]) {
        const answer = await sendRequest(here, request, { "If-Match": condition });
        assertError(answer, 412, "precondition_failed", "If-Match");
        assert.equal(tagOf(answer), tagOf(now), condition);
        assert.deepEqual([answer.cost.calls, answer.cost.rowsWritten], [1, 0], condition);
      }
      assert.deepEqual(await alice.everything(), before);
      assert.ok((await sendRequest(here, request, ifMatch(now))).status < 300, "with the ETag of the 412 it is done");
    });

    test("404 and 400 come before 412", async () => {
      const { here } = await written(request);
      for (const condition of ["*", '"x"']) {
        const headers = { "If-Match": condition };
        for (const id of [NO_ID, "x"]) {
          const missing = { ...request, target: operation.path.replace("{id}", id) };
          assertError(await sendRequest(here, missing, headers), 404, "resource_missing");
        }
        const wrong = { ...request, target: `${target}?x=1` };
        assertError(await sendRequest(here, wrong, headers), 400, "parameter_unknown", "x");
      }
    });

    test("a malformed If-Match is a 400, and nothing is written", async () => {
      const { here, alice } = await written(request);
      const before = await alice.everything();
      for (const condition of MALFORMED) {
        const answer = await sendRequest(here, request, { "If-Match": condition });
        assertError(answer, 400, "parameter_invalid", "If-Match");
      }
      assert.deepEqual(await alice.everything(), before);
    });

    if (reads(request)) return;
    test("of 50 simultaneous requests with the same ETag one is done", async () => {
      const { here, alice, path } = await written(request);
      const seen = await alice.get(path);
      const answers = await Promise.all(Array.from({ length: 50 }, () => sendRequest(here, request, ifMatch(seen))));
      const done = answers.filter(({ status }) => status < 300);
      assert.equal(done.length, 1);
      for (const answer of answers.filter((each) => each !== done[0])) {
        if (operation.method === "DELETE") assertError(answer, 404, "resource_missing");
        else {
          assertError(answer, 412, "precondition_failed", "If-Match");
          assert.equal(tagOf(answer), tagOf(done[0]!));
        }
      }
    });
  });
}

test("a message that cannot be pinned is a 400 before a 412", async () => {
  const { alice, path } = await object(CONVERSATION);
  assertError(
    await alice.put(path, `pinned_message_id=${NO_ID}`, { "If-Match": '"x"' }),
    400,
    "parameter_invalid",
    "pinned_message_id",
  );
});

test("a message sent since the conversation was read makes its ETag outdated", async () => {
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

test("an outdated ETag never becomes current again, even when the content is the same again", async () => {
  const { alice, path } = await object(CONVERSATION);
  const seen = await alice.get(path);
  await alice.put(path, "is_muted=true");
  await alice.put(path, "is_muted=false");
  assert.equal((await alice.get(path)).text, seen.text);
  assertError(await alice.put(path, "is_pinned=true", ifMatch(seen)), 412, "precondition_failed", "If-Match");
});

test("the ETag of an update's response is valid for the next update", async () => {
  const { alice, path } = await object(MESSAGE);
  let last = await alice.get(path);
  for (const text of ["one", "two", "three"]) {
    last = await alice.put(path, { message: text }, ifMatch(last));
    assertMessage(last.json, { message: text });
  }
});

test("an If-Match of a hundred ETags is read to its end", async () => {
  const { alice, path } = await object(CONVERSATION);
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

test("an ETag is compared as text: quotes, percent signs and wildcards match nothing", async () => {
  const { alice, path } = await object(CONVERSATION);
  for (const tag of ["%", "_", "'", "' OR '1'='1", "?5", "NULL", "*"]) {
    const answer = await alice.put(path, "is_muted=true", { "If-Match": `"${tag.replaceAll(" ", "")}"` });
    assertError(answer, 412, "precondition_failed", "If-Match");
  }
});

test("an ETag with bytes that are not ASCII matches nothing", async () => {
  const { alice, path } = await object(CONVERSATION);
  const request = (tag: string) => {
    const headers = { Authorization: `Bearer ${alice.token}`, "If-Match": `"${tag}"` };
    return Buffer.from(textOf("DELETE", path, headers), "latin1");
  };
  for (const tag of ["\xe9", "\xff\xfe", "\x80"])
    assertError(await raw(request(tag)), 412, "precondition_failed", "If-Match");
});

// ------------------------------------------------------------------------------------------ optimistic concurrency

test("an update under way does not undo an update that came in between", async () => {
  const { alice, path } = await object(CONVERSATION);
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

test("ten callers who count up with If-Match and retries lose no step", async () => {
  const { alice, path } = await object(CONVERSATION);
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

test("a row from before there were ETags has one, and an update changes it", async () => {
  const { alice, path } = await object(CONVERSATION);
  await sql("UPDATE conversations SET changed_by = NULL WHERE account_id = ?", alice.id);
  const seen = await alice.get(path);
  assert.equal(tagOf(seen), `"${path.slice(-16)}"`);
  assert.notEqual(tagOf(await alice.put(path, "is_muted=true", ifMatch(seen))), tagOf(seen));
});

test("a replayed response has the ETag that the object had then", async () => {
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
