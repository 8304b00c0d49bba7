// A valid request of every operation, and an account to send it to. The requests are the examples of openapi.yaml: an
// id in an example stands for the object whose schema has that id in its own example.

import assert from "node:assert/strict";
import { type Account, account } from "./accounts.ts";
import type { Answer } from "./audit.ts";
import { home } from "./configuration.ts";
import { contentsOf, storing } from "./copies.ts";
import { type Headers, JSON_TYPE } from "./http.ts";
import { type Attributes, KINDS, kindAt, lacking, OPERATIONS, type Operation, operation } from "./operations.ts";
import { ALL, hashOf, newToken, randomId } from "./tokens.ts";

/** The path of an operation in the terms of the examples. */
export function examplePath({ id, path }: Operation): string {
  const kind = KINDS.find(({ collection }) => path.startsWith(`${collection}/{id}`));
  return path.replace("{id}", () => kind?.exampleId ?? lacking(`${id} has an id of no kind of object`));
}

/** An account with one object of every kind. */
export interface World {
  account: Account;
  /** The text with the ids of the account's objects for those of the examples. */
  real: (text: string) => string;
}

/** The URL of an endpoint in the examples, and the one that stands for it: no test sends anything to the internet. Both
 * have the same length, as some tests count bytes. */
const EXAMPLE_URL = String(operation("createWebhook").body?.example.url ?? lacking("no URL of an endpoint"));
export const NOWHERE = "http://127.0.0.1:1024/events";

/** The text with other ids for those of the examples. */
export const replaceIds = (text: string, idOf: (exampleId: string) => string): string =>
  KINDS.reduce(
    (real, { exampleId }) => real.replaceAll(exampleId, () => idOf(exampleId)),
    text.replaceAll(EXAMPLE_URL, NOWHERE),
  );

const worldOf = (account: Account, ids: Map<string, string>): World => ({
  account,
  real: (text) => replaceIds(text, (exampleId) => ids.get(exampleId) ?? exampleId),
});

/** The objects of the examples as the API makes them, and their ids. */
async function made() {
  const ids = new Map<string, string>();
  const here = worldOf(await account(), ids);
  const own = hashOf(here.account.token);
  for (const { create, exampleId } of KINDS) {
    const answer = await send(here, example(create));
    assert.equal(answer.status, 201, `the example of ${create.id}: ${answer.text}`);
    ids.set(exampleId, answer.json.id);
  }
  const contents = await contentsOf({ id: here.account.id, shard: home });
  for (const table of contents) table.rows = table.rows.filter(({ hash }) => hash !== own);
  return { ids, contents };
}

let first: ReturnType<typeof made> | undefined;

/** An account of its own, with objects of its own. The API makes the first ones, and later ones are copies of them: to
 * make all of them by requests would take longer than most tests. */
export async function world(): Promise<World> {
  first ??= made();
  const { ids, contents } = await first;
  // An id begins with its time. The last seven characters are those of the request, and of its position in the log.
  const mine = new Map([...ids].map(([exampleId, id]) => [exampleId, id.slice(0, -7) + randomId().slice(-7)]));
  const text = [...ids].reduce(
    (text, [exampleId, id]) => text.replaceAll(id.slice(-7), mine.get(exampleId)!.slice(-7)),
    JSON.stringify(contents),
  );
  const holder = await account(ALL, (id, { number }) => {
    const copies: typeof contents = JSON.parse(text);
    for (const row of copies.find(({ name }) => name === "tokens")!.rows) {
      row.hash = hashOf(newToken(number));
      // No two tokens of a database have the same id, also when this account moves there.
      if (number !== home.number) row.id = randomId();
    }
    return [
      ...storing(id, copies),
      // A delivery at its own time would change what a test compares.
      ["UPDATE webhooks SET is_enabled = 0, disabled_reason = 'requested' WHERE account_id = ?", id],
      ["UPDATE tokens SET is_watched = 0 WHERE account_id = ?", id],
    ];
  });
  return worldOf(holder, mine);
}

// ------------------------------------------------------------------------------------------------------ valid requests

/** A valid request of a world, in the terms of the examples. */
export interface Request {
  name: string;
  operation: Operation;
  /** Path and query. */
  target: string;
  body?: Attributes;
  /** Its status when the same request was done before, without an `Idempotency-Key`. */
  again: number;
}

/** A token is rotated once, as long as its successor is valid. */
const AGAIN: Record<string, number> = { rotateToken: 409 };

type Variant = { name?: string; query?: string; body?: Attributes; again?: number };

function request(operation: Operation, { name, query, again, ...rest }: Variant = {}): Request {
  return {
    name: name === undefined ? operation.name : `${operation.name}, ${name}`,
    operation,
    target: examplePath(operation) + (query === undefined ? "" : `?${query}`),
    body: "body" in rest ? rest.body : operation.body?.example,
    again: again ?? AGAIN[operation.id] ?? (operation.method === "DELETE" ? 404 : operation.success),
  };
}

