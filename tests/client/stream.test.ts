// `client.events.stream` and faults that the real API can't be made to show: a server whose every connection is
// scripted. Nothing here sleeps: the client gets a `wait` that only records the time.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test, { after } from "node:test";
import {
  type Changes,
  type ClientOptions,
  ConversationsClient,
  ConversationsError,
  NetworkError,
} from "../../clients/typescript/src/index.ts";

type Fetch = NonNullable<ClientOptions["fetch"]>;

/** What the server does with one request. */
type Step = (response: ServerResponse, request: IncomingMessage) => void;

/** A server that takes a step for each request, and answers the ones after the last step with a 401. */
async function serve(...steps: Step[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    (steps[requests.length - 1] ?? fail(401))(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => server.close().closeAllConnections());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** A client of such a server, and what it does. */
async function connect(steps: Step[], options: Partial<ClientOptions> = {}) {
  const { origin, requests } = await serve(...steps);
  const waits: number[] = [];
  const client = new ConversationsClient({
    token: "self_nothing",
    baseUrl: origin,
    wait: async (milliseconds) => void waits.push(milliseconds),
    ...options,
  });
  return {
    client,
    requests,
    waits,
    positions: () => requests.map(({ headers }) => headers["last-event-id"]),
  };
}

const id = (n: number): string => String(n).padStart(16, "0");
/** An event as the API sends it. Only its id matters here. */
const event = (n: number): string => `id: ${id(n)}\nevent: message.created\ndata: {"id":"${id(n)}"}\n\n`;

const stream =
  (...parts: string[]): Step =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    for (const part of parts) response.write(part);
  };
const streamThenEnd =
  (...parts: string[]): Step =>
  (response, request) => {
    stream(...parts)(response, request);
    response.end();
  };
const streamThenCut =
  (...parts: string[]): Step =>
  (response, request) => {
    stream(...parts)(response, request);
    // Without this, what was written would be lost with the connection.
    response.write("", () => request.socket.destroy());
  };
const fail =
  (status: number, headers: Record<string, string> = {}, code = "some_code"): Step =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ code, message: `Status ${status}.` }));
  };

/** The ids of a stream, and the error that ended it. */
async function collect(
  client: ConversationsClient,
  options: Parameters<ConversationsClient["events"]["stream"]>[0] = {},
) {
  const ids: string[] = [];
  try {
    for await (const event of client.events.stream({ after: id(0), ...options })) ids.push(event.id);
  } catch (error) {
    return { ids, error };
  }
  assert.fail("the stream ended");
}

function assertBetween(value: number | undefined, low: number, high: number): void {
  assert.ok(value !== undefined && value >= low && value <= high, `${value} is not between ${low} and ${high}`);
}

test("a stream is one request, with the position in Last-Event-ID", async () => {
  const { client, requests } = await connect([stream("retry: 1000\n", event(1), ":\n", event(2), event(3))]);
  const ids: string[] = [];
  for await (const event of client.events.stream({ after: id(0) })) {
    ids.push(event.id);
    if (ids.length === 3) break;
  }
  assert.deepEqual(ids, [id(1), id(2), id(3)]);
  assert.equal(requests.length, 1);
  const [{ method, url, headers }] = requests as [IncomingMessage];
  assert.deepEqual(
    [method, url, headers.accept, headers["last-event-id"], headers.authorization],
    ["GET", "/v1/events", "text/event-stream", id(0), "Bearer self_nothing"],
  );
});

test("a connection that is cut within an event continues after the last whole event", async () => {
  const [whole, half] = [event(1), event(2).slice(0, -5)];
  const { client, positions } = await connect([streamThenCut(whole, half), streamThenEnd(event(2), event(3))]);
  const errors: unknown[] = [];
  const { ids } = await collect(client, { onError: (error) => errors.push(error) });
  assert.deepEqual(ids, [id(1), id(2), id(3)]);
  assert.deepEqual(positions(), [id(0), id(1), id(3)]);
  assert.equal(errors.length, 1);
  assert.ok(errors[0] instanceof NetworkError);
});

test("an event that is whole but for its empty line comes once, after the reconnection", async () => {
  const { client } = await connect([streamThenEnd(event(1).slice(0, -1)), streamThenEnd(event(1))]);
  assert.deepEqual((await collect(client)).ids, [id(1)]);
});

test("when the API ends a stream, the client waits for the time in `retry` and no error is reported", async () => {
  const { client, waits, positions } = await connect([
    streamThenEnd("retry: 3000\n", event(1)),
    streamThenEnd("retry: 70000\n", event(2)),
  ]);
  const errors: unknown[] = [];
  const { ids } = await collect(client, { onError: (error) => errors.push(error) });
  assert.deepEqual([ids, positions(), errors], [[id(1), id(2)], [id(0), id(1), id(2)], []]);
  assertBetween(waits[0], 3000, 4500);
  assertBetween(waits[1], 70_000, 105_000);
});

