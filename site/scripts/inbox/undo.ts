// What can be undone, the newest last. The toast offers the newest, and Ctrl-Z undoes one after the other.

import { announce } from "../shared/dom.ts";
import { toast } from "../shared/toast.ts";

interface Done {
  undo: () => void;
  closeToast: () => void;
}

/** Older ones can no longer be undone. */
const MAX_DONE = 100;
let stack: Done[] = [];

/**
 * Shows what was done, with an undo button. `commit` does what can't be undone: it runs when the toast closes, and then
 * it is too late.
 */
export function offerUndo(text: string, undo: () => void, commit?: () => void): void {
  const remove = () => {
    stack = stack.filter((other) => other !== done);
  };
  const close =
    commit &&
    (() => {
      remove();
      commit();
    });
  const done: Done = {
    undo: () => {
      remove();
      done.closeToast();
      undo();
    },
    closeToast: toast(text, { undo: () => done.undo(), ...(close && { close }) }),
  };
  stack = [...stack, done].slice(-MAX_DONE);
}

/** Undoes the newest action. */
export function undoLast(): void {
  const done = stack.at(-1);
  if (done === undefined) announce("There is nothing to undo.");
  else done.undo();
}

/** Forgets all actions: the user signed out. */
export function clearUndo(): void {
  stack = [];
}