/** The example of an operation. */
export const example = (operation: Operation): Request => request(operation);

const conversation = kindAt("/v1/conversations").exampleId;
const message = kindAt("/v1/messages").exampleId;

/** Requests besides the examples that make the Worker run other SQL. */
const VARIANTS: [id: string, variant: Variant][] = [
  ["listConversations", { name: "by activity", query: "sort=last_active_at&unread=true" }],
  ["listConversations", { name: "of a period", query: "since=5&order=asc&include=last_message,total_count" }],
  ["listConversations", { name: "of a group and a period", query: "until=5&group_id=g&include=total_count" }],
  ["listConversations", { name: "of a period by activity", query: "since=5&sort=last_active_at&muted=false" }],
  ["listConversations", { name: "of a contact and a period", query: "contact_id=bob&since=5&include=total_count" }],
  ["listConversations", { name: "with last messages", query: "pinned=false&include=last_message,total_count" }],
  ["createConversation", { name: "distinct", body: { contact_id: "bob", distinct: true }, again: 200 }],
  ["retrieveConversation", { name: "with its last message", query: "include=last_message" }],
  ["updateConversation", { name: "no attributes", body: undefined }],
  ["updateConversation", { name: "flags", body: { is_muted: true, archived_at: 5 } }],
  ["updateConversation", { name: "pin", body: { pinned_message_id: message } }],
  ["updateConversation", { name: "last_opened_at", body: { last_opened_at: 5 } }],
  ["patchConversation", { name: "unpin", body: { pinned_message_id: null } }],
  ["patchConversation", { name: "unarchive", body: { archived_at: null } }],
  ["listMessages", { name: "of a conversation", query: `conversation_id=${conversation}` }],
  ["listMessages", { name: "of a period", query: "since=5&order=asc&include=total_count" }],
  ["listMessages", { name: "of a conversation and a period", query: `conversation_id=${conversation}&until=9` }],
  [
    "listMessages",
    { name: "of a conversation, counted", query: `conversation_id=${conversation}&include=total_count` },
  ],
  [
    "createMessage",
    { name: "of a contact", body: { conversation_id: conversation, message: "Hello", contact_id: "bob" } },
  ],
  ["updateMessage", { name: "no attributes", body: undefined }],
  ["updateMessage", { name: "all attributes", body: { message: "Hi", read_at: 5 } }],
  ["rotateToken", { name: "no attributes", body: undefined }],
  ["createWebhook", { name: "all types", body: { url: EXAMPLE_URL } }],
  ["updateWebhook", { name: "no attributes", body: undefined }],
  ["updateWebhook", { name: "url", body: { url: `${EXAMPLE_URL}/new` } }],
  ["updateWebhook", { name: "enable", body: { status: "enabled" } }],
  ["updateWebhook", { name: "replay", body: { last_event_id: "0000000000000000" } }],
  ["patchWebhook", { name: "clear", body: { types: null, description: null } }],
  ["rotateWebhook", { name: "no attributes", body: undefined }],
];

/** The example of every operation, and the variants. */
export const REQUESTS: Request[] = [
  ...OPERATIONS.map(example),
  ...VARIANTS.map(([id, variant]) => request(operation(id), variant)),
];

/** Whether a request only reads: it can be repeated without harm. */
export const reads = ({ operation: { method }, body }: Request): boolean =>
  method === "GET" || (["PUT", "PATCH"].includes(method) && body === undefined);

/** Whether a request can have an `Idempotency-Key`. */
export const canBeKeyed = ({ operation }: Request): boolean => operation.headers.includes("Idempotency-Key");

/** The API as the holder of any token uses it. */
export type Caller = Pick<Account, "send">;

/** Sends a request to the world that it is about, as its account or as another caller. */
export function send(
  { account, real }: World,
  { operation, target, body }: Pick<Request, "operation" | "target" | "body">,
  headers: Headers = {},
  caller: Caller = account,
): Promise<Answer> {
  const text = body && real(JSON.stringify(body));
  const type = text === undefined ? {} : { "Content-Type": JSON_TYPE };
  return caller.send(operation.method, real(target), { ...type, ...headers }, text);
}

/** Values that an update with null clears. */
const VALUES: Attributes = { pinned_message_id: message, archived_at: 7, types: ["message.deleted"], description: "x" };

/** Gives the object of an update those values that the update clears: without them it would change nothing. */
export async function giveValues(here: World, { operation, target, body }: Request): Promise<void> {
  const cleared = Object.keys(body ?? {}).filter((name) => body?.[name] === null);
  if (cleared.length === 0) return;
  const values = Object.fromEntries(cleared.map((name) => [name, VALUES[name]]));
  const answer = await send(here, { operation, target, body: values });
  assert.equal(answer.status, 200, answer.text);
}
