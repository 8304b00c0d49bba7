// Deliveries of webhooks: what the Durable Object reads and writes for each, and how often it is called.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Worker } from "./cycle.ts";

/** What the object does for one delivery, on average. */
export interface Use {
  /** Requests to the object, and its alarms: one price. */
  requests: number;
  /** Each is a row written in the object's storage. */
  alarmsSet: number;
  /** Calls to D1. */
  calls: number;
  rowsRead: number;
  rowsWritten: number;
}

/** After each 40 deliveries an alarm goes on. Not a multiple of 40: the last alarm would ring after the measurement. */
const DELIVERIES = 90;

/** The kinds of deliveries, and what each takes. */
export async function measureDeliveries({ send, object }: Worker): Promise<{ title: string; use: Use }[]> {
  let [status, received] = [204, 0];
  const server = createServer((request, response) => {
    received += 1;
    request.resume().on("end", () => response.writeHead(status).end());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const conversation = (await send(["POST", "/v1/conversations", { contact_id: "someone" }])).json.id;
    const change = () => send(["POST", "/v1/messages", { conversation_id: conversation, message: "Hello" }]);
    const endpoint = (await send(["POST", "/v1/webhooks", { url: `http://127.0.0.1:${port}` }])).json;
    const path = `/v1/webhooks/${endpoint.id}`;
    /** Waits until the endpoint is as it must be. */
    const until = async (is: (endpoint: any) => boolean) => {
      while (!is((await send(["GET", path])).json));
    };
    const isDone = ({ behind }: any) => behind === 0;
    const measure = async (title: string, deliveries: number, work: () => Promise<void>) => {
      const before = await object();
      received = 0;
      await work();
      assert.equal(received, deliveries);
      const after = await object();
      const of = (name: keyof Use) => (after[name] - before[name]) / deliveries;
      const [requests, alarmsSet, calls] = [of("requests"), of("alarmsSet"), of("calls")];
      return { title, use: { requests, alarmsSet, calls, rowsRead: of("rowsRead"), rowsWritten: of("rowsWritten") } };
    };

    // The first request to the object costs once more than later ones.
    await change();
    await until(isDone);
    const { last_event_id } = (await send(["GET", path])).json;
    const steady = await measure("one event at a time", DELIVERIES, async () => {
      for (let n = 0; n < DELIVERIES; n += 1) {
        await change();
        await until(isDone);
      }
    });
    const replay = await measure("an endpoint that is behind", DELIVERIES, async () => {
      await send(["PUT", path, { last_event_id }]);
      await until(isDone);
    });
    status = 500;
    const failure = await measure("an attempt that fails", 1, async () => {
      await change();
      await until(({ failing_since }) => failing_since !== null);
    });
    const { data } = (await send(["GET", `${path}/attempts?limit=1`])).json;
    assert.equal(data[0].status, 500);
    await send(["DELETE", path]);
    return [steady, replay, failure];
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
