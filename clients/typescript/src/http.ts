// Sends the requests, and retries them. Every request is safe to retry, because every POST has an idempotency key.

import { BOOKMARK_HEADER, Bookmark } from "./bookmark.ts";
import { Call, type WithResponse } from "./call.ts";
import { ConversationsError, errorOf, messageOf, NetworkError, TimeoutError } from "./errors.ts";
import { tagOf } from "./tags.ts";

/** The options of the client. */
export interface ClientOptions {
  /** The token of the account. It begins with `self_`. */
  token: string;
  /** The URL of the API, such as `https://api.example.com`. */
  baseUrl: string | URL;
  /** The `bookmark` of another client with a token of the same account: what it has written and read is read here. */
  bookmark?: string | null | undefined;
  /** Replaces the global `fetch`, for example with the `fetch` of a service binding. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** The maximum number of retries for each request. Default: 3. */
  retries?: number;
  /** The longest wait before a retry, in milliseconds. If the API asks for more, there is no retry. Default: 60,000. */
  maxWait?: number;
  /** The timeout of one attempt, in milliseconds. Default: 30,000. */
  timeout?: number;
  /** Gets a line for each request, response and retry, such as `console`. The lines have no tokens and no bodies. */
  logger?: Logger | undefined;
  /** Replaces the timer that waits before a retry. It must reject when the signal is aborted. */
  wait?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** Where the debug log goes. */
export interface Logger {
  debug(line: string): void;
}

/** The options of every call. */
export interface CallOptions {
  /** Cancels the call, also while it waits for a retry. */
  signal?: AbortSignal | undefined;
  /** The maximum number of retries of this call. Default: `retries` of the client. */
  retries?: number | undefined;
  /** The timeout of one attempt, in milliseconds. Default: `timeout` of the client. */
  timeout?: number | undefined;
  /** Further headers of the request. They replace the client's own. */
  headers?: Record<string, string> | undefined;
}

/** A request to the API. */
export interface ApiRequest extends CallOptions {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path without the first slash. */
  path: string;
  query?: Record<string, unknown> | URLSearchParams;
  body?: unknown;
  idempotencyKey?: string | undefined;
  /** An object that the client returned, or an ETag. */
  ifMatch?: object | string | undefined;
  /** An object that the client returned, or an ETag. */
  ifNoneMatch?: object | string | undefined;
  /** The seconds that the API may wait before it responds. They extend the timeout. */
  longPoll?: number | undefined;
}

/** What is sent: the headers get the bookmark of each attempt. */
type Init = RequestInit & { method: string; headers: Headers };

/** Statuses after which the same request may succeed a little later. */
const TRANSIENT_STATUSES = [429, 502, 503, 504];
/** The first wait in milliseconds. Each further wait is twice as long. */
const FIRST_WAIT = 500;
/** A stream without any byte for so many milliseconds is lost: the API sends a comment every 5 seconds. */
const MAX_SILENCE = 45_000;
/** The longest timer in milliseconds. A longer one would end at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** Sends requests to one API with one token. */
export class Http {
  readonly #base: string;
  readonly #token: string;
  readonly #options: Required<Omit<ClientOptions, "token" | "baseUrl" | "bookmark" | "logger">>;
  readonly #logger: Logger | undefined;
  readonly bookmark: Bookmark;

  constructor({
    token,
    baseUrl,
    bookmark = null,
    fetch = (url, init) => globalThis.fetch(url, init),
    retries = 3,
    maxWait = 60_000,
    timeout = 30_000,
    logger,
    wait = sleep,
  }: ClientOptions) {
    const url = new URL(baseUrl);
    // Later errors would show the password, or the token with the line break of its file.
    if (url.username !== "" || url.password !== "") throw new TypeError("`baseUrl` has a user name or a password.");
    if (/[^\x21-\x7e]/.test(token)) throw new TypeError("`token` has a character that is not valid in a token.");
    this.#base = String(url).replace(/\/*$/, "/");
    this.#token = token;
    this.#logger = logger;
    this.bookmark = new Bookmark(bookmark);
    this.#options = { fetch, retries, maxWait, timeout, wait };
  }

