// Listeners of GET /v1/events: streams as they come over the socket, and when an account is known to have a listener.

import assert from "node:assert/strict";
import http, { type IncomingMessage } from "node:http";
import type { Account } from "../support/accounts.ts";
import { fresh } from "../support/bookmarks.ts";
import { sql } from "../support/database.ts";
import { assertAcceptable, assertDescribed } from "../support/described.ts";
import type { Headers } from "../support/http.ts";
import { EVENTS } from "../support/paths.ts";
import { origin } from "../support/server.ts";

export interface StreamEvent {
  id: string;
  type: string;
  /** The event as text, and as an object. */
  text: string;
  json: any;
}

const open = new Set<Stream>();

/** A stream of server-sent events. Anything else than what the API promises to write fails it. */
export class Stream {
  readonly headers: IncomingMessage["headers"];
  /** The events so far that `next` has not returned. */
  readonly events: StreamEvent[] = [];
  /** How many comment lines there were. */
  comments = 0;
  /** Settles when the stream ends, with an error if it was cut. */
  readonly ended: Promise<void>;
  readonly #response: IncomingMessage;
  #failure: Error | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.headers = response.headers;
    open.add(this);
    this.ended = this.#read();
    this.ended
      .catch(() => {})
      .finally(() => {
        this.#failure ??= new Error("the stream has ended");
        this.#change();
        open.delete(this);
      });
  }

  async #read() {
    let text = "";
    let isFirst = true;
    for await (const chunk of this.#response.setEncoding("utf8")) {
      const blocks = (text + chunk).split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) {
        if (isFirst) assert.equal(block, "retry: 1000");
        else this.#add(block);
        isFirst = false;
        this.#change();
      }
    }
    assert.equal(text, "", "the stream ends within a message");
  }

  #add(block: string) {
    if (block === ":") {
      this.comments += 1;
      return;
    }
    const [, id = "", type = "", data = ""] = /^id: (\w{16})\nevent: ([a-z.]+)\ndata: (\{.*\})$/.exec(block) ?? [];
    assert.notEqual(data, "", `not a message: ${block}`);
    const json = JSON.parse(data);
    assert.deepEqual([json.id, json.type], [id, type]);
    this.events.push({ id, type, text: data, json });
  }

  #change() {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Waits until it is so. Fails when the stream ends before. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#changed.promise;
    }
  }

  /** The next events. */
  async take(count: number): Promise<StreamEvent[]> {
    await this.until(() => this.events.length >= count);
    return this.events.splice(0, count);
  }

  /** Leaves. */
  close(): void {
    this.#response.destroy();
  }
}

/** Closes all streams that are still open. */
export function closeAll(): void {
  for (const stream of open) stream.close();
}

/** Opens a stream. The query follows the path. */
export async function listen(token: string, query = "", headers: Headers = {}): Promise<Stream> {
  const path = `${EVENTS}${query}`;
  const sent = fresh({ Authorization: `Bearer ${token}`, Accept: "text/event-stream", ...headers });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  http.get(`${origin}${path}`, { agent: false, headers: sent }, resolve).on("error", reject);
  const response = await promise;
  const { statusCode = 0 } = response;
  if (statusCode !== 200) {
    const text = (await response.setEncoding("utf8").toArray()).join("");
    throw new Error(`${statusCode} ${text}`);
  }
  // An empty Last-Event-ID is none: clients send it before they have got an event.
  const { "Last-Event-ID": last, ...others } = sent as Headers;
  assertAcceptable("GET", path, last === "" ? others : sent, undefined, statusCode);
  assertDescribed("GET", path, statusCode, response.headers, "");
  return new Stream(response);
}

/** Returns once a listener of the account has read the log: from now on every change wakes it. Or once the account is
 * no longer watched. */
export async function watched({ id }: Account, expected = true): Promise<void> {
  for (let tries = 0; tries < 5000; tries += 1) {
    const marked = await sql("SELECT 1 FROM tokens WHERE account_id = ? AND is_watched", id);
    if (marked.length > 0 === expected) return;
  }
  assert.fail(expected ? "no listener came" : "the account is still watched");
}

/** Forgets that the account was watched: `watched` then waits for another listener. */
export const unwatch = ({ id }: Account) => sql("UPDATE tokens SET is_watched = 0 WHERE account_id = ?", id);
