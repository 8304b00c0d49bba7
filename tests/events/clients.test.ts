// GET /v1/events as server-sent events, with clients that others wrote, as they are: curl, and two packages of npm. The
// packages go through a connection that is cut again and again.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import test, { after } from "node:test";
import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";
import { type Account, account } from "../support/accounts.ts";
import { idsOf } from "../support/expectations.ts";
import { COLLECTION, EVENTS, item } from "../support/paths.ts";
import { hostname, port } from "../support/server.ts";

const TYPES = ["conversation", "message"].flatMap((object) =>
  ["created", "updated", "deleted"].map((change) => `${object}.${change}`),
);

/** What a client got. */
interface Got {
  id: string;
  type: string;
  data: string;
}

/** A client that has been told to follow: what it hands over, until it is told to stop. */
type Follow = (url: string, token: string, got: (event: Got) => void) => () => void;

const CLIENTS: Record<string, Follow> = {
  eventsource(url, token, got) {
    const source = new EventSource(url, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
    });
    for (const type of TYPES)
      source.addEventListener(type, ({ lastEventId, data }) => got({ id: lastEventId, type, data }));
    return () => source.close();
  },

  "@microsoft/fetch-event-source"(url, token, got) {
    const leaving = new AbortController();
    void fetchEventSource(url, {
      headers: { Authorization: `Bearer ${token}` },
      signal: leaving.signal,
      openWhenHidden: true,
      onmessage: ({ id, event, data }) => {
        // It also hands over the server's first line, `retry`, and comments.
        if (id !== "") got({ id, type: event, data });
      },
      // The end of a stream is no end, says its documentation: what throws here connects again.
      onclose() {
        throw new Error("the stream has ended");
      },
      onerror() {},
    });
    return () => leaving.abort();
  },
};

// What the second one takes for granted of a browser.
Object.assign(globalThis, { window: globalThis, document: { removeEventListener() {} } });

/** A way to the Worker that can be cut. */
async function way() {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((near) => {
    const far = net.connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const { port: own } = server.address() as net.AddressInfo;
  return {
    origin: `http://127.0.0.1:${own}`,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A promise that settles once something is so, which is looked at whenever `changed` is called. */
function condition() {
  let waiting: { isSo: () => boolean; resolve: () => void }[] = [];
  return {
    until: (isSo: () => boolean) =>
      new Promise<void>((resolve) => (isSo() ? resolve() : waiting.push({ isSo, resolve }))),
    changed() {
      for (const { isSo, resolve } of waiting) if (isSo()) resolve();
      waiting = waiting.filter(({ isSo }) => !isSo());
    },
  };
}

/** Some changes of all kinds: five events. */
async function change(alice: Account): Promise<void> {
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  await alice.say(id);
  await alice.put(item(id), "is_muted=true");
  const other = alice.post(COLLECTION, "contact_id=carol");
  await Promise.all([other, alice.delete(item(id))]);
}

for (const [name, follow] of Object.entries(CLIENTS))
  test(`${name} follows the log across cuts: nothing is lost, nothing comes twice`, async () => {
    const alice = await account();
    const { origin, cut } = await way();
    const events: Got[] = [];
    const { until, changed } = condition();
    const stop = follow(`${origin}${EVENTS}?starting_after=0000000000000000`, alice.token, (event) => {
      events.push(event);
      changed();
    });
    for (let round = 1; round <= 3; round += 1) {
      // One half while the client is connected and the way is cut, the other while it is not.
      const changes = change(alice);
      await until(() => events.length > 10 * (round - 1));
      cut();
      await changes;
      await change(alice);
      await until(() => events.length >= 10 * round);
    }
    stop();
    const page = await alice.get(`${EVENTS}?limit=100`);
    assert.deepEqual(
      events.map(({ id }) => id),
      idsOf(page),
    );
    for (const [at, { id, type, data }] of events.entries()) {
      const event = page.json.data[at];
      assert.deepEqual([id, type], [event.id, event.type]);
      // The objects are as they were when the event was streamed, all else is as on the page.
      assert.deepEqual(
        { ...JSON.parse(data), conversation: null, message: null },
        { ...event, conversation: null, message: null },
      );
    }
  });

test("curl -N shows each event when it happens", async () => {
  const alice = await account();
  const { origin } = await way();
  const curl = spawn("curl", [
    "-sN",
    `${origin}${EVENTS}`,
    "-H",
    `Authorization: Bearer ${alice.token}`,
    "-H",
    "Accept: text/event-stream",
  ]);
  let text = "";
  const { until, changed } = condition();
  curl.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    changed();
  });
  await until(() => text === "retry: 1000\n\n");
  for (const contact_id of ["bob", "carol"]) {
    text = "";
    await alice.post(COLLECTION, { contact_id });
    await until(() => text.endsWith("\n\n"));
    const [event] = (await alice.get(EVENTS)).json.data.slice(-1);
    assert.equal(text, `id: ${event.id}\nevent: conversation.created\ndata: ${JSON.stringify(event)}\n\n`);
  }
  curl.kill();
});
