// The list of endpoints.

import type { Webhook } from "../../../clients/typescript/src/index.ts";
import { byId, h, setChildren } from "../shared/dom.ts";
import { behindOf, labelOf, nameOf, stateOf } from "./words.ts";

export interface Endpoints {
  /** Shows the endpoints, and highlights the one that is open. */
  show: (webhooks: Webhook[], open: string | null) => void;
  /** Focuses an endpoint, or the title of the list. */
  focus: (id: string | null) => void;
}

export function createEndpoints(onOpen: (id: string) => void): Endpoints {
  const list = byId("endpoints");
  /** A row stays as long as its endpoint exists, and its content as long as nothing in it changes. */
  const rows = new Map<string, { element: HTMLLIElement; button: HTMLButtonElement; shown: string }>();

  function show(webhooks: Webhook[], open: string | null): void {
    for (const id of rows.keys()) if (!webhooks.some((webhook) => webhook.id === id)) rows.delete(id);
    setChildren(
      list,
      webhooks.map((webhook) => row(webhook, webhook.id === open)),
    );
    byId("no-endpoints").hidden = webhooks.length > 0;
  }

  function row(webhook: Webhook, isOpen: boolean): HTMLLIElement {
    const { id, url, description } = webhook;
    let known = rows.get(id);
    if (known === undefined) {
      const button = h("button", { type: "button", class: "row", click: () => onOpen(id) });
      known = { element: h("li", { "data-id": id }, button), button, shown: "" };
      rows.set(id, known);
    }
    const shown = JSON.stringify(webhook);
    if (known.shown !== shown) {
      known.shown = shown;
      known.button.replaceChildren(
        h("span", { class: "name" }, nameOf(webhook)),
        h("span", { class: `state ${stateOf(webhook)}` }, labelOf(webhook)),
        ...(description === null ? [] : [h("span", { class: "url" }, url)]),
        h("span", { class: "behind" }, behindOf(webhook)),
      );
    }
    if (isOpen) known.button.setAttribute("aria-current", "true");
    else known.button.removeAttribute("aria-current");
    return known.element;
  }

  function focus(id: string | null): void {
    ((id === null ? undefined : rows.get(id)?.button) ?? byId("list-title")).focus();
  }

  return { show, focus };
}
