// The conversations: a page of them by activity, what narrows it, and what can be done with each.

import type {
  Conversation,
  ConversationChanges,
  ConversationFilters,
  Conversations,
  Page,
} from "../../../clients/typescript/src/index.ts";
import { byId, h, icon, iconButton, isUnread, nameOf, now, tell, time } from "./dom.ts";
import { toast } from "./toast.ts";

interface Hooks {
  client: Conversations;
  /** Somebody opens a conversation. */
  open: (conversation: Conversation) => void;
  /** A conversation has changed, or is gone. */
  changed: (id: string, conversation: Conversation | null) => void;
  /** Something went wrong. */
  failed: (error: unknown) => void;
}

export interface List {
  /** Asks for the first page. */
  load: () => Promise<void>;
  /** Shows a conversation's new state, if it is on the page. */
  show: (conversation: Conversation) => void;
  /** Changes a conversation in a way that can be taken back. */
  change: (conversation: Conversation, changes: ConversationChanges, said: string) => Promise<void>;
  /** Marks the conversation that is open. */
  select: (id: string | null) => void;
  /** Goes to a conversation, or to the list's beginning. */
  focus: (id: string | null) => void;
}

/** What each switch says, and what it means to the API, on and off. The archive is a place of its own. */
const SWITCHES: [string, on: ConversationFilters, off?: ConversationFilters][] = [
  ["Unread", { unread: true }],
  ["Pinned", { pinned: true }],
  ["Muted", { muted: true }],
  ["Archived", { archived: true }, { archived: false }],
];

