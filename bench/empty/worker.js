// The least that a Worker can do which limits how often an address may fail and logs every request: what a 401 costs
// before anybody's code for it runs.
import { bookkeeping } from "./bookkeeping.js";

export default {
  async fetch(request, env) {
    await bookkeeping(request, env);
    return new Response();
  },
};
