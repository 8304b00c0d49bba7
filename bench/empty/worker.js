// The least that a Worker can do which limits how often an address may fail and logs every request: what a 401 costs
// before anybody's code for it runs.
export default {
  async fetch(request, env) {
    await env.ADDRESS_LIMIT.limit({ key: request.headers.get("cf-connecting-ip") ?? "" });
    console.log(JSON.stringify({ method: request.method, status: 200 }));
    return new Response();
  },
};
