// What responses must be like, in the words of the tests.

import assert from "node:assert/strict";
import type { Account } from "./accounts.ts";
import type { Answer } from "./audit.ts";
import { origin } from "./server.ts";
import { base62, TOKEN } from "./tokens.ts";

/** The ten fields, in the order of the reference. */
export const FIELDS = [
  "id",
  "contact_id",
  "group_id",
  "pinned_message_id",
  "is_pinned",
  "is_muted",
  "last_active_at",
  "last_opened_at",
  "created_at",
  "archived_at",
];

/** Those of a message, in the order of the documentation. */
export const MESSAGE_FIELDS = ["id", "conversation_id", "contact_id", "message", "read_at", "created_at", "updated_at"];

/** Those of a token. */
export const TOKEN_FIELDS = ["id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"];

/** Those of a webhook endpoint. */
export const WEBHOOK_FIELDS = [
  "id",
  "url",
  "types",
  "description",
  "status",
  "disabled_reason",
  "last_event_id",
  "behind",
  "failing_since",
  "next_attempt_at",
  "created_at",
];

export function assertError(answer: Answer, status: number, code: string, param: string | null = null): void {
  assert.deepEqual(
    { status: answer.status, code: answer.json?.code, param: answer.json?.param },
    { status, code, param },
    `${answer.status} ${answer.text}`,
  );
}

const assertObject =
  (fields: string[]) =>
  (json: unknown, expected: Record<string, unknown>): void => {
    assert.deepEqual(Object.keys(json as object), fields);
    assert.deepEqual(json, { ...(json as object), ...expected });
  };
export const assertConversation = assertObject(FIELDS);
export const assertMessage = assertObject(MESSAGE_FIELDS);
export const assertToken = assertObject(TOKEN_FIELDS);
/** The one answer that shows it. */
export const assertNewToken = assertObject([...TOKEN_FIELDS, "token"]);

export const assertWebhook = assertObject(WEBHOOK_FIELDS);
/** The answers that show it: to a creation and to a rotation. */
export const assertWebhookWithSecret = assertObject([...WEBHOOK_FIELDS, "secret"]);

/** The present second. */
export const now = (): number => Math.floor(Date.now() / 1000);

/** A second that a request wrote is the first one that it wrote, or a later one that had begun at its response, when it
 * was `responded`: each statement of a request reads the clock anew, and a second may end between two of them. */
export function assertSameRequest(second: number, first: number, responded: number): void {
  assert.ok(first <= second && second <= responded, `${second} is not within ${first} and ${responded}`);
}

/** The body of a first response as a replay has it: without the secret of a token. */
export const replayed = (text: string): string => text.replace(new RegExp(`"token":"${TOKEN.source}"`), '"token":null');

/** The ids of a page, in its order. */
export function idsOf(answer: Answer): string[] {
  assert.equal(answer.status, 200, answer.text);
  return answer.json.data.map((object: { id: string }) => object.id);
}

/** The last whole second of activity that the database can store: seven base62 characters hold its milliseconds. */
export const LATEST = 3521614605;

/** The position of an id in order of activity, as the Link header has it: opaque to callers, known here. */
export const position = (id: string, lastActiveAt: number | null): string => base62(1000 * (lastActiveAt ?? 0), 7) + id;

/** The targets of a Link header by their relation: path and query, the origin having been asserted. */
export function links(answer: Answer): { next?: string; prev?: string } {
  const header = String(answer.headers.link ?? "");
  const found: Record<string, string> = {};
  for (const [, target = "", rel = ""] of header.matchAll(/<([^>]*)>; *rel="([^"]*)"/g)) {
    assert.ok(target.startsWith(`${origin}/`), `not an absolute URL of this origin: ${target}`);
    found[rel] = target.slice(origin.length);
  }
  return found;
}

/** The pages of a list have these ids. Its links lead through all of them and back, and keep every parameter. */
export async function assertLinked(
  account: Account,
  path: string,
  query: Record<string, string>,
  ids: string[],
): Promise<void> {
  const what = JSON.stringify(query);
  const seen: string[][] = [];
  let answer = await account.get(`${path}?${new URLSearchParams(query)}`);
  for (;;) {
    seen.push(idsOf(answer));
    const { next } = links(answer);
    if (next === undefined) break;
    const { searchParams } = new URL(next, origin);
    for (const [name, value] of Object.entries(query)) assert.equal(searchParams.get(name), value, what);
    answer = await account.get(next);
  }
  assert.deepEqual(seen.flat(), ids, what);
  for (const page of seen.slice(0, -1).reverse()) {
    answer = await account.get(String(links(answer).prev));
    assert.deepEqual(idsOf(answer), page, what);
  }
}
