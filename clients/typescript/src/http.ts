// One call of the API: sent, and sent again while that makes sense. Every request can be repeated safely, as every POST
// has a key that says it is the same one.

import { ConversationsError, NetworkError } from "./errors.ts";

/** How to reach the API. */
export interface Options {
  /** What opens the account: `self_` and 36 letters and digits. */
  token: string;
  /** Where the API is, such as `https://api.example.com`. */
  baseUrl: string | URL;
  /** What sends requests instead of the global `fetch`, such as the one of a service binding. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** How often a request is sent again, at most: 3 unless told. */
  retries?: number;
  /** The longest wait before a retry, in milliseconds: 60,000 unless told. An API that asks for more is not retried. */
  maxWait?: number;
  /** How long one attempt may take, in milliseconds: 30,000 unless told. */
  timeout?: number;
  /** What waits before a retry, in milliseconds, instead of a timer. It must reject when the signal is aborted. */
  wait?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** What any call takes. */
export interface CallOptions {
  /** Cancels the call, and any waiting that it does. */
  signal?: AbortSignal | undefined;
}

/** A request in the API's terms. */
export interface Call extends CallOptions {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** From the API's root, without the first slash. */
  path: string;
  query?: Record<string, unknown> | URLSearchParams;
  body?: unknown;
  headers?: Record<string, string | undefined>;
}

/** A success, its body read. */
export interface Answer {
  headers: Headers;
  /** The body, or null where there is none. */
  json: any;
}

/** Overloaded, or a gateway on the way: the same request may well succeed a little later. */
const PASSING = [429, 502, 503, 504];
/** The first wait is about half a second; each further one is twice as long. */
const FIRST_WAIT = 500;

/** The API at one place, for the holder of one token. */
export class Http {
  readonly #base: string;
  readonly #token: string;
  readonly #options: Required<Omit<Options, "token" | "baseUrl">>;

  constructor({
    token,
    baseUrl,
    fetch = (url, init) => globalThis.fetch(url, init),
    retries = 3,
    maxWait = 60_000,
    timeout = 30_000,
    wait = sleep,
  }: Options) {
    this.#base = String(new URL(baseUrl)).replace(/\/*$/, "/");
    this.#token = token;
    this.#options = { fetch, retries, maxWait, timeout, wait };
  }

  /** The answer to a call; throws a ConversationsError, a NetworkError, or the reason of the signal. */
  async call({ method, path, query = {}, body, headers: extra = {}, signal }: Call): Promise<Answer> {
    const { retries, maxWait, wait } = this.#options;
    const url = new URL(path, this.#base);
    url.search = (query instanceof URLSearchParams ? query : parameters(query)).toString();
    // Outside of the attempts: what can't be sent at all is no failure of the network.
    const headers = new Headers({ Authorization: `Bearer ${this.#token}` });
    if (body !== undefined) headers.set("Content-Type", "application/json");
    for (const [name, value] of Object.entries(extra)) if (value !== undefined) headers.set(name, value);
    const init = { method, headers, body: body === undefined ? null : JSON.stringify(body) };

    let maybeDone = false;
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      const outcome = await this.#attempt(String(url), init, attempt, signal);
      if (!(outcome instanceof Error)) return outcome;
      const { status = 0, code = null, retryAfter = null } = outcome instanceof ConversationsError ? outcome : {};
      // An earlier attempt deleted it, and its answer was lost: what the caller wants is done.
      if (method === "DELETE" && maybeDone && code === "resource_missing")
        return { headers: new Headers(), json: null };
      const mayPass = outcome instanceof NetworkError || PASSING.includes(status);
      if (!mayPass || attempt > retries || (retryAfter ?? 0) * 1000 > maxWait) throw outcome;
      maybeDone ||= status !== 429;
      await wait(pause(attempt, retryAfter, maxWait), signal);
    }
  }

  /** Sends a request once. A failure that may pass is returned; only an aborted signal throws. */
  async #attempt(
    url: string,
    init: RequestInit,
    attempt: number,
    signal?: AbortSignal,
  ): Promise<Answer | ConversationsError | NetworkError> {
    const { fetch, timeout } = this.#options;
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    const timer = setTimeout(
      () => controller.abort(new DOMException(`${timeout} ms are over.`, "TimeoutError")),
      timeout,
    );
    try {
      const response = await fetch(url, { ...init, signal: controller.signal });
      const text = await response.text();
      const { status, headers } = response;
      if (status === 204 || status === 304) return { headers, json: null };
      const json = response.ok ? parse(text) : undefined;
      return json === undefined ? new ConversationsError(response, text, attempt) : { headers, json };
    } catch (cause) {
      signal?.throwIfAborted();
      return new NetworkError(cause, attempt);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

/**
 * How long to wait after an attempt: what the API asks for, and otherwise twice as long each time. Chance spreads those
 * who failed together.
 */
function pause(attempt: number, retryAfter: number | null, maxWait: number): number {
  if (retryAfter !== null) return retryAfter * 1000 + FIRST_WAIT * Math.random();
  return Math.min(FIRST_WAIT * 2 ** (attempt - 1), maxWait) * (0.5 + Math.random() / 2);
}

function parameters(query: Record<string, unknown>): URLSearchParams {
  const named = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(named.map(([name, value]) => [name, String(value)]));
}

function parse(text: string): object | undefined {
  try {
    const json = JSON.parse(text);
    return typeof json === "object" && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
