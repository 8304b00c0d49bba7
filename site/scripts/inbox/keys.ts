// The keys that work everywhere on the page, and the dialog that lists them.

import { byId } from "../shared/dom.ts";
import { closeMenu } from "./menu.ts";

/** What each key does. */
export type Shortcuts = Record<"j" | "k" | "e" | "#", () => void>;

/** Listens to the keys. `undo` is for Ctrl-Z, or Cmd-Z on a Mac. */
export function listenToKeys(shortcuts: Shortcuts, undo: () => void): void {
  const dialog = byId<HTMLDialogElement>("keys");
  const showHelp = () => {
    closeMenu();
    dialog.showModal();
  };
  byId("show-keys").onclick = showHelp;
  byId("close-keys").onclick = () => dialog.close();

  /** Whether the form for the token, a dialog or a menu has taken the place of the page. */
  const isCovered = () => byId("content").hidden || dialog.open || byId("menu").matches(":popover-open");

  document.onkeydown = (event) => {
    const { key, target } = event;
    // In a form, keys are text, and Ctrl-Z undoes what was typed.
    if (event.defaultPrevented || isCovered() || isText(target as Element)) return;
    const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && key.toLowerCase() === "z";
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const run = isUndo ? undo : isPlain ? { ...shortcuts, "?": showHelp }[key] : undefined;
    if (run === undefined) return;
    event.preventDefault();
    run();
  };
}

const isText = (element: Element): boolean => element.matches("input, textarea, select");
