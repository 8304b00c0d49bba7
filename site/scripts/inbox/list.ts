// The list of conversations: it loads more as the user scrolls, and follows what other clients change.

import type { AccountEvent, ConversationsClient, Message } from "../../../clients/typescript/src/index.ts";
import { announce, byId, h, icon, iconButton, plural, setChildren, time } from "../shared/dom.ts";
import { pauseLive } from "../shared/pending.ts";
import type { Action, Actions } from "./actions.ts";
import { type Conversation, isUnread, nameOf, senderOf } from "./conversation.ts";
import { menuButton } from "./menu.ts";
import { loadWhenNear } from "./near.ts";
import { rove } from "./roving.ts";
import { type Row, Rows } from "./rows.ts";
import type { View } from "./view.ts";

interface Hooks {
  client: ConversationsClient;
  actions: () => Actions;
  /** The user opens a conversation. */
  onOpen: (conversation: Conversation) => void;
  /** The number of the first visible row has changed. */
  onScroll: (row: number) => void;
  /** The user wants a list without filters and search. */
  onClear: () => void;
  /** The error as a person should read it. Ends the session if the token is no longer valid. */
  explain: (error: unknown) => string;
}

type ListView = Pick<View, "filters" | "search" | "row">;

export interface List {
  /** Loads the list of a view, from its beginning to its row. */
  load: (view: ListView) => Promise<void>;
  /** Loads the list again. */
  reload: () => Promise<void>;
  /** Shows what other clients changed. */
  apply: (events: AccountEvent[]) => void;
  /** Shows a conversation's new state, and its last message if that has changed. */
  show: (conversation: Conversation, last?: Message) => void;
  /** Hides a conversation that will be deleted, or shows it again. */
  hide: (id: string, isHidden: boolean) => void;
  /** Highlights the conversation that is open. */
  select: (id: string | null) => void;
  /** Focuses a conversation, or the title of the list. */
  focus: (id: string | null) => void;
  /** The conversation of the row that has the focus. */
  focused: () => Conversation | null;
  /** The visible conversation that is so many rows further. Without an id it is the first one. */
  neighbour: (id: string | null, step: 1 | -1) => Conversation | null;
  /** A conversation that the list knows. */
  find: (id: string) => Conversation | null;
  clear: () => void;
}

