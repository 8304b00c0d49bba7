// What can go wrong: the API says no, or there is no answer. A call that its caller has cancelled throws the reason of
// the caller's own signal, as fetch does.

import type { ErrorBody, ErrorCode } from "./types.ts";

/** The API, or something on the way to it, answered with an error. */
export class ConversationsError extends Error {
  override readonly name = "ConversationsError";
  /** The HTTP status. */
  readonly status: number;
  /** What is wrong, or null when the answer is not the API's, but a proxy's for example. */
  readonly code: ErrorCode | null;
  /** The attribute or header at fault, if it is one. */
  readonly param: string | null;
  /** What to quote to whoever operates the API. */
  readonly requestId: string | null;
  /** Where the code is explained. */
  readonly documentationUrl: string | null;
  /** The seconds after which another try makes sense, if the answer says so. */
  readonly retryAfter: number | null;
  /**
   * How often the request was sent. After more than one attempt a `precondition_failed` can be the work of an earlier
   * attempt whose answer was lost.
   */
  readonly attempts: number;

  /** Made from an answer whose body has been read. */
  constructor({ status, headers }: Response, text: string, attempts: number) {
    const body = parse(text);
    super(
      body?.message ?? `The answer is not the API's: status ${status}, ${headers.get("content-type") ?? "no type"}.`,
    );
    this.status = status;
    this.code = body?.code ?? null;
    this.param = body?.param ?? null;
    this.requestId = body?.request_id ?? headers.get("x-request-id");
    this.documentationUrl = body?.documentation_url ?? null;
    this.retryAfter = seconds(headers.get("retry-after"));
    this.attempts = attempts;
  }
}

/** There is no answer, or only a part of one: `cause` says why. Whether the API did what was asked is not known. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  /** How often the request was sent. */
  readonly attempts: number;

  constructor(cause: unknown, attempts: number) {
    super(`There was no answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.attempts = attempts;
  }
}

function parse(text: string): ErrorBody | undefined {
  try {
    const body = JSON.parse(text);
    return typeof body?.code === "string" ? body : undefined;
  } catch {
    return undefined;
  }
}

/** A Retry-After, which proxies may also write as a date. */
function seconds(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const value = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isNaN(value) ? null : Math.max(0, value);
}
