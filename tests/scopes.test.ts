// A caller without the scope to read an object never gets it back from a write: an update answers 204, a creation has
// the id alone. Contract, "Bounds and scopes".

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { assertError } from "./support/expectations.ts";
import { api, keyed } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem } from "./support/paths.ts";
import { canBeKeyed, REQUESTS, type Request, send, world } from "./support/requests.ts";
import { ALL, bitOf, SCOPES } from "./support/tokens.ts";

/** The requests that answer with a conversation or a message, and that the scope to write it allows. */
const WRITES = REQUESTS.filter(
  ({ operation: { method, scope } }) => method !== "DELETE" && /^(conversations|messages):write$/.test(String(scope)),
);

/** All scopes but that of reading what the request writes. */
const blind = ({ operation }: Request): number => ALL & ~bitOf(operation.scope?.replace("write", "read"));

/** The object's id after a creation, nothing after an update. */
function assertBlind(answer: Answer, { operation: { method, path } }: Request): void {
  if (method === "POST") {
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(Object.keys(answer.json), ["id"]);
    assert.ok(answer.headers.location!.endsWith(answer.json.id));
  } else assert.deepEqual([answer.status, answer.text], [204, ""]);
  // An update of many has no tag.
  const isTagged = method === "POST" || path.endsWith("{id}");
  if (isTagged) assert.match(String(answer.headers.etag), /^"[^"]+"$/);
  else assert.equal(answer.headers.etag, undefined);
}

for (const request of WRITES) {
  test(`${request.name}: a caller without the read scope gets no object, and the same is done`, async () => {
    const here = await world();
    const narrow = api(await grant(here.account.id, { scopes: blind(request) }));
    for (const headers of canBeKeyed(request) ? [keyed("a"), keyed("a")] : [{}])
      assertBlind(await send(here, request, headers, narrow), request);

    // With the read scope and without, the same is written.
    const [wide, blinded] = [await world(), await world()];
    const seen = await send(wide, request);
    const unseen = await send(blinded, request, {}, api(await grant(blinded.account.id, { scopes: blind(request) })));
    assert.equal(seen.cost.rowsWritten, unseen.cost.rowsWritten);
  });
}

test("a key that a caller with the read scope used shows nothing to one without, and the other way round", async () => {
  for (const request of WRITES.filter(canBeKeyed)) {
    const here = await world();
    const narrow = api(await grant(here.account.id, { scopes: blind(request) }));
    const whole = await send(here, request, keyed("a"));
    const replayed = await send(here, request, keyed("a"), narrow);
    assert.deepEqual([replayed.status, replayed.json], [whole.status, { id: whole.json.id }]);
    assert.equal(replayed.headers["idempotent-replayed"], "true");

    const alone = await send(here, request, keyed("b"), narrow);
    const again = await send(here, request, keyed("b"));
    assert.equal(again.json.id, alone.json.id);
    assert.ok(Object.keys(again.json).length > 1, request.name);
  }
});

test("`distinct=true` that finds a conversation shows its id alone", async () => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob", is_muted: 1 });
  const narrow = api(await grant(alice.id, { scopes: SCOPES["conversations:write"] }));
  const answer = await narrow.post(COLLECTION, "contact_id=bob&distinct=true");
  assert.deepEqual([answer.status, answer.json], [200, { id }]);
});

test("the scope of another resource reads nothing", async () => {
  const alice = await account();
  const id = await alice.insert();
  const message = await alice.insertMessage(id, { message: "secret" });
  const scopes = SCOPES["conversations:write"]! | SCOPES["messages:read"]! | SCOPES["tokens:write"]!;
  const narrow = api(await grant(alice.id, { scopes }));
  assert.equal((await narrow.put(item(id))).status, 204);
  const other = api(await grant(alice.id, { scopes: SCOPES["messages:write"]! | SCOPES["conversations:read"]! }));
  assert.equal((await other.put(messageItem(message))).status, 204);
  const sent = await other.post(MESSAGES, `conversation_id=${id}&message=Hello`);
  assert.deepEqual(Object.keys(sent.json), ["id"]);
});

test("a condition that fails is told, and the object is not", async () => {
  const alice = await account();
  const id = await alice.insert();
  const narrow = api(await grant(alice.id, { scopes: SCOPES["conversations:write"] }));
  for (const attributes of ["", "is_muted=true"])
    assertError(await narrow.put(item(id), attributes, { "If-Match": '"x"' }), 412, "precondition_failed", "If-Match");
  assertError(await narrow.put(item("NoSuchConversat0"), "is_muted=true"), 404, "resource_missing");
});
