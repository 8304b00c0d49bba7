// Helpers for elements, and the texts in them.

/** An element of the page. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

type Attributes = Record<string, string | boolean | undefined | ((event: never) => void)>;

/** A new element. A function among the attributes listens to the event of that name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value as (event: Event) => void);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/**
 * Makes these the children of an element. One that is a child already stays in the document, and so keeps the focus, a
 * selection in it and a click that has begun.
 */
export function setChildren(parent: Element, children: Element[]): void {
  const kept = new Set(children);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  for (const [at, child] of children.entries())
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
}

/** A new element of an SVG image. */
export function svg(
  tag: string,
  attributes: Record<string, string | number> = {},
  ...children: (Node | string)[]
): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** One of the page's symbols. */
export const icon = (name: string): SVGElement =>
  svg("svg", { "aria-hidden": "true" }, svg("use", { href: `#icon-${name}` }));

interface IconButton {
  /** Highlights the button: the click turns something off. */
  on?: boolean;
  /** Why the button can't be used. It can still have the focus, so that the reason can be read. */
  problem?: string | null;
}

/** A button with an icon and an accessible label. */
export function iconButton(
  name: string,
  label: string,
  click: () => void,
  { on = false, problem = null }: IconButton = {},
): HTMLButtonElement {
  const button = h(
    "button",
    {
      type: "button",
      class: on ? "icon on" : "icon",
      "aria-label": label,
      title: label,
      click: () => button.ariaDisabled === "true" || click(),
    },
    icon(name),
  );
  disable(button, problem);
  return button;
}

/** Disables a button, and says why. Null enables it. Its click handler must look at `aria-disabled`. */
export function disable(button: HTMLElement, problem: string | null): void {
  button.ariaDisabled = problem === null ? null : "true";
  if (problem !== null) button.title = problem;
}

/** Tells users of a screen reader what changed. */
export function announce(text: string): void {
  byId("status").textContent = text;
}

export const now = (): number => Math.floor(Date.now() / 1000);

/** A number with its noun: `plural(2, "message")` is "2 messages". */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** The date and the time. */
export const dateTime = (seconds: number): string =>
  new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);

/** The time for today, the date for other days. */
export function time(seconds: number): HTMLTimeElement {
  const date = new Date(seconds * 1000);
  const today = new Date();
  const format: Intl.DateTimeFormatOptions =
    date.toDateString() === today.toDateString()
      ? { timeStyle: "short" }
      : date.getFullYear() === today.getFullYear()
        ? { day: "numeric", month: "short" }
        : { dateStyle: "medium" };
  return h(
    "time",
    { datetime: date.toISOString(), title: date.toLocaleString() },
    new Intl.DateTimeFormat(undefined, format).format(date),
  );
}
