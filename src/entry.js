// The Worker's module: instantiates the wasm once per isolate and takes each request along its road, step by step as
// lib.rs says, waiting for what has to be waited for. No API logic lives here.
import module from "../build/index_bg.wasm";
import { Exchange, __wbg_reset_state as instantiateAgain, initSync, sql } from "../build/index.js";
import { body, failed, file, forget, head, respond, send } from "./edge.js";

initSync({ module });

/** How many bytes of a body that is too large are let through and dropped before the answer. */
const PATIENCE = 16 * 1024 * 1024;

export default {
  async fetch(request, env) {
    try {
      return await answer(request, env);
    } catch (error) {
      console.error(error);
      // A trap leaves the instance in no state to go on; the requests under way in it end here too, each with a 500.
      if (error instanceof WebAssembly.RuntimeError) {
        instantiateAgain();
        forget();
      }
      return failed(new URL(request.url).origin);
    }
  },
};

async function answer(request, env) {
  const exchange = new Exchange(head(request), Date.now());
  let [word, argument, text] = read(exchange.begin());
  if (word === "body") {
    const bytes = body(request, Number(argument), PATIENCE);
    [word, argument, text] = read(await bytes.then((bytes) => exchange.body(bytes), () => exchange.body_lost()));
  }
  if (word === "call") {
    const answer = env.DB === undefined ? Promise.reject() : send(env.DB, text, Number(argument), sql);
    [word, argument, text] = read(
      await answer.then((answer) => exchange.answer(answer), (error) => exchange.d1_failed(error?.message)),
    );
  }
  if (word === "file") {
    const found = await file(env.ASSETS, request, text).catch(() => undefined);
    if (found !== undefined) return found;
    [word, argument, text] = read(exchange.file_missing());
  }
  exchange.free();
  const end = text.indexOf("\n\n");
  return end < 0
    ? respond(Number(argument), text, null)
    : respond(Number(argument), text.slice(0, end), text.slice(end + 2));
}

/** A step as `Step::text` in edge.rs writes it: its word, its argument, and what is on the lines after them. */
function read(step) {
  const space = step.indexOf(" ");
  const line = step.indexOf("\n");
  return line < 0
    ? [step.slice(0, space), step.slice(space + 1), ""]
    : [step.slice(0, space), step.slice(space + 1, line), step.slice(line + 1)];
}
