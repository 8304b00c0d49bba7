// The one line at the bottom of the page that says what was done, and takes it back.

import { byId, h } from "./dom.ts";

/** How long it stays, unless somebody is on it. */
const STAYS = 8_000;

let timer: ReturnType<typeof setTimeout> | undefined;
let atTheEnd: (() => void) | undefined;

/** Says something. `undo` takes it back; `end` is what happens once it can't be taken back any more. */
export function toast(text: string, { undo, end }: { undo?: () => void; end?: () => void } = {}): void {
  finish();
  const children: Node[] = [h("span", {}, text)];
  if (undo !== undefined) {
    const takeBack = () => {
      atTheEnd = undefined;
      finish();
      undo();
    };
    children.push(h("button", { type: "button", click: takeBack }, "Undo"));
  }
  byId("toast").replaceChildren(...children);
  atTheEnd = end;
  wait();
}

/** What was said is done now: its time is over, something else is said, or the page is left. */
export function finish(): void {
  stop();
  byId("toast").replaceChildren();
  const end = atTheEnd;
  atTheEnd = undefined;
  end?.();
}

function wait(): void {
  stop();
  if (byId("toast").hasChildNodes()) timer = setTimeout(finish, STAYS);
}

function stop(): void {
  clearTimeout(timer);
}

// Nobody has to be faster than the clock.
for (const event of ["pointerenter", "focusin"]) byId("toast").addEventListener(event, stop);
for (const event of ["pointerleave", "focusout"]) byId("toast").addEventListener(event, wait);