test("after failures each wait is twice as long, up to maxWait, and a new connection starts over", async () => {
  const { client, waits } = await connect(
    [
      streamThenEnd("retry: 2000\n"),
      fail(503),
      fail(500),
      fail(502),
      fail(429),
      (_, request) => request.socket.destroy(),
      streamThenCut(event(1)),
    ],
    { maxWait: 20_000 },
  );
  assert.deepEqual((await collect(client)).ids, [id(1)]);
  const shortest = [2000, 2000, 4000, 8000, 16_000, 20_000, 2000];
  assert.equal(waits.length, shortest.length);
  for (const [n, wait] of waits.entries()) assertBetween(wait, shortest[n]!, shortest[n]! + 1000);
  assert.ok(new Set(waits.map((wait, n) => wait - shortest[n]!)).size > 1, "the waits are not random");
});

test("Retry-After is honoured, also above maxWait and above the longest timer", async () => {
  const { client, waits } = await connect([
    fail(429, { "retry-after": "10" }),
    fail(503, { "retry-after": "3600" }),
    fail(503, { "retry-after": "99999999" }),
    fail(429, { "retry-after": "0" }),
  ]);
  await collect(client);
  assertBetween(waits[0], 10_000, 10_500);
  assertBetween(waits[1], 3_600_000, 3_600_500);
  assert.equal(waits[2], 2 ** 31 - 1);
  assertBetween(waits[3], 1000, 1500);
});

for (const status of [400, 401, 403, 404, 410]) {
  test(`a ${status} ends the stream with its error`, async () => {
    const { client, waits, requests } = await connect([streamThenEnd(event(1)), fail(status, {}, "a_code")]);
    const { ids, error } = await collect(client);
    assert.deepEqual(ids, [id(1)]);
    assert.ok(error instanceof ConversationsError);
    assert.deepEqual([error.status, error.code, error.message], [status, "a_code", `Status ${status}.`]);
    assert.deepEqual([waits.length, requests.length], [1, 2]);
  });
}

