// The Worker's module: instantiates the wasm once per isolate and takes each request along its road, step by step as
// lib.rs says, waiting for what has to be waited for. No API logic lives here.
import module from "../build/index_bg.wasm";
import { Exchange, __wbg_reset_state as instantiateAgain, initSync, sql } from "../build/index.js";
import { address, body, failed, file, forget, head, respond, send, within, write } from "./edge.js";

initSync({ module });

/** How many bytes of a body that is too large are let through and dropped before the answer. */
const PATIENCE = 16 * 1024 * 1024;

export default {
  async fetch(request, env) {
    try {
      return await answer(request, env);
    } catch (error) {
      // A trap leaves the instance in no state to go on; the requests under way in it end here too, each with a 500.
      if (error instanceof WebAssembly.RuntimeError) {
        instantiateAgain();
        forget();
      }
      return failed(request, error);
    }
  },
};

async function answer(request, env) {
  const exchange = new Exchange(head(request), Date.now());
  let [word, argument, rest, text] = read(exchange.begin());
  if ((word === "body" || word === "call") && !(await within(env.TOKEN_LIMIT, rest || address(request)))) {
    [word, argument, rest, text] = limited(exchange, "token", env);
  }
  if (word === "body") {
    const bytes = body(request, Number(argument), PATIENCE);
    [word, argument, rest, text] = read(await bytes.then((bytes) => exchange.body(bytes), () => exchange.body_lost()));
  }
  if (word === "call") {
    const [answering, statements] = [Number(argument), text];
    do {
      const answer = env.DB === undefined ? Promise.reject() : send(env.DB, statements, answering, sql);
      [word, argument, rest, text] = read(
        await answer.then((answer) => exchange.answer(answer), (error) => exchange.d1_failed(error?.message)),
      );
      if (word === "again") await scheduler.wait(Number(argument));
    } while (word === "again");
  }
  let found;
  if (word === "file") {
    found = await env.ASSETS.fetch(request);
    if (found.status === 404) found = undefined;
    [word, argument, rest, text] = read(found === undefined ? exchange.file_missing() : exchange.file(found.status));
  }
  if (argument === "401" && !(await within(env.ADDRESS_LIMIT, address(request)))) {
    [word, argument, rest, text] = limited(exchange, "address", env);
  }
  exchange.free();
  write(Number(argument), rest);
  return found === undefined ? respond(Number(argument), text) : file(found, text);
}

/** The step of a request beyond a limit, which wrangler.toml sets and `env.LIMITS` tells. */
function limited(exchange, by, env) {
  const { limit, period } = env.LIMITS[by];
  return read(exchange.limited(by, limit, period));
}

/** A step as `Step::text` in edge.rs writes it: its word, its argument, the rest of the line, and the lines after it. */
function read(step) {
  const end = step.indexOf("\n");
  const line = end < 0 ? step : step.slice(0, end);
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  return [line.slice(0, first), line.slice(first + 1, second), line.slice(second + 1), end < 0 ? "" : step.slice(end + 1)];
}