  /** Sends a request now. `read` makes the result of the body, which is null if there is none, and the headers. */
  call<T>(request: ApiRequest, read: (body: any, headers: Headers) => T): Call<T> {
    const outcome = this.#send(request).then((response) => ({
      ...response,
      data: read(response.data, response.headers),
    }));
    return new Call(() => outcome);
  }

  /** Sends a request. Throws a ConversationsError, a NetworkError, or the reason of the signal. */
  async #send(request: ApiRequest): Promise<WithResponse<unknown>> {
    const { method, signal, longPoll = 0 } = request;
    const { maxWait, wait } = this.#options;
    const retries = request.retries ?? this.#options.retries;
    const timeout = (request.timeout ?? this.#options.timeout) + longPoll * 1000;
    const { url, init } = this.#prepare(request);

    let maybeExecuted = false;
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      const outcome = await this.#attempt(url, init, attempt, timeout, signal);
      if (!(outcome instanceof Error)) return outcome;
      const response = outcome instanceof ConversationsError ? outcome : null;
      // An earlier attempt deleted the object, and its response was lost.
      if (method === "DELETE" && maybeExecuted && response?.code === "resource_missing")
        return { data: null, ...responseOf(response, attempt) };
      const retryAfter = response?.retryAfter ?? null;
      const transient =
        response === null || (TRANSIENT_STATUSES.includes(response.status) && response.code !== "webhooks_unavailable");
      if (!transient || attempt > retries || (retryAfter ?? 0) * 1000 > maxWait) throw outcome;
      maybeExecuted ||= response?.status !== 429;
      const delay = retryDelay(attempt, retryAfter, maxWait);
      this.#log(method, url, `attempt ${attempt + 1} in ${Math.round(delay)} ms`);
      await wait(delay, signal);
    }
  }

  /**
   * The text of a stream of events, as it arrives. It is one attempt. Throws a ConversationsError, a NetworkError, or
   * the reason of the signal.
   */
  async *stream(request: Omit<ApiRequest, "method">): AsyncGenerator<string, void, void> {
    const { signal, timeout = this.#options.timeout } = request;
    const { url, init } = this.#prepare({ ...request, method: "GET" });
    init.headers.set("Accept", "text/event-stream");
    const connection = new AbortController();
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    const end = (reason?: unknown) => {
      connection.abort(reason);
      // Not every `fetch` knows signals.
      reader?.cancel(reason).catch(() => {});
    };
    const abort = () => end(signal?.reason);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = (milliseconds: number) => {
      timer = setTimeout(
        () => end(new DOMException(`Nothing arrived within ${milliseconds} ms.`, "TimeoutError")),
        milliseconds,
      );
    };

    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort);
    try {
      limit(timeout);
      const response = await this.#fetch(url, init, connection.signal);
      const isStream = response.ok && response.headers.get("content-type")?.startsWith("text/event-stream");
      if (!isStream || response.body === null) throw errorOf(response, await response.text(), 1);
      reader = response.body.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        clearTimeout(timer);
        limit(MAX_SILENCE);
        const { done, value } = await reader.read();
        clearTimeout(timer);
        connection.signal.throwIfAborted();
        if (done) return;
        yield decoder.decode(value, { stream: true });
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw cause instanceof ConversationsError ? cause : failureOf(cause, connection.signal, 1);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      end();
    }
  }

  /**
   * Waits before a connection is opened again: as long as the API asks for, or else twice as long after each failure.
   * The random part spreads clients whose connections ended at the same moment.
   */
  async pause(
    failures: number,
    failure: ConversationsError | NetworkError | null,
    firstWait: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const { maxWait, wait } = this.#options;
    const retryAfter = failure instanceof ConversationsError ? failure.retryAfter : null;
    const shortest = retryAfter === null ? Math.min(firstWait * 2 ** (failures - 1), maxWait) : retryAfter * 1000;
    const delay = Math.min(Math.max(shortest, firstWait) + (firstWait / 2) * Math.random(), MAX_TIMER);
    this.#logger?.debug(
      `${failure === null ? "The stream ended" : failure.message}: next attempt in ${Math.round(delay)} ms`,
    );
    await wait(delay, signal);
  }

  #prepare({ method, path, query = {}, body, headers, idempotencyKey, ifMatch, ifNoneMatch }: ApiRequest): {
    url: string;
    init: Init;
  } {
    const url = new URL(path, this.#base);
    url.search = (query instanceof URLSearchParams ? query : parameters(query)).toString();
    // Outside of the attempts: an invalid header is not a network error.
    const all = new Headers({ Authorization: `Bearer ${this.#token}` });
    const own = {
      "Content-Type": body === undefined ? undefined : "application/json",
      "Idempotency-Key": idempotencyKey,
      "If-Match": tagOf(ifMatch),
      "If-None-Match": tagOf(ifNoneMatch),
    };
    for (const [name, value] of Object.entries({ ...own, ...headers })) if (value !== undefined) all.set(name, value);
    return { url: String(url), init: { method, headers: all, body: body === undefined ? null : JSON.stringify(body) } };
  }

  /** Sends a request with the bookmark. If the API rejects the bookmark, sends the request again without it. */
  async #fetch(url: string, init: Init, signal: AbortSignal): Promise<Response> {
    const takeBookmark = this.bookmark.attachTo(init.headers);
    const response = await this.#exchange(url, { ...init, signal });
    takeBookmark(response.headers);
    if (response.status !== 400 || !init.headers.has(BOOKMARK_HEADER)) return response;
    const text = await response.text();
    if (errorOf(response, text, 1).param !== BOOKMARK_HEADER) return new Response(text, response);
    this.bookmark.drop();
    return this.#fetch(url, init, signal);
  }

  /** Sends a request, and writes to the debug log what came of it. */
  async #exchange(url: string, init: Init & { signal: AbortSignal }): Promise<Response> {
    const { method } = init;
    const start = Date.now();
    try {
      const response = await this.#options.fetch(url, init);
      const requestId = response.headers.get("x-request-id") ?? "none";
      this.#log(method, url, `${response.status} after ${Date.now() - start} ms, request id ${requestId}`);
      return response;
    } catch (error) {
      this.#log(method, url, `no response after ${Date.now() - start} ms, ${messageOf(error)}`);
      throw error;
    }
  }

  #log(method: string, url: string, outcome: string): void {
    this.#logger?.debug(`${method} ${url.slice(this.#base.length - 1)}: ${outcome}`);
  }

  /** Sends a request once. It returns errors, and throws only if the signal is aborted. */
  async #attempt(
    url: string,
    init: Init,
    attempt: number,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<WithResponse<unknown> | ConversationsError | NetworkError> {
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    const timer = setTimeout(
      () => controller.abort(new DOMException(`No response within ${timeout} ms.`, "TimeoutError")),
      timeout,
    );
    try {
      const response = await this.#fetch(url, init, controller.signal);
      const text = await response.text();
      const isEmpty = response.status === 204 || response.status === 304;
      const data = isEmpty ? null : response.ok ? parse(text) : undefined;
      if (data === undefined) return errorOf(response, text, attempt);
      return { data, ...responseOf(response, attempt) };
    } catch (cause) {
      signal?.throwIfAborted();
      return failureOf(cause, controller.signal, attempt);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** The error of an attempt without a response. `signal` is aborted if it took too long. */
function failureOf(cause: unknown, { aborted, reason }: AbortSignal, attempts: number): NetworkError {
  return aborted ? new TimeoutError(reason, attempts) : new NetworkError(cause, attempts);
}

function responseOf({ status, headers }: Pick<Response, "status" | "headers">, attempts: number) {
  return { status, headers, requestId: headers.get("x-request-id"), attempts };
}

/**
 * The milliseconds to wait after an attempt: as long as the API asks for, or else twice as long each time. The random
 * part spreads clients that failed at the same moment.
 */
function retryDelay(attempt: number, retryAfter: number | null, maxWait: number): number {
  if (retryAfter !== null) return retryAfter * 1000 + FIRST_WAIT * Math.random();
  return Math.min(FIRST_WAIT * 2 ** (attempt - 1), maxWait) * (0.5 + Math.random() / 2);
}

/** The parameters of a query. A list, such as `include`, is one parameter with commas. */
function parameters(query: Record<string, unknown>): URLSearchParams {
  const isEmpty = (value: unknown) => value === undefined || (Array.isArray(value) && value.length === 0);
  const named = Object.entries(query).filter(([, value]) => !isEmpty(value));
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
