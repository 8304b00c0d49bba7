// How wrong requests are tested. That an error is the error object, and never a page of the runtime, is asserted on
// every response, in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import type { Answer } from "../support/audit.ts";
import { type Mistake, sendMistake } from "../support/mistakes.ts";
import { type World, world } from "../support/requests.ts";

/** A mistake, with a way of its own to send it where the ordinary one does not do. */
export interface Case extends Mistake {
  /** What the message says. */
  message?: RegExp;
  send?: (here: World) => Promise<Answer>;
}

/** How many wrong requests are under way at once. None of them may change anything. */
const AT_ONCE = 16;

/** The account of all wrong requests of a file: none of them may change it. */
let shared: Promise<World> | undefined;

/** Every case must get its error and write no row, and the account must be the same afterwards. */
export function refused(title: string, cases: Case[]): void {
  test(title, async () => {
    assert.ok(cases.length > 0, "no cases");
    shared ??= world();
    const here = await shared;
    const before = await here.account.everything();
    for (let at = 0; at < cases.length; at += AT_ONCE) {
      await Promise.all(
        cases.slice(at, at + AT_ONCE).map(async (wrong) => {
          const { name, status, code, param, message, send } = wrong;
          const answer = await (send?.(here) ?? sendMistake(here, wrong));
          assert.deepEqual(
            { status: answer.status, code: answer.json?.code, param: answer.json?.param },
            { status, code, param },
            `${name}: ${answer.status} ${answer.text}`,
          );
          if (message) assert.match(answer.json.message, message, name);
          assert.equal(answer.cost.rowsWritten, 0, name);
        }),
      );
    }
    assert.deepEqual(await here.account.everything(), before, "something was stored, changed or deleted");
  });
}

/** How a text looks in a title: short, and printable. */
export const shown = (text: string | Buffer): string => JSON.stringify(text.toString()).slice(0, 60);
