// The least that a Worker does which asks the limiter and logs every request: what a 401 costs without its own code.
import { bookkeeping } from "./bookkeeping.js";

export default {
  async fetch(request, env) {
    await bookkeeping(request, env);
    return new Response();
  },
};
