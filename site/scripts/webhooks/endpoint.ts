// The endpoint that is open: its state, and the attempts to deliver to it.

import {
  type Attempt,
  type ConversationsClient,
  ConversationsError,
  type Webhook,
} from "../../../clients/typescript/src/index.ts";
import { byId, dateTime, h, iconButton, setChildren, time } from "../shared/dom.ts";
import { chart } from "./chart.ts";
import {
  behindOf,
  durationOf,
  explanationOf,
  isDelivered,
  labelOf,
  lastEventOf,
  nameOf,
  resultOf,
  stateOf,
} from "./words.ts";

/** The API keeps as many attempts of each endpoint. */
const MAX_ATTEMPTS = 100;

export interface Endpoint {
  /** Shows an endpoint, or nothing (null). */
  show: (webhook: Webhook | null) => void;
  /** Loads the attempts of an endpoint that are new, for the next `show`. */
  load: (id: string, signal: AbortSignal) => Promise<void>;
}

export function createEndpoint(client: ConversationsClient, onReplay: (eventId: string) => void): Endpoint {
  const list = byId("attempts");
  const figure = byId("chart");
  let known: { id: string; attempts: Attempt[] } | null = null;
  let [factsShown, chartShown] = ["", ""];
  const lines = new WeakMap<Attempt, { element: HTMLLIElement; canReplay: boolean }>();

  async function load(id: string, signal: AbortSignal): Promise<void> {
    const before = known?.id === id ? known.attempts : [];
    const newest = before[0]?.id;
    const filters = { limit: MAX_ATTEMPTS, ...(newest === undefined ? {} : { ending_before: newest }) };
    try {
      const { data } = await client.webhooks.attempts(id, filters, { signal });
      known = { id, attempts: [...data, ...before].slice(0, MAX_ATTEMPTS) };
    } catch (error) {
      // Another client deleted it: the list of endpoints says so.
      if (!(error instanceof ConversationsError && error.code === "resource_missing")) throw error;
    }
  }

  function show(webhook: Webhook | null): void {
    byId("no-endpoint").hidden = webhook !== null;
    byId("open-endpoint").hidden = webhook === null;
    if (webhook === null) return;
    const attempts = known?.id === webhook.id ? known.attempts : null;
    byId("detail-title").textContent = nameOf(webhook);
    byId("retry").hidden = stateOf(webhook) !== "failing";
    byId("switch").textContent = webhook.status === "enabled" ? "Disable" : "Enable";
    showFacts(webhook, attempts ?? []);
    setChildren(
      list,
      (attempts ?? []).map((attempt) => line(attempt, webhook)),
    );
    // Until the attempts are loaded there is nothing to say about them.
    byId("no-attempts").hidden = attempts === null || attempts.length > 0;
    figure.hidden = attempts === null || attempts.length === 0;
    const newest = `${webhook.id} ${attempts?.[0]?.id}`;
    if (figure.hidden || chartShown === newest) return;
    chartShown = newest;
    figure.replaceChildren(...chart(attempts ?? []));
  }

  function showFacts(webhook: Webhook, attempts: Attempt[]): void {
    const state = h("span", { class: `state ${stateOf(webhook)}` }, labelOf(webhook));
    const facts: [string, ...(Node | string)[]][] = [
      ["State", state, ` ${explanationOf(webhook)}`],
      ["URL", webhook.url],
      ["Events", webhook.types === null ? "All types" : webhook.types.join(", ")],
      ["Delivery", behindOf(webhook)],
      ["Last event", lastEventOf(webhook, attempts)],
      ["Created", dateTime(webhook.created_at)],
    ];
    const elements = facts.map(([name, ...values]) => h("div", {}, h("dt", {}, name), h("dd", {}, ...values)));
    const shown = elements.map(({ textContent }) => textContent).join("\n");
    // Unchanged, it stays in the document: the reader may have selected a part of it.
    if (shown === factsShown) return;
    factsShown = shown;
    byId("facts").replaceChildren(...elements);
  }

  function line(attempt: Attempt, { last_event_id }: Webhook): HTMLLIElement {
    const { event_id, type, created_at, duration } = attempt;
    // From a later event on there is nothing to replay yet.
    const canReplay = type !== "webhook.ping" && event_id < last_event_id;
    const before = lines.get(attempt);
    if (before?.canReplay === canReplay) return before.element;
    const element = h(
      "li",
      { class: isDelivered(attempt) ? "delivered" : "failed" },
      h("span", { class: "result" }, resultOf(attempt)),
      h("span", { class: "type" }, type),
      h("code", {}, event_id),
      h("span", { class: "duration" }, durationOf(duration)),
      time(created_at),
      ...(canReplay ? [iconButton("replay", `Replay the events after ${event_id}`, () => onReplay(event_id))] : []),
    );
    lines.set(attempt, { element, canReplay });
    return element;
  }

  return { show, load };
}