export function createList({ client, actions, onOpen, onScroll, onClear, explain }: Hooks): List {
  const box = byId("scroll");
  const items = byId("conversations");
  const more = byId("more-conversations");
  const roving = rove(items, "first");
  let view: ListView = { filters: [], search: "", row: 0 };
  let rows = new Rows(client, view);
  let request = new AbortController();
  let selected: string | null = null;
  /** Whether the account has only archived conversations. Known if the list without filters was empty. */
  let hasArchived = false;
  /** Conversations that will be deleted. */
  const hidden = new Set<string>();
  /** An element stays as long as its row looks the same, also when an event repeats a change: a click on it may have
   * begun. */
  const rendered = new Map<string, { row: Row; element: HTMLLIElement }>();

  status("loading");
  byId("retry-list").onclick = () => void load(view).catch(() => {});
  byId("clear-filters").onclick = onClear;

  function shown(): Row[] {
    return rows.visible().filter(({ conversation }) => !hidden.has(conversation.id));
  }

  /** Loads the rows of the view, and cancels an earlier request that still runs. Returns whether it shows them. */
  const get = pauseLive(async (count: number): Promise<boolean> => {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const loaded = new Rows(client, view);
    status("loading");
    try {
      await loaded.load(count, signal);
      const any =
        isUnfiltered() && loaded.size === 0 ? await client.conversations.list({ limit: 1 }, { signal }) : null;
      signal.throwIfAborted();
      hasArchived = any !== null && any.data.length > 0;
      rows = loaded;
      rows.kept = selected;
      status("loaded");
      update();
      const { length } = items.children;
      announce(length === 0 ? `${emptyTitle()}.` : `${plural(length, "conversation")}.`);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      clear();
      status("failed", explain(error));
      throw error;
    }
  });

  function isUnfiltered(): boolean {
    return view.search === "" && view.filters.length === 0;
  }

  function emptyTitle(): string {
    if (!isUnfiltered()) return "No match";
    return hasArchived || rows.size > hidden.size ? "All conversations are archived" : "No conversations yet";
  }

  function status(is: "loading" | "loaded" | "failed", problem = ""): void {
    items.ariaBusy = String(is === "loading");
    byId("loading-list").hidden = is !== "loading" || items.children.length > 0;
    byId("list-problem").hidden = is !== "failed";
    byId("list-problem-text").textContent = problem;
    if (is !== "loaded") byId("no-conversations").hidden = true;
  }

  async function load(next: ListView): Promise<void> {
    view = next;
    // A list of other filters is not shown, not even until this one has arrived.
    clear();
    if (!(await get(view.row === 0 ? 0 : view.row + 20))) return;
    const row = items.children[view.row];
    if (view.row > 0 && row !== undefined) row.scrollIntoView({ block: "start" });
    else box.scrollTop = 0;
  }

  const loadMore = pauseLive(async (): Promise<boolean> => {
    if (items.ariaBusy === "true" || !rows.hasMore || !more.hidden) return false;
    const { signal } = request;
    const before = rows;
    byId("loading-more").hidden = false;
    try {
      await rows.more(signal);
      if (rows !== before) return false;
      update();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      byId("more-problem").textContent = explain(error);
      more.hidden = false;
      return false;
    } finally {
      byId("loading-more").hidden = true;
    }
  });
  const near = loadWhenNear(box, byId("list-end"), loadMore);
  byId("retry-more").onclick = () => {
    more.hidden = true;
    near.check();
  };

  let scrolled: ReturnType<typeof setTimeout> | undefined;
  box.onscroll = () => {
    clearTimeout(scrolled);
    scrolled = setTimeout(() => items.ariaBusy === "true" || onScroll(firstVisible()), 150);
  };

  function firstVisible(): number {
    const { top } = box.getBoundingClientRect();
    return Math.max(
      0,
      [...items.children].findIndex((item) => item.getBoundingClientRect().bottom > top + 1),
    );
  }

  function render(): void {
    const elementOf = (row: Row) => {
      const { id } = row.conversation;
      const known = rendered.get(id);
      const element = known !== undefined && looksSame(known.row, row) ? known.element : item(row);
      rendered.set(id, { row, element });
      return element;
    };
    setChildren(items, shown().map(elementOf));
    roving.refresh();
    highlight();
    byId("no-conversations").hidden = !isLoaded() || items.children.length > 0 || rows.hasMore;
    byId("empty-title").textContent = emptyTitle();
    byId("clear-filters").hidden = isUnfiltered();
    near.check();
  }

  function item(row: Row): HTMLLIElement {
    const { conversation, last } = row;
    const { id, is_pinned, is_muted, archived_at, last_active_at } = conversation;
    const name = nameOf(conversation);
    const unread = isUnread(conversation);
    const marks = [
      unread && "unread",
      is_pinned && "pinned",
      is_muted && "muted",
      archived_at !== null && "archived",
    ].filter((mark) => mark !== false);
    const possible = actions().of(conversation);
    return h(
      "li",
      { "data-id": id, class: unread ? "unread" : "" },
      h(
        "button",
        { type: "button", class: "row", click: () => onOpen(conversation) },
        h("span", { class: "dot", "aria-hidden": "true" }),
        h("span", { class: "name" }, name),
        h(
          "span",
          { class: "marks", "aria-hidden": "true" },
          ...(is_pinned ? [icon("pin")] : []),
          ...(is_muted ? [icon("mute")] : []),
        ),
        ...(last_active_at === null ? [] : [time(last_active_at)]),
        ...(marks.length === 0 ? [] : [h("span", { class: "visually-hidden" }, `, ${marks.join(", ")}`)]),
        preview(conversation, last),
      ),
      h(
        "div",
        { class: "actions", role: "group", "aria-label": `Actions for ${name}` },
        ...possible.map(({ icon, verb, on, problem, run }) =>
          iconButton(icon, `${verb} ${name}`, run, { on, problem }),
        ),
        menuButton(`More actions for ${name}`, () => possible.map(itemOf)),
      ),
    );
  }

  /** Renders, and keeps the focus on the same control of the same row. If the row is gone, focuses the next row. */
  function update(): void {
    const focused = document.activeElement?.closest("#conversations > li") as HTMLElement | null;
    const at = focused === null ? -1 : [...items.children].indexOf(focused);
    const place = at < 0 ? -1 : [...focused!.querySelectorAll("button")].indexOf(document.activeElement as never);
    const id = focused?.dataset.id;
    render();
    if (at < 0) return;
    const same = id === undefined ? null : itemFor(id);
    const next = same ?? items.children[Math.min(at, items.children.length - 1)];
    (next?.querySelectorAll("button")[same === null ? 0 : place] ?? byId("list-title")).focus();
  }

  const itemFor = (id: string): HTMLElement | null => items.querySelector(`[data-id="${CSS.escape(id)}"]`);

  /** Whether there is a list that changes can be applied to. After an error, the next attempt finds all changes. */
  const isLoaded = (): boolean => items.ariaBusy !== "true" && byId("list-problem").hidden === true;

  function apply(events: AccountEvent[]): void {
    if (!isLoaded()) return;
    const unknown = new Set<string>();
    for (const { type, conversation_id: id, conversation, message_id, message } of events) {
      const last = rows.get(id)?.last;
      if (conversation === null) {
        rows.delete(id);
        hidden.delete(id);
      } else if (type === "message.created") {
        rows.set(conversation, message ?? last);
        if (message === null) unknown.add(id);
      } else {
        const isNew = rows.get(id) === undefined;
        rows.set(conversation, type === "conversation.created" ? null : undefined);
        if (message_id !== null && message_id === last?.id) rows.setLast(id, message ?? undefined);
        if ((isNew && type !== "conversation.created") || (message_id === last?.id && message === null))
          unknown.add(id);
      }
    }
    update();
    void findLast([...unknown].filter((id) => itemFor(id) !== null));
  }

  /** Asks for the last messages of rows that came, or whose last message was deleted. */
  const findLast = pauseLive(async (ids: string[]) => {
    const before = rows;
    for (const id of ids) {
      // A failure leaves a row without its preview.
      const found = await client.conversations.retrieve(id, { include: ["last_message"] }).catch(() => null);
      if (rows !== before) return;
      rows.setLast(id, found?.last_message);
    }
    if (ids.length > 0) update();
  });

  function highlight(): void {
    for (const button of items.querySelectorAll(".row")) {
      if ((button.parentElement as HTMLElement).dataset.id === selected) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  function select(id: string | null): void {
    selected = id;
    rows.kept = id;
    update();
  }

  function focus(id: string | null): void {
    ((id === null ? null : itemFor(id)?.querySelector<HTMLElement>(".row")) ?? byId("list-title")).focus();
  }

  function clear(): void {
    rows = new Rows(client, view);
    more.hidden = true;
    rendered.clear();
    items.replaceChildren();
  }

  const find = (id: string): Conversation | null => rows.get(id)?.conversation ?? null;

  return {
    load,
    reload: async () => {
      await get(items.children.length);
    },
    apply,
    show: (conversation, last) => {
      if (rows.get(conversation.id) === undefined) return;
      rows.set(conversation, last);
      update();
    },
    hide: (id, isHidden) => {
      if (isHidden) hidden.add(id);
      else hidden.delete(id);
      update();
    },
    select,
    focus,
    focused: () => {
      const id = (document.activeElement?.closest("#conversations > li") as HTMLElement | null)?.dataset.id;
      return id === undefined ? null : find(id);
    },
    neighbour: (id, step) => {
      const all = shown();
      const at = all.findIndex(({ conversation }) => conversation.id === id);
      return (at < 0 ? all[0] : all[at + step])?.conversation ?? null;
    },
    find,
    clear,
  };
}

/** An action as a menu shows it. */
export const itemOf = ({ icon, verb, problem, run }: Action) => ({ icon, label: verb, problem, run });

function looksSame(a: Row, b: Row): boolean {
  return a === b || JSON.stringify([a.conversation, a.last]) === JSON.stringify([b.conversation, b.last]);
}

/** The beginning of the last message, in its own direction. */
function preview(conversation: Conversation, last: Message | null | undefined): HTMLElement {
  if (last === null || last === undefined) return h("span", { class: "preview" });
  const sender = senderOf(last, conversation);
  const text = h("span", { dir: "auto" }, last.message.slice(0, 200));
  return h("span", { class: "preview" }, ...(sender === "" ? [] : [`${sender}: `]), text);
}
