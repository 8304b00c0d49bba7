// Uses the whole client. It runs in Node, Workers and browsers. The result has no ids and no times, so it must be the
// same in each of them.

import {
  type ClientOptions,
  ConversationsClient,
  ConversationsError,
  etagOf,
} from "../../clients/typescript/src/index.ts";

/** The parts of an error that are always the same. */
type Failure = { status: number; code: string | null; param: string | null; request: boolean };

/** The result of `everything`. */
export const EXPECTED: Record<string, unknown> = {
  created: { contact_id: "bob", group_id: null, is_muted: false },
  sent: ["1", "2", "3"],
  walked: ["3", "2", "1"],
  pages: [2, 1],
  response: { status: 200, request: true, count: 3, last: "3" },
  many: { muted: [true], missing: ["0000000000000000"] },
  notModified: null,
  changed: true,
  tagged: true,
  stale: { status: 412, code: "precondition_failed", param: "If-Match", request: true },
  invalid: { status: 400, code: "parameter_invalid", param: "limit", request: true },
  gone: { status: 404, code: "resource_missing", param: null, request: true },
  sentOnce: 1,
  listed: ["conversation.created", "message.created", "message.created", "message.created"],
  streamed: ["message.created", "live"],
  copied: { conversations: 1, messages: 4, changed: ["live"], ended: "AbortError" },
  cancelled: "AbortError",
  opened: true,
  own: true,
  webhook: {
    isSecret: true,
    description: "CRM",
    status: "disabled",
    rotated: true,
    pinged: 16,
    listed: 1,
    tried: true,
  },
  revoked: { status: 401, code: "token_invalid", param: null, request: true },
};

/** Uses the whole client. The token needs all scopes. */
export async function everything(options: ClientOptions): Promise<Record<string, unknown>> {
  const client = new ConversationsClient(options);
  const created = await client.conversations.create({ contact_id: "bob" });
  const { contact_id, group_id, is_muted } = created;

  const sent = [];
  for (const message of ["1", "2", "3"])
    sent.push((await client.messages.create({ conversation_id: created.id, message })).message);
  const messages = client.messages.list({ conversation_id: created.id, limit: 2 });
  const walked = [];
  for await (const { message } of messages) walked.push(message);
  const first = await messages;
  const second = await first.next!();

  const { data, ...response } = await client.messages
    .list({ conversation_id: created.id, include: ["total_count"] })
    .withResponse();
  const { last_message } = await client.conversations.retrieve(created.id, { include: ["last_message"] });
  const { id: ownId } = await client.token.retrieve();

  const listed = [];
  for await (const { type, conversation_id } of client.events.list({ limit: 2 }))
    if (conversation_id === created.id) listed.push(type);
  const streamed: unknown[] = [];
  const send = () => void client.messages.create({ conversation_id: created.id, message: "live" });
  for await (const { type, message } of client.events.stream({ onOpen: send })) {
    streamed.push(type, message?.message);
    break;
  }
  const copied = await copy(client, created.id);

  const seen = await client.conversations.retrieve(created.id);
  const notModified = await client.conversations.retrieve(created.id, { ifNoneMatch: seen });
  const changed = await client.conversations.update(created.id, { is_muted: true }, { ifMatch: seen });
  const stale = await failure(client.conversations.update(created.id, { is_muted: false }, { ifMatch: seen }));
  const invalid = await failure(client.messages.list({ limit: 0 }));

  const losingClient = new ConversationsClient({
    ...options,
    fetch: losing(options.fetch),
    wait: () => Promise.resolve(),
  });
  const { id } = await losingClient.conversations.create({ contact_id: "carol" });
  const withCarol = [];
  for await (const conversation of client.conversations.list({ contact_id: "carol" })) withCarol.push(conversation);
  await losingClient.conversations.delete(id);

  const controller = new AbortController();
  controller.abort();
  const cancelled = await client.conversations.retrieve(created.id, { signal: controller.signal }).then(
    () => "",
    (error: Error) => error.name,
  );

  const many = await client.conversations.updateMany([created.id, "0".repeat(16)], { is_muted: true });

  await client.conversations.delete(created.id, { ifMatch: changed });
  const gone = await failure(client.conversations.retrieve(created.id));

  const webhook = await useWebhooks(client);

  const { id: tokenId, token } = await client.tokens.create({ name: "reader", scopes: "conversations:read" });
  const reader = new ConversationsClient({ ...options, token: token! });
  const opened = (await reader.conversations.list()).data.length === 0;
  const own = (await reader.token.retrieve()).id === tokenId && ownId !== tokenId;
  await client.tokens.delete(tokenId);
  const revoked = await failure(reader.conversations.list());

  return {
    created: { contact_id, group_id, is_muted },
    sent,
    walked,
    pages: [first.data.length, second.data.length],
    response: {
      status: response.status,
      request: response.requestId !== null,
      count: data.total_count.value,
      last: last_message?.message,
    },
    many: { muted: many.data.map(({ is_muted }) => is_muted), missing: many.missing },
    notModified,
    changed: changed.is_muted,
    tagged: etagOf(changed) !== etagOf(seen),
    stale,
    invalid,
    gone,
    sentOnce: withCarol.length,
    listed,
    streamed,
    copied,
    cancelled,
    opened,
    own,
    webhook,
    revoked,
  };
}

