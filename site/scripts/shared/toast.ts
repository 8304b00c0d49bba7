// The toast: a line at the bottom of the page that says what was done, and offers to undo it. Of several that can still
// be undone, it shows the newest, and the one before it when that was undone.

import { byId, h } from "./dom.ts";

/** How long a toast stays, unless the pointer or the focus is on it. */
const DURATION_MS = 8_000;

interface Toast {
  element: HTMLElement[];
  canUndo: boolean;
  /** Runs when it is too late to undo. */
  close: (() => void) | undefined;
  timer?: ReturnType<typeof setTimeout>;
}

/** The newest is last, and is shown. */
let toasts: Toast[] = [];

/** Shows a toast. `undo` adds a button. `close` runs when it is too late to undo. Returns what removes the toast. */
export function toast(text: string, { undo, close }: { undo?: () => void; close?: () => void } = {}): () => void {
  const element: HTMLElement[] = [h("span", {}, text)];
  const added: Toast = { element, canUndo: undo !== undefined, close };
  const remove = () => {
    clearTimeout(added.timer);
    toasts = toasts.filter((other) => other !== added);
    render();
  };
  if (undo !== undefined) element.push(h("button", { type: "button", click: undo }, "Undo"));
  toasts = [...toasts.filter(({ canUndo }) => canUndo), added];
  startTimer(added);
  render();
  return remove;
}

/** Closes all toasts: the page unloads, or the user signs out. */
export function closeToasts(): void {
  for (const toast of [...toasts]) end(toast);
}

function end(toast: Toast): void {
  clearTimeout(toast.timer);
  toasts = toasts.filter((other) => other !== toast);
  render();
  toast.close?.();
}

function render(): void {
  const shown = toasts.at(-1)?.element ?? [];
  if (byId("toast").firstChild !== (shown[0] ?? null)) byId("toast").replaceChildren(...shown);
}

function startTimer(toast: Toast): void {
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => end(toast), DURATION_MS);
}

// A person who reads the toast or reaches for its button needs more time.
for (const event of ["pointerenter", "focusin"])
  byId("toast").addEventListener(event, () => {
    for (const { timer } of toasts) clearTimeout(timer);
  });
for (const event of ["pointerleave", "focusout"])
  byId("toast").addEventListener(event, () => toasts.forEach(startTimer));
