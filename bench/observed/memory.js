// This project's Worker, with one more path: the size of its wasm memory in bytes.

import { initSync } from "../../build/index.js";
import module from "../../build/index_bg.wasm";
import worker, { Account } from "../../src/entry.js";

export { Account };
export default {
  fetch(request, env, ctx) {
    if (!request.url.endsWith("/bench-memory")) return worker.fetch(request, env, ctx);
    // entry.js has made the instance. This returns it.
    return Response.json(initSync({ module }).memory.buffer.byteLength);
  },
};
