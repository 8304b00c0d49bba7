// The API with read replicas that lag as much as a bookmark allows: a server in front of the real Worker. It answers a
// read with the oldest response that it has to the same request, if no write came between that response and the
// bookmark of the request. All other requests reach the Worker. Importing this module starts both.

import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { newTokenIn } from "./new_token.ts";

const { createTestHarness, experimental_readRawConfig } = await import("wrangler");

const root = fileURLToPath(new URL("../..", import.meta.url));
const { rawConfig } = experimental_readRawConfig({ config: join(root, "wrangler.toml") });
const vars = { ...rawConfig.vars, READ_REPLICATION: true, WEBHOOK_KEY: "k".repeat(32), ALLOW_LOOPBACK_WEBHOOKS: true };
const worker = createTestHarness({ root, workers: [{ config: { ...rawConfig, vars, build: {} } }] });
after(() => worker.close());
const { url } = await worker.listen();
await worker.getWorker().applyD1Migrations("DB");

/** A response, as a replica keeps it. */
interface Kept {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
  bookmark: string;
}

/** A request, and who answered it. */
export interface Seen {
  method: string;
  url: string;
  bookmark: string | null;
  byReplica: boolean;
}

/** All requests to the API, in order. */
export const seen: Seen[] = [];

const kept = new Map<string, Kept[]>();
/** The bookmarks of the responses to writes. */
const writes: string[] = [];

/** The oldest state that a read with this bookmark may show. */
function oldest(request: string, bookmark: string): Kept | undefined {
  const isSame = (response: Kept) =>
    bookmark <= response.bookmark || !writes.some((write) => response.bookmark < write && write <= bookmark);
  return kept.get(request)?.find(isSame);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", headers } = request;
  const target = request.url ?? "";
  const bookmark = headers["x-d1-bookmark"]?.toString() ?? null;
  const key = `${target} ${headers.authorization} ${headers.accept} ${headers["if-none-match"]}`;
  const isRead = method === "GET" && target.startsWith("/v1/");
  const replica = isRead && bookmark !== null ? oldest(key, bookmark) : undefined;
  if (target.startsWith("/v1/")) seen.push({ method, url: target, bookmark, byReplica: replica !== undefined });
  if (replica !== undefined) {
    const newest = [bookmark!, replica.bookmark].sort()[1];
    response.writeHead(replica.status, { ...replica.headers, "x-d1-bookmark": newest }).end(replica.body);
    return;
  }
  const forwarded = http.request({ host: url.hostname, port: url.port, method, path: target, headers });
  request.pipe(forwarded);
  response.on("close", () => forwarded.destroy());
  const [arrived] = (await once(forwarded, "response")) as [IncomingMessage];
  const { statusCode: status = 0, headers: received } = arrived;
  const state = received["x-d1-bookmark"]?.toString();
  if (state !== undefined && method !== "GET") writes.push(state);
  response.writeHead(status, received);
  response.flushHeaders();
  const chunks: Buffer[] = [];
  for await (const chunk of arrived) {
    chunks.push(chunk);
    response.write(chunk);
  }
  // A log that grows is not a state that stays.
  const isKept = isRead && state !== undefined && !target.startsWith("/v1/events");
  const whole = { status, headers: received, body: Buffer.concat(chunks), bookmark: state! };
  if (isKept) kept.set(key, [...(kept.get(key) ?? []), whole]);
  response.end();
}

const server = http.createServer((request, response) => {
  // A caller that leaves ends the request to the Worker.
  answer(request, response).catch((error) => response.destroy(error));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
after(() => server.close().closeAllConnections());

/** Waits for the next request with this method. */
export const arrival = (method: string): Promise<void> =>
  new Promise((resolve) => {
    const listen = (request: IncomingMessage) => {
      if (request.method !== method) return;
      server.off("request", listen);
      resolve();
    };
    server.on("request", listen);
  });

/** Where the same API is without this server: it sends bookmarks, and its replicas do not lag. */
export const upToDate = url.origin;

/** Where the API with replicas is. */
export const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** A token of a new account. */
export const newToken = (): Promise<string> => newTokenIn(worker.getWorker());
