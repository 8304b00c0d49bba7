// The errors of the client: an error response, with a class for each status, or no response. A cancelled call throws
// the reason of its signal, as `fetch` does.

import type { ErrorBody, ErrorCode } from "./types.ts";

/** An error response from the API, or from a proxy in front of it. */
export class ConversationsError extends Error {
  override readonly name: string = "ConversationsError";
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

/** 400: the request is not valid. `code` says what is wrong, and `param` says where. */
export class BadRequestError extends ConversationsError {
  override readonly name = "BadRequestError";
}

/** 401: the token is missing, wrong, revoked or expired. */
export class AuthenticationError extends ConversationsError {
  override readonly name = "AuthenticationError";
}

/** 403: the token does not have the scope, or the account has reached its quota. */
export class PermissionDeniedError extends ConversationsError {
  override readonly name = "PermissionDeniedError";
}

/** 404: the object does not exist, or belongs to another account. */
export class NotFoundError extends ConversationsError {
  override readonly name = "NotFoundError";
}

/** 409: the token already has a successor. */
export class ConflictError extends ConversationsError {
  override readonly name = "ConflictError";
}

/** 410: the log no longer has the position. */
export class GoneError extends ConversationsError {
  override readonly name = "GoneError";
}

/** 412: the object changed since it was read (`ifMatch`). */
export class PreconditionFailedError extends ConversationsError {
  override readonly name = "PreconditionFailedError";
}

/** 413: the body is too large. */
export class PayloadTooLargeError extends ConversationsError {
  override readonly name = "PayloadTooLargeError";
}

/** 415: the API does not read this type of content. */
export class UnsupportedMediaTypeError extends ConversationsError {
  override readonly name = "UnsupportedMediaTypeError";
}

/** 422: the idempotency key was used for another request. */
export class UnprocessableEntityError extends ConversationsError {
  override readonly name = "UnprocessableEntityError";
}

/** 429: too many requests. `retryAfter` says how long to wait. */
export class RateLimitError extends ConversationsError {
  override readonly name = "RateLimitError";
}

/** 500 and above: the API, or a proxy in front of it, failed. */
export class ServerError extends ConversationsError {
  override readonly name = "ServerError";
}

const CLASSES: Record<number, typeof ConversationsError> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  410: GoneError,
  412: PreconditionFailedError,
  413: PayloadTooLargeError,
  415: UnsupportedMediaTypeError,
  422: UnprocessableEntityError,
  429: RateLimitError,
};

/** The error of the class for the response's status. `text` is the body of the response. */
export function errorOf(response: Response, text: string, attempts: number): ConversationsError {
  const fallback = response.status >= 500 ? ServerError : ConversationsError;
  return new (CLASSES[response.status] ?? fallback)(response, text, attempts);
}

/** No response arrived, or only a part of it: `cause` says why. The API may have executed the request. */
export class NetworkError extends Error {
  override readonly name: string = "NetworkError";
  /** How many times the request was sent. */
  readonly attempts: number;

  constructor(cause: unknown, attempts: number) {
    super(`Can't reach the server: ${messageOf(cause)}`, { cause });
    this.attempts = attempts;
  }
}

/** No response arrived within the timeout. The API may have executed the request. */
export class TimeoutError extends NetworkError {
  override readonly name = "TimeoutError";
}

/** The text of whatever was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

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
