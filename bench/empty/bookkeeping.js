// What the empty Worker does before it responds: it asks the limiter of addresses, and logs a constant line that is as
// long as the lines of the other Workers.
const LINE = JSON.stringify({
  request_id: "0000000000000000",
  method: "GET",
  route: "/v1/conversations",
  status: 401,
  account: null,
  d1_calls: 0,
  d1_ms: 0,
  rows_read: 0,
  rows_written: 0,
  code: "token_invalid",
});

export async function bookkeeping(request, env) {
  await env.ADDRESS_LIMIT.limit({ key: request.headers.get("cf-connecting-ip") ?? "" });
  console.log(LINE);
}