export function createList({ client, open, changed, failed }: Hooks): List {
  const rows = byId("conversations");
  const [newer, older] = [byId<HTMLButtonElement>("newer"), byId<HTMLButtonElement>("older")];
  let page: Page<Conversation> = { data: [], has_more: false, next: null, prev: null };
  let selected: string | null = null;
  /** What is about to be deleted, and therefore not shown. */
  const leaving = new Set<string>();
  let asking = new AbortController();

  const switches = SWITCHES.map(([label, on, off = {}]) => {
    const flip = () => {
      button.setAttribute("aria-checked", String(button.getAttribute("aria-checked") !== "true"));
      void load();
    };
    const button = h("button", { type: "button", role: "switch", "aria-checked": "false", click: flip }, label);
    return { button, filter: () => (button.getAttribute("aria-checked") === "true" ? on : off) };
  });
  byId("filters").replaceChildren(...switches.map(({ button }) => button));

  newer.onclick = () => void turn(page.prev, newer);
  older.onclick = () => void turn(page.next, older);

  /** Asks for a page, and forgets the one that was asked for before. */
  async function get(
    ask: ((options: { signal: AbortSignal }) => Promise<Page<Conversation>>) | null,
  ): Promise<boolean> {
    if (ask === null) return false;
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    rows.ariaBusy = "true";
    try {
      page = await ask({ signal });
      render();
      const count = rows.children.length;
      tell(count === 0 ? "No conversations." : `${count} ${count === 1 ? "conversation" : "conversations"}.`);
      return true;
    } catch (error) {
      if (!signal.aborted) failed(error);
      return false;
    } finally {
      if (!signal.aborted) rows.ariaBusy = "false";
    }
  }

  async function load(): Promise<void> {
    const filters = Object.assign({ sort: "last_active_at" as const }, ...switches.map(({ filter }) => filter()));
    await get((options) => client.conversations.list(filters, options).page());
  }

  async function turn(ask: Page<Conversation>["next"], button: HTMLButtonElement): Promise<void> {
    if (!(await get(ask))) return;
    byId("list").scrollTop = 0;
    // A button that is of no use any more has lost the focus.
    if (button.disabled) focus(null);
  }

  function render(): void {
    const shown = page.data.filter(({ id }) => !leaving.has(id));
    rows.replaceChildren(...shown.map(row));
    byId("nothing").hidden = shown.length > 0;
    newer.disabled = page.prev === null;
    older.disabled = page.next === null;
    newer.parentElement!.hidden = newer.disabled && older.disabled;
  }

  function row(conversation: Conversation): HTMLLIElement {
    const { id, is_pinned, is_muted, archived_at, last_active_at } = conversation;
    const name = nameOf(conversation);
    const unread = isUnread(conversation);
    const marks = [
      unread && "unread",
      is_pinned && "pinned",
      is_muted && "muted",
      archived_at !== null && "archived",
    ].filter((mark) => mark !== false);
    const act = (changes: ConversationChanges, said: string) => () => void change(conversation, changes, said);
    return h(
      "li",
      { "data-id": id, class: unread ? "unread" : "" },
      h(
        "button",
        {
          type: "button",
          class: "row",
          "aria-current": id === selected ? "true" : undefined,
          click: () => open(conversation),
        },
        h("span", { class: "dot", "aria-hidden": "true" }),
        h("span", { class: "name" }, name),
        h(
          "span",
          { class: "marks", "aria-hidden": "true" },
          ...(is_pinned ? [icon("pin")] : []),
          ...(is_muted ? [icon("mute")] : []),
        ),
        ...(last_active_at === null ? [] : [time(last_active_at)]),
        ...(marks.length === 0 ? [] : [h("span", { class: "unseen" }, `, ${marks.join(", ")}`)]),
      ),
      h(
        "div",
        { class: "acts", role: "group", "aria-label": `Actions on ${name}` },
        is_pinned
          ? iconButton("pin", `Unpin ${name}`, act({ is_pinned: false }, "Unpinned"), true)
          : iconButton("pin", `Pin ${name}`, act({ is_pinned: true }, "Pinned")),
        is_muted
          ? iconButton("mute", `Unmute ${name}`, act({ is_muted: false }, "Unmuted"), true)
          : iconButton("mute", `Mute ${name}`, act({ is_muted: true }, "Muted")),
        archived_at === null
          ? iconButton(
              "archive",
              `Archive ${name}`,
              () => void change(conversation, { archived_at: now() }, "Archived"),
            )
          : iconButton(
              "archive",
              `Take ${name} out of the archive`,
              act({ archived_at: null }, "Taken out of the archive"),
              true,
            ),
        iconButton("delete", `Delete ${name}`, () => remove(conversation)),
      ),
    );
  }

  const rowOf = (id: string): HTMLElement | null => rows.querySelector(`[data-id="${CSS.escape(id)}"]`);

  /** Renders, and leaves the focus where it was, on what has the same place in its row now, or on the next row. */
  function update(): void {
    const focused = document.activeElement?.closest("li");
    const [at, place] =
      focused && rows.contains(focused)
        ? [
            [...rows.children].indexOf(focused),
            [...focused.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement),
          ]
        : [-1, -1];
    const id = focused?.dataset.id;
    render();
    if (at < 0) return;
    const same = id === undefined ? null : rowOf(id);
    const next = same ?? rows.children[Math.min(at, rows.children.length - 1)];
    const button = next?.querySelectorAll("button")[same === null ? 0 : place] ?? byId("list-title");
    button.focus();
  }

  function show(conversation: Conversation): void {
    page.data = page.data.map((other) => (other.id === conversation.id ? conversation : other));
    update();
  }

  /** Whether a conversation still belongs on the page, after what was done to it. */
  function belongs(conversation: Conversation): boolean {
    const is: ConversationFilters = {
      pinned: conversation.is_pinned,
      muted: conversation.is_muted,
      archived: conversation.archived_at !== null,
      unread: isUnread(conversation),
    };
    return switches.every(({ filter }) =>
      Object.entries(filter()).every(([name, value]) => is[name as "pinned"] === value),
    );
  }

  async function change(conversation: Conversation, changes: ConversationChanges, said: string): Promise<void> {
    const before = Object.fromEntries(
      Object.keys(changes).map((name) => [name, conversation[name as keyof Conversation]]),
    ) as ConversationChanges;
    try {
      const after = await client.conversations.update(conversation.id, changes);
      const place = page.data.findIndex(({ id }) => id === after.id);
      if (place >= 0 && !belongs(after)) page.data.splice(place, 1);
      show(after);
      changed(after.id, after);
      toast(`${said}: ${nameOf(after)}.`, { undo: () => void undo(after, before, place) });
    } catch (error) {
      failed(error);
    }
  }

  async function undo({ id }: Conversation, before: ConversationChanges, place: number): Promise<void> {
    try {
      const conversation = await client.conversations.update(id, before);
      if (place >= 0 && !page.data.some((other) => other.id === id)) page.data.splice(place, 0, conversation);
      show(conversation);
      changed(id, conversation);
      focus(id);
      tell("Undone.");
    } catch (error) {
      failed(error);
    }
  }

  /** Nothing brings a deleted conversation back, so it is deleted a little later, or when the page is left. */
  function remove(conversation: Conversation): void {
    const { id } = conversation;
    leaving.add(id);
    update();
    changed(id, null);
    toast(`${nameOf(conversation)} and its messages will be deleted in a moment, for good.`, {
      undo: () => {
        leaving.delete(id);
        update();
        focus(id);
        tell("Nothing was deleted.");
      },
      end: () => {
        client.conversations.delete(id).catch((error) => {
          leaving.delete(id);
          update();
          failed(error);
        });
      },
    });
  }

  function select(id: string | null): void {
    selected = id;
    for (const button of rows.querySelectorAll(".row")) {
      if (button.closest("li")?.dataset.id === id) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  function focus(id: string | null): void {
    ((id === null ? null : rowOf(id)?.querySelector<HTMLElement>(".row")) ?? byId("list-title")).focus();
  }

  // From row to row without passing what can be done with each.
  rows.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = (event.target as HTMLElement).closest("li");
    if (step === undefined || row === null) return;
    event.preventDefault();
    (step > 0 ? row.nextElementSibling : row.previousElementSibling)?.querySelector<HTMLElement>(".row")?.focus();
  };

  return { load, show, change, select, focus };
}
