// The Worker's module: instantiates the wasm once per isolate and takes each request along its road, step by step as
// lib.rs says, waiting for what has to be waited for. No API logic lives here.

import { Exchanges, initSync, __wbg_reset_state as instantiateAgain, sql } from "../build/index.js";
import module from "../build/index_bg.wasm";
import { address, body, failed, file, forget, head, pageOf, respond, send, within, write } from "./edge.js";

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
  let [word, id, argument, rest, text] = read(Exchanges.begin(head(request), Date.now()));
  if ((word === "body" || word.startsWith("call")) && !(await within(env.TOKEN_LIMIT, rest || address(request)))) {
    [word, id, argument, rest, text] = limited(id, "token", env);
  }
  if (word === "body") {
    const bytes = body(request, Number(argument), PATIENCE);
    [word, id, argument, rest, text] = read(
      await bytes.then(
        (bytes) => Exchanges.body(id, bytes),
        () => Exchanges.body_lost(id),
      ),
    );
  }
  let objects = [];
  if (word.startsWith("call")) {
    const [page, answering, statements] = [word === "call-page", Number(argument), text];
    do {
      const answer = env.DB === undefined ? Promise.reject() : send(env.DB, statements, answering, sql);
      [word, id, argument, rest, text] = read(
        await answer.then(
          ([account, answer]) => {
            if (page) [answer, objects] = pageOf(answer);
            return Exchanges.answer(id, answer === null ? account : `${account}\n${answer}`);
          },
          (error) => Exchanges.d1_failed(id, error?.message),
        ),
      );
      if (word === "again") await scheduler.wait(Number(argument));
    } while (word === "again");
  }
  let found;
  if (word === "file") {
    found = await env.ASSETS.fetch(request);
    if (found.status === 404) found = undefined;
    [word, id, argument, rest, text] = read(
      found === undefined ? Exchanges.file_missing(id) : Exchanges.file(id, found.status),
    );
  }
  if (argument === "401") {
    if (await within(env.ADDRESS_LIMIT, address(request))) Exchanges.forget(id);
    else [word, id, argument, rest, text] = limited(id, "address", env);
  }
  write(Number(argument), rest);
  return found === undefined
    ? respond(Number(argument), text, word === "respond-page" ? objects : undefined)
    : file(found, text);
}

/** The step of a request beyond a limit, which wrangler.toml sets and `env.LIMITS` tells. */
function limited(id, by, env) {
  const { limit, period } = env.LIMITS[by];
  return read(Exchanges.limited(id, by, limit, period));
}

/** A step as `Step::text` in edge.rs writes it: its word, its request's id, its argument, the rest of the line, and the
 * lines after it. */
function read(step) {
  if (step === undefined) throw new Error("The wasm doesn't know this request any more.");
  const end = step.indexOf("\n");
  const line = end < 0 ? step : step.slice(0, end);
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  const third = line.indexOf(" ", second + 1);
  return [
    line.slice(0, first),
    line.slice(first + 1, second),
    line.slice(second + 1, third),
    line.slice(third + 1),
    end < 0 ? "" : step.slice(end + 1),
  ];
}
