// The errors of the client: an error response, or no response. A cancelled call throws the reason of its signal, as
// `fetch` does.

import type { ErrorBody, ErrorCode } from "./types.ts";

/** An error response from the API, or from a proxy in front of it. */
export class ConversationsError extends Error {
  override readonly name = "ConversationsError";
  /** The HTTP status. */
  readonly status: number;
  /** The headers of the response. */
  readonly headers: Headers;
  /** The error code. Null if the response is not from the API, but from a proxy for example. */
  readonly code: ErrorCode | null;
  /** The attribute or header at fault. Null if there is none. */
  readonly param: string | null;
  /** The request id, for the support of the API. */
  readonly requestId: string | null;
  /** The URL that explains the code. */
  readonly documentationUrl: string | null;
  /** The number of seconds to wait before a retry. Null if the response does not say. */
  readonly retryAfter: number | null;
  /**
   * How many times the request was sent. If it is more than 1, an earlier attempt may have caused a
   * `precondition_failed`: it succeeded, but its response was lost.
   */
  readonly attempts: number;

  /** `text` is the body of the response. */
  constructor({ status, headers }: Response, text: string, attempts: number) {
    const body = parse(text);
    super(
      body?.message ?? `Unexpected response: status ${status}, ${headers.get("content-type") ?? "no content type"}.`,
    );
    this.status = status;
    this.headers = headers;
    this.code = body?.code ?? null;
    this.param = body?.param ?? null;
    this.requestId = body?.request_id ?? headers.get("x-request-id");
    this.documentationUrl = body?.documentation_url ?? null;
    this.retryAfter = seconds(headers.get("retry-after"));
    this.attempts = attempts;
  }
}

/** No response arrived, or only a part of it: `cause` says why. The API may have executed the request. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  /** How many times the request was sent. */
  readonly attempts: number;

  constructor(cause: unknown, attempts: number) {
    super(`Can't reach the server: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
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

/** The seconds in a `Retry-After`, which may also be a date. */
function seconds(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const value = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isNaN(value) ? null : Math.max(0, value);
}