/** Copies the account, and follows the copy for one change. */
async function copy(client: ConversationsClient, conversation_id: string): Promise<Record<string, unknown>> {
  const stop = new AbortController();
  const found = { conversations: 0, messages: 0, changed: [] as string[] };
  const ended = await client.events
    .copy({
      signal: stop.signal,
      onReset: async ({ conversations, messages }) => {
        for await (const _ of conversations) found.conversations += 1;
        for await (const _ of messages) found.messages += 1;
      },
      onOpen: () => void client.messages.create({ conversation_id, message: "live" }),
      onChange: ({ messages }) => {
        found.changed = messages.map(({ message }) => message);
        stop.abort();
      },
    })
    .catch((error: Error) => error.name);
  return { ...found, ended };
}

/** Creates an endpoint where nothing listens, and uses all methods of endpoints. */
async function useWebhooks({ webhooks }: ConversationsClient): Promise<Record<string, unknown>> {
  const created = await webhooks.create({ url: "http://127.0.0.1:1024/", description: "CRM" });
  const { id } = created;
  const { status } = await webhooks.update(id, { status: "disabled" }, { ifMatch: created });
  const { secret } = await webhooks.rotate(id, { grace_period: 0 });
  const ping = await webhooks.ping(id);
  const { description } = await webhooks.retrieve(id);
  let listed = 0;
  for await (const webhook of webhooks.list()) listed += webhook.id === id ? 1 : 0;
  let tried = true;
  for await (const { event_id } of webhooks.attempts(id)) tried &&= event_id === ping.id;
  await webhooks.delete(id);
  const isSecret = created.secret.startsWith("whsec_");
  return { isSecret, description, status, rotated: secret !== created.secret, pinged: ping.id.length, listed, tried };
}

/** A fetch that loses the first response to each request. */
function losing(
  fetch: ClientOptions["fetch"] = (url, init) => globalThis.fetch(url, init),
): NonNullable<ClientOptions["fetch"]> {
  const lost = new Set<string>();
  return async (url, init) => {
    const response = await fetch(url, init);
    const request = `${init.method} ${url}`;
    if (lost.has(request)) return response;
    lost.add(request);
    await response.body?.cancel();
    throw new TypeError("the connection was lost");
  };
}

async function failure(call: Promise<unknown>): Promise<Failure> {
  const error: unknown = await call.then(
    () => "no error",
    (error) => error,
  );
  if (!(error instanceof ConversationsError)) throw error;
  const { status, code, param, requestId } = error;
  return { status, code, param, request: requestId !== null };
}
