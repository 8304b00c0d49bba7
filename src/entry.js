// The Worker's module. It instantiates the wasm once an isolate, and again after a trap: a trapped instance can't go
// on, so every request under way in it ends with a 500, and a sweep with an error in the log.
import {
  Account as Bell,
  fetch as handle,
  initSync,
  __wbg_reset_state as instantiateAgain,
  respondAfterTrap,
  sweep,
} from "../build/index.js";
import module from "../build/index_bg.wasm";
import { bindingOf, databases } from "./platform/helper.js";

// Rust's futures go on in a microtask. The runtime's own queueMicrotask costs some 20 µs a call, a promise next to
// nothing.
const settled = Promise.resolve();
globalThis.queueMicrotask = (task) => void settled.then(task).catch(trapped);

initSync({ module });

/** How to end each event and each stream (platform/helper.js) under way. */
const underWay = new Set();
globalThis.underWay = underWay;

/** How many instances there were before. */
let traps = 0;

function trapped(error) {
  traps += 1;
  instantiateAgain();
  for (const reject of underWay) reject(error);
  underWay.clear();
}

/** Runs the handler of an event. After a trap, in this event or another, `afterTrap` takes the handler's place: here,
 * and not in `trapped`, because the platform refuses a response that was made on behalf of another request. */
function run(handler, context, afterTrap) {
  const { promise, resolve, reject } = Promise.withResolvers();
  underWay.add(reject);
  try {
    handler().then(resolve, reject);
  } catch (error) {
    trapped(error);
  }
  const result = promise.then(
    (result) => {
      underWay.delete(reject);
      return result;
    },
    (error) => {
      underWay.delete(reject);
      return afterTrap(String(error?.stack ?? error));
    },
  );
  // To its end even when its caller has gone: half a request would stay in the memory of the wasm.
  context.waitUntil(result);
  return result;
}

/** The Durable Object of an account (platform/bell.rs). */
export class Account {
  #context;
  #env;
  #bell;
  #traps;

  constructor(context, env) {
    this.#context = context;
    this.#env = env;
  }

  fetch(request) {
    return run(
      () => this.#current().fetch(request),
      this.#context,
      (cause) => new Response(cause, { status: 500 }),
    );
  }

  /** The time of an attempt has come, or there is more to deliver than one event of the object may. Never fails: the
   * platform gives up an alarm that failed some times. What it was for, the sweep finds. */
  async alarm() {
    const account = await this.#context.storage.get("account");
    await this.fetch(new Request("https://bell", { headers: { account, alarm: "true" } }));
  }

  #current() {
    if (this.#bell === undefined || this.#traps !== traps) {
      this.#bell = new Bell(this.#context, this.#env);
      this.#traps = traps;
    }
    return this.#bell;
  }

  /** A listener has left. */
  webSocketClose(socket) {
    socket.close();
  }
}

/** The platform allows an invocation a thousand calls to D1, and a sweep takes five at least. */
const MAX_SWEEPS = 100;

/** The databases whose turn it is in this minute. */
function inTurn(all, minute) {
  const turns = Math.ceil(all.length / MAX_SWEEPS);
  return all.filter((_, index) => index % turns === minute % turns);
}

export default {
  fetch: (request, env, context) =>
    run(
      () => handle(request, env, context),
      context,
      (cause) => respondAfterTrap(request, cause),
    ),

  /** All databases at the same time: one that does not answer delays no other. The next sweep goes on where this one
   * ends. */
  scheduled: ({ scheduledTime }, env, context) =>
    Promise.all(
      inTurn(databases(env), Math.floor(scheduledTime / 60_000)).map((database, _, { length }) =>
        run(
          () => sweep(env, database, length),
          context,
          (cause) =>
            console.error(JSON.stringify({ route: "sweep", status: 500, database: bindingOf(database), cause })),
        ),
      ),
    ),
};
