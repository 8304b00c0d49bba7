// The links in a message, whose author is not trusted: only https, and nothing that hides where a link goes.

import { h } from "../shared/dom.ts";

const URLS = /https:\/\/[^\s<>"“”„«»]+/giu;
/** Punctuation after a URL is of the sentence. */
const TRAILING = /[.,:;!?'’…*_~]+$/u;

/** The text with its URLs as links. */
export function withLinks(text: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(URLS)) {
    const url = trimmed(found);
    const href = safe(url);
    if (href === null) continue;
    parts.push(text.slice(end, index), link(href, url));
    end = index + url.length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** Without the punctuation after it, and without a closing bracket that has no opening one in the URL. */
function trimmed(url: string): string {
  for (let rest = url; ; ) {
    const shorter = rest.replace(TRAILING, "");
    const last = shorter.at(-1) ?? "";
    const opening = { ")": "(", "]": "[", "}": "{" }[last];
    const isOpen = opening !== undefined && shorter.split(opening).length < shorter.split(last).length;
    const next = isOpen ? shorter.slice(0, -1) : shorter;
    if (next === rest) return rest;
    rest = next;
  }
}

/** The URL as the browser reads it. Null if it is none, or has a user name, which can look like another host. */
function safe(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { protocol, username, password, href } = new URL(text);
  return protocol === "https:" && username === "" && password === "" ? href : null;
}

const link = (href: string, text: string): HTMLAnchorElement =>
  h("a", { href, target: "_blank", rel: "noopener noreferrer" }, text);
