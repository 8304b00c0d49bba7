// The toast: a line at the bottom of the page that says what was done, and offers to undo it.

import { byId, h } from "./dom.ts";

/** How long a toast stays, unless the pointer or the focus is on it. */
const DURATION_MS = 8_000;

let timer: ReturnType<typeof setTimeout> | undefined;
let onClose: (() => void) | undefined;

/** Shows a toast. `undo` adds a button. `close` runs when it is too late to undo. */
export function toast(text: string, { undo, close }: { undo?: () => void; close?: () => void } = {}): void {
  closeToast();
  const children: Node[] = [h("span", {}, text)];
  if (undo !== undefined) {
    const click = () => {
      onClose = undefined;
      closeToast();
      undo();
    };
    children.push(h("button", { type: "button", click }, "Undo"));
  }
  byId("toast").replaceChildren(...children);
  onClose = close;
  startTimer();
}

/** Closes the toast: its time is over, another one follows, or the page unloads. */
export function closeToast(): void {
  stopTimer();
  byId("toast").replaceChildren();
  const close = onClose;
  onClose = undefined;
  close?.();
}

function startTimer(): void {
  stopTimer();
  if (byId("toast").hasChildNodes()) timer = setTimeout(closeToast, DURATION_MS);
}

function stopTimer(): void {
  clearTimeout(timer);
}

// A person who reads the toast or reaches for its button needs more time.
for (const event of ["pointerenter", "focusin"]) byId("toast").addEventListener(event, stopTimer);
for (const event of ["pointerleave", "focusout"]) byId("toast").addEventListener(event, startTimer);
