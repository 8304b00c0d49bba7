// Webhooks of `npm start`, whose network is the real one: failures of connections, and kills of the whole server in the
// midst of deliveries.

import assert from "node:assert/strict";
import test, { after } from "node:test";
import { isSignedWith, Receiver, type Reply, status } from "../webhooks/receiver.ts";
import { freePort, Server, stateFolder, tokenIn } from "./processes.ts";

const KILLS = 10;
const CLIENTS = 4;

const state = stateFolder();
after(() => state[Symbol.dispose]());
const port = await freePort();

type Call = (method: string, path: string, attributes?: object) => Promise<any>;

/** The API of the running server. */
function callerOf(token: string): Call {
  return async (method, path, attributes) => {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const body = attributes && JSON.stringify(attributes);
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path} answered ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
}

/** Asks until the answer is so. */
async function until(call: Call, path: string, isSo: (json: any) => boolean): Promise<any> {
  for (const end = Date.now() + 180_000; Date.now() < end; ) {
    const json = await call("GET", path);
    if (isSo(json)) return json;
  }
  assert.fail(`${path} did not become what is expected`);
}

/** What a receiver got: the events' ids in order, in one list for each run of the server. */
type Runs = string[][];

/** What is wrong with what a receiver got. An event may come twice only if the server was killed while it was sent. */
function complaints(log: string[], runs: Runs): string[] {
  const found: string[] = [];
  let at = -1;
  for (const ids of runs)
    for (const [n, id] of ids.entries()) {
      if (id === log[at + 1]) at += 1;
      else if (n === 0 && id === log[at]) continue;
      else {
        const place = log.indexOf(id);
        found.push(place > at ? `MISSING ${log.slice(at + 1, place)}` : `AGAIN OR OUT OF ORDER ${id}`);
        at = Math.max(at, place);
      }
    }
  return at < log.length - 1 ? [...found, `MISSING ${log.slice(at + 1)}`] : found;
}

test("what is missing, out of order, or twice without a kill, is noticed", () => {
  const log = ["a", "b", "c", "d"];
  for (const runs of [
    [["a", "b", "c", "d"]],
    [
      ["a", "b"],
      ["c", "d"],
    ],
    [["a", "b"], ["b", "c"], ["c"], ["d"]],
  ])
    assert.deepEqual(complaints(log, runs), []);
  assert.deepEqual(complaints(log, [["a", "c", "d"]]), ["MISSING b"]);
  assert.deepEqual(complaints(log, [["a", "b"], ["d"]]), ["MISSING c"]);
  assert.deepEqual(complaints(log, [["a", "b", "c"]]), ["MISSING d"]);
  assert.deepEqual(complaints(log, [["a", "b", "b", "c", "d"]]), ["AGAIN OR OUT OF ORDER b"]);
  assert.deepEqual(
    complaints(log, [
      ["a", "b"],
      ["a", "b", "c", "d"],
    ]).length > 0,
    true,
  );
  assert.deepEqual(complaints(log, [["a", "c", "b", "d"]]).length > 0, true);
});

test("a kill -9 of the server in the midst of deliveries loses no event and keeps their order", {
  timeout: 400_000,
}, async () => {
  const receivers = [await Receiver.open(), await Receiver.open()];
  const runs: Runs[] = receivers.map(() => []);
  const secrets: string[] = [];
  const paths: string[] = [];
  let server = new Server(port, state.path);
  try {
    const token = tokenIn(await server.greeting());
    const call = callerOf(token);
    // All events, and some.
    const wanted = [null, ["message.created"]];
    for (const [n, types] of wanted.entries()) {
      const { id, secret } = await call("POST", "/v1/webhooks", { url: receivers[n]!.url, types });
      secrets.push(secret);
      paths.push(`/v1/webhooks/${id}`);
    }
    const { id: conversation_id } = await call("POST", "/v1/conversations", { contact_id: "bob" });

    const note = () => {
      for (const [n, receiver] of receivers.entries()) {
        const deliveries = receiver.deliveries.splice(0);
        for (const delivery of deliveries) assert.ok(isSignedWith(secrets[n]!, delivery), delivery.body);
        runs[n]!.push(deliveries.map(({ id }) => id));
      }
    };

    for (let kill = 1; kill <= KILLS; kill += 1) {
      let isKilled = false;
      const clients = Array.from({ length: CLIENTS }, async () => {
        while (!isKilled) {
          const write = call("POST", "/v1/messages", { conversation_id, message: `before kill ${kill}` });
          await write.catch((error) => assert.ok(isKilled, error));
        }
      });
      // Another number before each kill, while more are on their way.
      const [all] = receivers;
      await all!.until(() => all!.deliveries.length >= 3 + 7 * kill);
      isKilled = true;
      await server.signal("SIGKILL");
      await Promise.all(clients);
      // What the server had sent is all there once its connections are gone.
      await Promise.all(receivers.map((receiver) => receiver.disconnected()));
      note();
      server = new Server(port, state.path);
      await server.greeting();
    }
    for (const path of paths) await until(call, path, ({ behind }) => behind === 0);
    note();

    const log: any[] = [];
    for (let more = true, after = ""; more; ) {
      const page = await call("GET", `/v1/events?limit=100${after}`);
      log.push(...page.data);
      after = `&starting_after=${page.data.at(-1)?.id}`;
      more = page.has_more;
    }
    for (const [n, types] of wanted.entries()) {
      const ids = log.filter(({ type }) => types?.includes(type) ?? true).map(({ id }) => id);
      assert.ok(ids.length >= 100, `${ids.length} events`);
      assert.deepEqual(complaints(ids, runs[n]!), []);
      // The check would see a loss: without one delivery, which came once, it complains.
      const [last = []] = runs[n]!.filter((run) => run.length >= 3);
      const without = runs[n]!.map((run) => (run === last ? run.toSpliced(1, 1) : run));
      assert.deepEqual(complaints(ids, without), [`MISSING ${last[1]}`]);
    }
  } finally {
    await server.signal("SIGKILL");
    await Promise.all(receivers.map((receiver) => receiver.close()));
  }
});