test("a response that is not a stream, from a proxy for example, is tried again", async () => {
  const page: Step = (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Sign in</h1>");
  const { client } = await connect([page, streamThenEnd(event(1))]);
  const errors: unknown[] = [];
  assert.deepEqual((await collect(client, { onError: (error) => errors.push(error) })).ids, [id(1)]);
  assert.match(String(errors[0]), /status 200, text\/html/);
});

test("onOpen is called for each connection, and onError for each failure", async () => {
  const { client } = await connect([
    fail(503),
    streamThenEnd("retry: 5\n", event(1), event(2)),
    fail(503),
    stream(":\n"),
  ]);
  const seen: string[] = [];
  const controller = new AbortController();
  const onOpen = () => {
    seen.push("open");
    if (seen.length === 4) controller.abort();
  };
  await collect(client, { onOpen, onError: () => seen.push("error"), signal: controller.signal });
  assert.deepEqual(seen, ["error", "open", "error", "open"]);
});

test("onOpen is called once for a connection, in however many parts its text arrives", async () => {
  const parts = [":\n", "retry: 5\n", event(1), event(2)].map((part) => new TextEncoder().encode(part));
  const headers = { "content-type": "text/event-stream" };
  const client = new ConversationsClient({
    token: "self_nothing",
    baseUrl: "https://api.example",
    fetch: async () => new Response(ReadableStream.from(parts), { headers }),
  });
  let opened = 0;
  const onOpen = () => {
    opened += 1;
  };
  for await (const { id: last } of client.events.stream({ after: id(0), onOpen })) if (last === id(2)) break;
  assert.equal(opened, 1);
});

test("an exception in onOpen or onError ends the stream", async () => {
  const reason = new Error("a bug");
  const raise = () => {
    throw reason;
  };
  for (const [steps, hooks] of [
    [[stream(":\n")], { onOpen: raise }],
    [[fail(503)], { onError: raise }],
  ] as const) {
    const { client } = await connect([...steps]);
    assert.equal((await collect(client, hooks)).error, reason);
  }
});

test("leaving the for await closes the connection", async () => {
  const closed = Promise.withResolvers<void>();
  const { client, requests } = await connect([
    (response, request) => {
      stream(event(1))(response, request);
      response.on("close", closed.resolve);
    },
  ]);
  for await (const { id: first } of client.events.stream({ after: id(0) })) {
    assert.equal(first, id(1));
    break;
  }
  await closed.promise;
  assert.equal(requests.length, 1);
});

test("aborting ends the stream with the signal's reason, and closes the connection", async () => {
  const reason = new Error("changed my mind");
  const closed = Promise.withResolvers<void>();
  const { client } = await connect([
    (response, request) => {
      stream(event(1))(response, request);
      response.on("close", closed.resolve);
    },
  ]);
  const controller = new AbortController();
  const onOpen = () => setImmediate(() => controller.abort(reason));
  assert.deepEqual(await collect(client, { signal: controller.signal, onOpen }), { ids: [id(1)], error: reason });
  await closed.promise;
});

test("aborting ends a stream whose fetch does not know signals", async () => {
  const reason = new Error("changed my mind");
  const controller = new AbortController();
  let cancelled: unknown;
  const body = new ReadableStream({
    start: (body) => body.enqueue(new TextEncoder().encode(event(1))),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const client = new ConversationsClient({
    token: "self_nothing",
    baseUrl: "https://api.example",
    fetch: async () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
  });
  const onOpen = () => queueMicrotask(() => controller.abort(reason));
  const { error } = await collect(client, { signal: controller.signal, onOpen });
  assert.deepEqual([error, cancelled], [reason, reason]);
});

test("aborting ends a wait, and an aborted signal sends nothing", async () => {
  const reason = new Error("changed my mind");
  const controller = new AbortController();
  const { client, requests } = await connect([fail(503, { "retry-after": "3600" })], { wait: undefined as never });
  const onError = () => setImmediate(() => controller.abort(reason));
  assert.equal((await collect(client, { signal: controller.signal, onError })).error, reason);
  assert.equal(requests.length, 1);
  assert.equal((await collect(client, { signal: controller.signal })).error, reason);
  assert.equal(requests.length, 1);
});

/** Never responds. Rejects when its signal is aborted. */
const noResponse: Fetch = (_, { signal }) =>
  new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
const silence: Fetch = async () =>
  new Response(new ReadableStream(), { headers: { "content-type": "text/event-stream" } });

for (const [what, milliseconds, first] of [
  ["does not respond within the timeout", 30_000, noResponse],
  ["is silent for 45 seconds", 45_000, silence],
] as const) {
  test(`a connection that ${what} is opened again`, async (t) => {
    // The first timer of this length ends at once.
    const { setTimeout } = globalThis;
    let expired = false;
    t.mock.method(globalThis, "setTimeout", (over: () => void, time: number, ...rest: []) => {
      const now = time === milliseconds && !expired;
      expired ||= now;
      return setTimeout(over, now ? 0 : time, ...rest);
    });
    let sent = 0;
    const { client, positions } = await connect([streamThenEnd(event(1))], {
      fetch: (url, init) => {
        sent += 1;
        return (sent === 1 ? first : fetch)(url, init);
      },
    });
    const errors: unknown[] = [];
    const onError = ({ cause }: Error) => errors.push(String(cause));
    assert.deepEqual((await collect(client, { onError })).ids, [id(1)]);
    assert.deepEqual(positions(), [id(0), id(1)]);
    assert.deepEqual(errors, [`TimeoutError: Nothing arrived within ${milliseconds} ms.`]);
  });
}

test("without `after` the stream starts now, and a failure before its first event loses nothing", async () => {
  const now: Step = (response) => {
    const link = `</v1/events?limit=10&starting_after=${id(5)}>; rel="next"`;
    response.writeHead(200, { "content-type": "application/json", link }).end('{"has_more":false,"data":[]}');
  };
  const { client, requests, positions } = await connect([
    fail(500),
    now,
    streamThenCut(":\n"),
    streamThenEnd(event(6)),
  ]);
  assert.deepEqual((await collect(client, { after: undefined })).ids, [id(6)]);
  assert.equal(requests[1]!.url, "/v1/events?starting_after=now");
  assert.deepEqual(positions(), [undefined, undefined, id(5), id(5), id(6)]);
});

test("a character that arrives in two parts is whole", async () => {
  const bytes = Buffer.from(`id: ${id(1)}\ndata: {"id":"😀"}\n\n`);
  const at = bytes.indexOf(0xf0) + 2;
  const { client } = await connect([
    (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(bytes.subarray(0, at), () => setImmediate(() => response.end(bytes.subarray(at))));
    },
  ]);
  assert.deepEqual((await collect(client)).ids, ["😀"]);
});

test("changes that arrive together are one batch, with the last state of each object", async () => {
  const object = (id: string, more = {}) => ({ id, ...more });
  const message = (id: string, conversation_id: string, text: string) => ({ id, conversation_id, message: text });
  const [a, b, muted] = [object("a"), object("b"), object("b", { is_muted: true })];
  const events = [
    { conversation_id: "a", conversation: a, message_id: "1", message: message("1", "a", "of a deleted conversation") },
    { conversation_id: "b", conversation: b, message_id: "2", message: message("2", "b", "first") },
    { conversation_id: "b", conversation: muted, message_id: "2", message: message("2", "b", "last") },
    { conversation_id: "b", conversation: muted, message_id: "3", message: null },
    { conversation_id: "a", conversation: null, message_id: null, message: null },
  ].map((event, n) => ({ id: id(n + 1), ...event }));
  const text = events.map((event) => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  const list: Step = (response) => {
    response.writeHead(200, { "content-type": "application/json" }).end('{"has_more":false,"data":[]}');
  };
  const { client } = await connect([list, list, stream(text)]);
  const stop = new AbortController();
  const batches: Changes[] = [];
  const copy = client.events.copy({
    position: id(0),
    onReset: () => assert.fail("the position is known"),
    onChange: (changes) => {
      batches.push(changes);
      stop.abort();
    },
    signal: stop.signal,
  });
  await assert.rejects(copy, { name: "AbortError" });
  assert.deepEqual(batches, [
    {
      position: id(5),
      events,
      conversations: [muted],
      messages: [message("2", "b", "last")],
      deletedConversations: ["a"],
      deletedMessages: ["3"],
    },
  ]);
});
