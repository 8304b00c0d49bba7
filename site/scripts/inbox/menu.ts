// The menu of rare actions. There is one at a time, below the button that opened it.

import { byId, h, icon } from "../shared/dom.ts";

export interface MenuItem {
  icon: string;
  label: string;
  /** Why the action is not possible. Null if it is. */
  problem: string | null;
  run: () => void;
}

const menu = byId("menu");
let opener: HTMLElement | null = null;

/** A button that opens a menu. The items are those of the moment when it opens. */
export function menuButton(label: string, items: () => MenuItem[]): HTMLButtonElement {
  const click = () => (opener === button ? closeMenu() : open(button, items()));
  const button = h(
    "button",
    { type: "button", class: "icon menu-button", "aria-haspopup": "menu", "aria-expanded": "false", click },
    icon("more"),
  );
  button.ariaLabel = label;
  button.title = label;
  return button;
}

/** Closes the menu, if it is open. The focus in it returns to its button. */
export function closeMenu(): void {
  if (opener === null) return;
  if (menu.contains(document.activeElement)) opener.focus();
  opener.ariaExpanded = "false";
  opener = null;
  menu.hidePopover();
}

document.addEventListener("pointerdown", ({ target }) => {
  if (!menu.contains(target as Node) && opener?.contains(target as Node) !== true) closeMenu();
});
addEventListener("resize", closeMenu);

function open(button: HTMLElement, items: MenuItem[]): void {
  closeMenu();
  opener = button;
  menu.replaceChildren(...items.map(itemOf));
  menu.ariaLabel = button.ariaLabel;
  menu.showPopover();
  place(button);
  button.ariaExpanded = "true";
  (menu.firstElementChild as HTMLElement).focus();
}

function itemOf({ icon: symbol, label, problem, run }: MenuItem): HTMLElement {
  const click = () => {
    if (problem !== null) return;
    // The focus returns to the button first, so that what the action does with the focus comes after it.
    closeMenu();
    run();
  };
  return h(
    "button",
    {
      type: "button",
      role: "menuitem",
      tabindex: "-1",
      click,
      ...(problem !== null && { "aria-disabled": "true", title: problem }),
    },
    icon(symbol),
    label,
  );
}

/** Below the button, or above it if there is no room, and within the window. */
function place(button: HTMLElement): void {
  const { top, bottom, right } = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  menu.style.top = `${bottom + height <= innerHeight ? bottom : Math.max(0, top - height)}px`;
  menu.style.left = `${Math.max(0, right - width)}px`;
}

menu.onkeydown = (event) => {
  const items = [...menu.children] as HTMLElement[];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: (at - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  }[event.key];
  if (to !== undefined) items[to]!.focus();
  else if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else return;
  event.preventDefault();
  event.stopPropagation();
};
