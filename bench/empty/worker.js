// The least that a Worker can do which limits how often an address may fail and logs every request: what a 401 costs
// before anybody's code for it runs. The line is as long as the others', and ready.
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

export default {
  async fetch(request, env) {
    await env.ADDRESS_LIMIT.limit({ key: request.headers.get("cf-connecting-ip") ?? "" });
    console.log(LINE);
    return new Response();
  },
};
