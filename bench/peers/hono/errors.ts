// The error object: the body of every response that is not a 2xx.
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { App } from "./app.ts";

export class ApiError extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly param: string | null;
  readonly headers: Record<string, string>;

  constructor(
    status: ContentfulStatusCode,
    code: string,
    message: string,
    param: string | null = null,
    headers: Record<string, string> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
    this.headers = headers;
  }
}

export const missing = (what: string) =>
  new ApiError(404, "resource_missing", `No such ${what}. Check the id in the path; the object may have been deleted.`);

export function onError(error: Error, c: Context<App>): Response {
  const known =
    error instanceof ApiError
      ? error
      : new ApiError(
          500,
          "internal_error",
          "Something went wrong on our side. If this continues, contact support with the request id.",
        );
  if (known !== error) console.error(error);
  return c.json(
    {
      type: known.status < 500 ? "invalid_request" : "api_error",
      code: known.code,
      message: known.message,
      param: known.param,
      documentation_url: `${new URL(c.req.url).origin}/#${known.code}`,
      request_id: c.get("requestId"),
    },
    known.status,
    known.headers,
  );
}
