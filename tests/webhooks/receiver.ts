// A receiver of webhooks, as a customer of the API runs one: an HTTP server on loopback. The published library of
// Standard Webhooks verifies what it gets.

import { once } from "node:events";
import http, { type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** After so many milliseconds without a delivery, while a test waits for some, the test fails. */
const DEADLINE = 60_000;

/** One request to the receiver. */
export interface Delivery {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** The body, and the id of its event. */
  json: any;
  id: string;
  /** Answers, where the receiver's reply did not. */
  answer: (status: number, headers?: OutgoingHttpHeaders) => void;
  /** Settles when the exchange is over, answered or cut off. */
  over: Promise<void>;
}

export type Reply = (response: ServerResponse, delivery: Delivery) => void;

/** The reply with this status. */
export const status =
  (code: number, headers: OutgoingHttpHeaders = {}, body = ""): Reply =>
  (response) =>
    void response.writeHead(code, headers).end(body);

/** No reply: the test answers, or lets the sender wait. */
export const never: Reply = () => {};

export class Receiver implements AsyncDisposable {
  reply: Reply;
  /** What came, and what `take` has not returned. */
  readonly deliveries: Delivery[] = [];
  /** How many deliveries there were at once, at most. */
  most = 0;
  #open = 0;
  #changed = Promise.withResolvers<void>();
  readonly #server: http.Server;
  #port = 0;

  private constructor(reply: Reply) {
    this.reply = reply;
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      // A request that is cut off was no delivery.
      request.on("error", () => {});
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const { method = "", url = "", headers } = request;
        const { promise: over, resolve } = Promise.withResolvers<void>();
        const delivery: Delivery = {
          method,
          path: url,
          headers,
          body,
          json: JSON.parse(body),
          id: String(headers["webhook-id"]),
          answer: (code, more = {}) => void response.writeHead(code, more).end(),
          over,
        };
        this.#open += 1;
        this.most = Math.max(this.most, this.#open);
        response.on("error", () => {});
        response.on("close", () => {
          this.#open -= 1;
          resolve();
        });
        this.deliveries.push(delivery);
        this.reply(response, delivery);
        this.#change();
      });
    });
    // A connection that ends is one that a killed server had.
    this.#server.on("connection", (socket) => socket.on("close", () => this.#change()));
  }

  static async open(reply: Reply = status(204)): Promise<Receiver> {
    const receiver = new Receiver(reply);
    await receiver.listen();
    return receiver;
  }

  /** Takes connections, after `close` on the same port as before. */
  async listen(): Promise<void> {
    await once(this.#server.listen(this.#port, "127.0.0.1"), "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  #change() {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Waits until it is so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      const late = Promise.withResolvers<never>();
      const fail = () => late.reject(new Error(`only ${this.deliveries.length} deliveries came`));
      const timer = setTimeout(fail, DEADLINE);
      await Promise.race([this.#changed.promise, late.promise]).finally(() => clearTimeout(timer));
    }
  }

  /** The next deliveries. */
  async take(count: number): Promise<Delivery[]> {
    await this.until(() => this.deliveries.length >= count);
    return this.deliveries.splice(0, count);
  }

  /** Waits until no sender is connected: then everything that was sent is among the deliveries. */
  async disconnected(): Promise<void> {
    const connections = () =>
      new Promise<number>((resolve) => this.#server.getConnections((_, count) => resolve(count)));
    while ((await connections()) > 0) await this.#changed.promise;
  }

  /** Refuses connections, and ends those that there are. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Whether the published library takes the delivery for one that was signed with the secret. */
export function isSignedWith(secret: string, { body, headers }: Delivery): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
