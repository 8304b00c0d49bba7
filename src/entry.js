// The Worker's module. It instantiates the wasm once an isolate, and again after a trap: a trapped instance can't go
// on, so every request under way in it ends with a 500.
import { fetch as handle, initSync, __wbg_reset_state as instantiateAgain, respondAfterTrap } from "../build/index.js";
import module from "../build/index_bg.wasm";

// Rust's futures go on in a microtask. The runtime's own queueMicrotask costs some 20 µs a call, a promise next to
// nothing.
const settled = Promise.resolve();
globalThis.queueMicrotask = (task) => void settled.then(task).catch(trapped);

initSync({ module });

/** How to end each request under way. */
const underWay = new Set();

function trapped(error) {
  instantiateAgain();
  for (const reject of underWay) reject(error);
}

export default {
  fetch(request, env, context) {
    const { promise, resolve, reject } = Promise.withResolvers();
    underWay.add(reject);
    try {
      handle(request, env, context).then(resolve, reject);
    } catch (error) {
      trapped(error);
    }
    // Here, and not in `trapped`: the platform refuses a response that was made on behalf of another request.
    const response = promise.then(
      (response) => {
        underWay.delete(reject);
        return response;
      },
      (error) => {
        underWay.delete(reject);
        return respondAfterTrap(request, String(error?.stack ?? error));
      },
    );
    // To its end even when its caller has gone: half a request would stay in the memory of the wasm.
    context.waitUntil(response);
    return response;
  },
};
