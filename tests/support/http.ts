// Requests to the Worker, from any byte over a socket to the API as the holder of a token uses it.

import http from "node:http";
import net from "node:net";
import { after } from "node:test";
import type { ClientOptions } from "../../clients/typescript/src/index.ts";
import { type Answer, audit } from "./audit.ts";
import { fresh } from "./bookmarks.ts";
import { assertAcceptable } from "./described.ts";
import { host, hostname, origin, port } from "./server.ts";

/** workerd closes a connection that was idle for five seconds. A request that is sent at that moment would fail. */
const MAX_IDLE_MS = 1000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 64, timeout: MAX_IDLE_MS });
after(() => agent.destroy());

/** Node's own limit is 16 KiB. A response whose test asks for its SQL statements has them in a header. */
const MAX_HEADER_BYTES = 65_536;

export type Headers = Record<string, string | string[] | undefined>;

/** One request, exactly as given: no header but the ones named (and Host), the path not touched. */
export function send(method: string, path: string, headers: Headers = {}, body?: string | Buffer): Promise<Answer> {
  const { request, answer } = start(method, path, headers, body);
  request.end(body);
  return answer;
}

/** A request whose head is sent at once. `finish` sends its body, and returns the answer. */
export function sendSlowly(method: string, path: string, headers: Headers, body: string) {
  const { request, answer } = start(method, path, headers, body);
  request.flushHeaders();
  return {
    finish: (): Promise<Answer> => {
      request.end(body);
      return answer;
    },
  };
}

function start(method: string, path: string, given: Headers, body?: string | Buffer) {
  const headers = fresh(given);
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const request = http.request(
    { agent, host: hostname, port, method, path, headers: { ...length, ...headers }, maxHeaderSize: MAX_HEADER_BYTES },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        try {
          assertAcceptable(method, path, headers, body?.toString(), response.statusCode ?? 0);
          resolve(audit(method, path, response.statusCode ?? 0, response.headers, text));
        } catch (error) {
          reject(error);
        }
      });
    },
  );
  request.on("error", reject);
  return { request, answer };
}

/** A request as text, for `raw`: exactly these headers, and two that every one needs. A list is a header sent twice. */
export function textOf(method: string, path: string, headers: Headers = {}, body = ""): string {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  return [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...lines, "Connection: close", "", body].join("\r\n");
}

/** What no client library would send, byte for byte over a socket. It must say `Connection: close`. */
export function raw(bytes: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", (error) => (chunks.length === 0 ? reject(error) : socket.destroy()));
    socket.on("close", () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf("\r\n\r\n");
      const [status = "", ...lines] = answer.subarray(0, end).toString().split("\r\n");
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      const body = answer.subarray(end + 4);
      const text = (headers["transfer-encoding"] === "chunked" ? unchunk(body) : body).toString();
      const [method = "", path = ""] = bytes.toString().split(" ", 2);
      try {
        resolve(audit(method, path, Number(status.split(" ")[1]), headers, text));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function unchunk(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const line = body.indexOf("\r\n", at);
    const size = parseInt(body.subarray(at, line).toString(), 16);
    if (!(size > 0)) break;
    parts.push(body.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

export const keyed = (key: string): Headers => ({ "Idempotency-Key": key });
/** The condition that the object is still as in an earlier answer, and that it is not. */
export const ifMatch = ({ headers }: Answer): Headers => ({ "If-Match": headers.etag });
export const ifNoneMatch = ({ headers }: Answer): Headers => ({ "If-None-Match": headers.etag });

export const FORM = "application/x-www-form-urlencoded";
export const JSON_TYPE = "application/json";

/** The API as the holder of a token uses it. A string is sent as a form, anything else as JSON. */
export function api(token: string) {
  const call =
    (method: string) =>
    (path: string, attributes?: unknown, headers: Headers = {}) => {
      const authorized = { Authorization: `Bearer ${token}`, ...headers };
      if (attributes === undefined) return send(method, path, authorized);
      return typeof attributes === "string"
        ? send(method, path, { "Content-Type": FORM, ...authorized }, attributes)
        : send(method, path, { "Content-Type": JSON_TYPE, ...authorized }, JSON.stringify(attributes));
    };
  return {
    token,
    get: call("GET"),
    head: call("HEAD"),
    post: call("POST"),
    put: call("PUT"),
    patch: call("PATCH"),
    delete: call("DELETE"),
    /** For bodies that aren't right, or not of the type they are said to be. */
    send: (method: string, path: string, headers: Headers = {}, body?: string | Buffer) =>
      send(method, path, { Authorization: `Bearer ${token}`, ...headers }, body),
  };
}

/** A fetch for the API's client that audits every answer as all others are. The headers are added to what is sent. */
export const audited =
  (added: Headers = {}): NonNullable<ClientOptions["fetch"]> =>
  async (url, { method = "GET", headers, body }) => {
    const sent = { ...Object.fromEntries(new globalThis.Headers(headers)), ...added };
    const answer = await send(method, url.slice(origin.length), sent, (body ?? undefined) as string | undefined);
    const response = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string]);
    return new Response(answer.text === "" ? null : answer.text, { status: answer.status, headers: response });
  };