/** Replies over the bare connection. */
const raw =
  (text: string): Reply =>
  ({ socket }) => {
    socket!.write(text);
    socket!.end();
  };

/** Ways to fail, and what an attempt says of each. */
const WAYS: Record<string, [reply: Reply, status: number | null, error: string | null]> = {
  "a closed connection": [({ socket }) => void socket!.destroy(), null, "connection_failed"],
  "a reset connection": [({ socket }) => void socket!.resetAndDestroy(), null, "connection_failed"],
  "half a head": [raw("HTTP/1.1 200 OK\r\nContent-Le"), null, "connection_failed"],
  "no HTTP": [raw("SSH-2.0-OpenSSH_9.9\r\n"), null, "connection_failed"],
  "half a body": [raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), 200, "response_incomplete"],
  "half of the chunks": [
    raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    200,
    "response_incomplete",
  ],
  ...Object.fromEntries(
    [301, 302, 303, 307, 308].map((code) => [
      `a redirect with ${code}`,
      [status(code, { location: "http://127.0.0.1:1024/" }), code, null],
    ]),
  ),
  "half a body, after its first kilobyte": [
    raw(`HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n${"x".repeat(5000)}`),
    200,
    null,
  ],
};

test("failures of the connection and redirects are in the attempts, and the same event comes again", {
  timeout: 400_000,
}, async () => {
  const closed = await Receiver.open();
  await closed.close();
  const receivers = await Promise.all(Object.values(WAYS).map(([reply]) => Receiver.open(reply)));
  await using server = new Server(port, state.path);
  try {
    const call = callerOf(tokenIn(await server.greeting()));
    const expected: [name: string, url: string, status: number | null, error: string | null][] = [
      ...Object.entries(WAYS).map(
        ([name, [, code, error]], n) => [name, receivers[n]!.url, code, error] as [string, string, number, string],
      ),
      ["no receiver", closed.url, null, "connection_failed"],
      ["no TLS", receivers[0]!.url.replace("http:", "https:"), null, "connection_failed"],
    ];
    const ids: string[] = [];
    for (const [, url] of expected) ids.push((await call("POST", "/v1/webhooks", { url })).id);
    await call("POST", "/v1/conversations", { contact_id: "bob" });
    for (const [n, [name, , code, error]] of expected.entries()) {
      const { data } = await until(call, `/v1/webhooks/${ids[n]}/attempts`, ({ data }) => data.length > 0);
      const [first] = data.toReversed();
      assert.deepEqual([first.status, first.error], [code, error], name);
      if (code === 200 && error === null) continue;
      const { behind, failing_since, next_attempt_at } = await call("GET", `/v1/webhooks/${ids[n]}`);
      assert.ok(behind > 0 && failing_since !== null && next_attempt_at > failing_since, name);
      const again = await until(call, `/v1/webhooks/${ids[n]}/attempts`, ({ data }) => data.length > 1);
      assert.equal(again.data.at(-2).event_id, first.event_id, name);
    }
    for (const id of ids) await call("DELETE", `/v1/webhooks/${id}`);
  } finally {
    await Promise.all(receivers.map((receiver) => receiver.close()));
  }
});
