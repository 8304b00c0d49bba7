// The token of all forms on the page. It is in memory, and in the storage of the tab if the reader wants that. The
// inbox and the page of webhooks read it from there too.

import { h } from "../shared/dom.ts";

/** Where all pages of a tab keep the token. */
const TOKEN_KEY = "token";

let token = sessionStorage.getItem(TOKEN_KEY) ?? "";
let isKept = token !== "";

export const currentToken = (): string => token;

/** The field for the token, for one form. All forms show the same token. */
export function tokenField(id: string): HTMLElement {
  const input = h("input", {
    id,
    class: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "self_…",
    input: () => {
      token = input.value.trim().replace(/^Bearer\s+/i, "");
      store();
    },
  });
  const keep = h("input", {
    class: "keep",
    type: "checkbox",
    change: () => {
      isKept = keep.checked;
      store();
    },
  });
  input.value = token;
  keep.checked = isKept;
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, "Token"),
    input,
    h("label", { class: "choice" }, keep, "Keep for this tab"),
  );
}

function store(): void {
  if (isKept && token !== "") sessionStorage.setItem(TOKEN_KEY, token);
  else sessionStorage.removeItem(TOKEN_KEY);
  for (const each of document.querySelectorAll<HTMLInputElement>("input.token"))
    if (each.value.trim() !== token && each !== document.activeElement) each.value = token;
  for (const each of document.querySelectorAll<HTMLInputElement>("input.keep")) each.checked = isKept;
}
