// The walk with the TypeScript client that @hey-api/openapi-ts makes: hey_api.ts CLIENT ORIGIN TOKEN.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const [module, origin, token] = process.argv.slice(2) as [string, string, string];
const api = await import(pathToFileURL(module).href);
const clientOf = (auth: string) => api.createClient({ baseUrl: origin, auth });
const client = clientOf(token);

/** Calls an operation. What the response has, or the error that it must have. */
async function call(operation: string, options: object = {}, code?: string): Promise<any> {
  const { data, error } = await api[operation]({ client, ...options });
  assert.equal(error?.code, code, `${operation}: ${JSON.stringify(error)}`);
  return data;
}

// Create, retrieve and update. What was sent took effect, and nothing else.
const created = await call("createConversation", { body: { contact_id: "hey-api" } });
const { id } = created;
const path = { id };
assert.deepEqual([created.contact_id, created.group_id, created.is_muted], ["hey-api", null, false]);
await call("updateConversation", { path, body: { is_muted: true, archived_at: 705103200 } });
await call("patchConversation", { path, body: { is_pinned: true } });
let found = await call("retrieveConversation", { path });
assert.deepEqual([found.is_muted, found.is_pinned, found.archived_at], [true, true, 705103200]);
await call("updateConversation", { path, body: { archived_at: null } });
found = await call("retrieveConversation", { path });
assert.deepEqual([found.is_muted, found.is_pinned, found.archived_at], [true, true, null]);

// Send, and change what was sent.
const sent = await call("createMessage", { body: { conversation_id: id, message: "« é 😀 »" } });
await call("updateMessage", { path: { id: sent.id }, body: { read_at: 705103200 } });
const { data: thread } = await call("listMessages", { query: { conversation_id: id } });
assert.deepEqual(
  thread.map((each: any) => [each.message, each.read_at]),
  [["« é 😀 »", 705103200]],
);
found = await call("retrieveConversation", { path, query: { include: "last_message" } });
assert.equal(found.last_message.id, sent.id);

// List and page, in both orders.
const others: string[] = [];
for (const group_id of ["g0", "g1", "g2", "g3"])
  others.push((await call("createConversation", { body: { contact_id: "hey-api", group_id } })).id);
const ids = [id, ...others];
const filters = { contact_id: "hey-api", order: "asc", limit: 2 };
const seen: string[] = [];
let page: any;
do {
  page = await call("listConversations", { query: { ...filters, starting_after: seen.at(-1) } });
  seen.push(...page.data.map((each: any) => each.id));
} while (page.has_more);
assert.deepEqual(seen, ids);
page = await call("listConversations", {
  query: {
    contact_id: "hey-api",
    since: created.created_at,
    until: created.created_at + 3600,
    include: "last_message,total_count",
  },
});
assert.deepEqual(
  page.data.map((each: any) => each.id),
  ids.toReversed(),
);
assert.deepEqual(page.total_count, { value: 5, relation: "eq" });
assert.deepEqual([page.data.at(-1).last_message.message, page.data[0].last_message], ["« é 😀 »", null]);

// Many at once.
const many = await call("updateConversations", {
  body: { ids: [...others, "NoSuchConversat0"], last_opened_at: 705103200 },
});
assert.deepEqual(
  many.data.map((each: any) => [each.id, each.last_opened_at]),
  others.map((other) => [other, 705103200]),
);
assert.deepEqual(many.missing, ["NoSuchConversat0"]);

// Events and endpoints.
const { data: log } = await call("listEvents", { query: { limit: 100 } });
const event = log.find(({ conversation_id }: any) => conversation_id === id);
assert.deepEqual([event.type, event.conversation.id], ["conversation.created", id]);
const webhook = await call("createWebhook", { body: { url: "http://127.0.0.1:1024/", types: ["message.created"] } });
assert.match(webhook.secret, /^whsec_/);
const endpoint = { path: { id: webhook.id } };
await call("updateWebhook", { ...endpoint, body: { types: null, status: "disabled" } });
found = await call("retrieveWebhook", endpoint);
assert.deepEqual([found.types, found.status], [null, "disabled"]);
assert.notEqual((await call("rotateWebhook", endpoint)).secret, webhook.secret);
await call("deleteWebhook", endpoint);

// Tokens: the successor works, and the old one does not any more.
const own = await call("retrieveCurrentToken");
assert.equal(own.name, "conformance");
const scopes = "conversations:read tokens:write";
const old = await call("createToken", { body: { name: "old", scopes } });
const mine = await call("retrieveCurrentToken", { client: clientOf(old.token) });
assert.deepEqual([mine.id, mine.scopes, mine.account], [old.id, scopes, own.account]);
const successor = await call("rotateToken", { path: { id: old.id }, body: { grace_period: 0 } });
assert.deepEqual([successor.name, successor.scopes], ["old", scopes]);
assert.equal((await call("retrieveConversation", { path, client: clientOf(successor.token) })).id, id);
await call("listTokens", { client: clientOf(old.token) }, "token_invalid");
const { data: listed } = await call("listTokens", { query: { limit: 100 } });
assert.ok(listed.some((each: any) => each.id === successor.id));
await call("revokeToken", { path: { id: successor.id } });

// Delete.
for (const each of ids) await call("deleteConversation", { path: { id: each } });
await call("retrieveConversation", { path }, "resource_missing");
