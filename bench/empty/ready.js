// The empty Worker with a constant 401: what its body and its headers cost without the code that makes them.
import { bookkeeping } from "./bookkeeping.js";

const BODY = JSON.stringify({
  type: "invalid_request",
  code: "token_invalid",
  message:
    "The token is malformed, unknown, expired or revoked. " +
    "Send a valid one in the header `Authorization: Bearer {token}`.",
  param: null,
  documentation_url: "https://api.self.chat/#token_invalid",
  request_id: "0000000000000000",
});
const HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Allow, ETag, Idempotent-Replayed, Link, Location, RateLimit-Policy, Retry-After, Server-Timing, " +
    "WWW-Authenticate, X-Request-Id",
  "cache-control": "private, no-cache",
  "x-request-id": "0000000000000000",
  "server-timing": 'd1;dur=0.000;desc="0 rows read, 0 written"',
  "content-type": "application/json; charset=utf-8",
  "www-authenticate": 'Bearer realm="conversations", error="invalid_token"',
};

export default {
  async fetch(request, env) {
    await bookkeeping(request, env);
    return new Response(BODY, { status: 401, headers: HEADERS });
  },
};
