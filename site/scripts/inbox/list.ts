// The list of conversations: a page sorted by activity, its filters, and the actions on each conversation.

import type {
  AccountEvent,
  Conversation,
  ConversationChanges,
  ConversationFilters,
  ConversationsClient,
  Page,
} from "../../../clients/typescript/src/index.ts";
import { announce, byId, h, icon, iconButton, now, plural, setChildren, time } from "../shared/dom.ts";
import { pauseLive } from "../shared/pending.ts";
import { toast } from "../shared/toast.ts";
import { isUnread, nameOf } from "./conversation.ts";

interface Hooks {
  client: ConversationsClient;
  /** The user opens a conversation. */
  onOpen: (conversation: Conversation) => void;
  /** A conversation was changed, or deleted (null). */
  onChange: (id: string, conversation: Conversation | null) => void;
  onError: (error: unknown) => void;
}

export interface List {
  /** Loads the first page. */
  load: () => Promise<void>;
  /** Shows what other clients changed. */
  apply: (events: AccountEvent[]) => void;
  /** Shows a conversation's new state, if it is on the page. */
  show: (conversation: Conversation) => void;
  /** Changes a conversation, and shows `done` with an undo button. */
  change: (conversation: Conversation, changes: ConversationChanges, done: string) => Promise<void>;
  /** Highlights the conversation that is open. */
  select: (id: string | null) => void;
  /** Focuses a conversation, or the title of the list. */
  focus: (id: string | null) => void;
}

/** The label of each switch, and its filter when it is on and off. The list hides archived conversations. */
const SWITCHES: [string, on: ConversationFilters, off?: ConversationFilters][] = [
  ["Unread", { unread: true }],
  ["Pinned", { pinned: true }],
  ["Muted", { muted: true }],
  ["Archived", { archived: true }, { archived: false }],
];

export function createList({ client, onOpen, onChange, onError }: Hooks): List {
  const rows = byId("conversations");
  const [newer, older] = [byId<HTMLButtonElement>("newer"), byId<HTMLButtonElement>("older")];
  let page: Page<Conversation> = { data: [], has_more: false, next: null, prev: null };
  let selected: string | null = null;
  /** A row stays as long as its conversation does not change. */
  const rendered = new WeakMap<Conversation, HTMLLIElement>();
  /** Conversations that will be deleted. They are hidden already. */
  const deleting = new Set<string>();
  let request = new AbortController();

  const switches = SWITCHES.map(([label, on, off = {}]) => {
    const click = () => {
      button.setAttribute("aria-checked", String(button.getAttribute("aria-checked") !== "true"));
      load().catch(onError);
    };
    const button = h("button", { type: "button", role: "switch", "aria-checked": "false", click }, label);
    return { button, filter: () => (button.getAttribute("aria-checked") === "true" ? on : off) };
  });
  byId("filters").replaceChildren(...switches.map(({ button }) => button));

  newer.onclick = () => void turn(page.prev, newer);
  older.onclick = () => void turn(page.next, older);

  /** Loads a page, and cancels an earlier request that is still running. Returns whether it shows the page. */
  const get = pauseLive(async (load: (options: { signal: AbortSignal }) => Promise<Page<Conversation>>) => {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    rows.ariaBusy = "true";
    try {
      page = await load({ signal });
      render();
      const count = rows.children.length;
      announce(count === 0 ? "No conversations." : `${plural(count, "conversation")}.`);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    } finally {
      if (!signal.aborted) rows.ariaBusy = "false";
    }
  });

  async function load(): Promise<void> {
    const filters = Object.assign({ sort: "last_active_at" as const }, ...switches.map(({ filter }) => filter()));
    await get((options) => client.conversations.list(filters, options));
  }

  async function turn(load: Page<Conversation>["next"], button: HTMLButtonElement): Promise<void> {
    try {
      if (load === null || !(await get(load))) return;
      byId("list").scrollTop = 0;
      // A disabled button loses the focus.
      if (button.disabled) focus(null);
    } catch (error) {
      onError(error);
    }
  }

  function render(): void {
    const shown = page.data.filter(({ id }) => !deleting.has(id));
    const rowFor = (conversation: Conversation) => {
      const known = rendered.get(conversation) ?? row(conversation);
      rendered.set(conversation, known);
      return known;
    };
    setChildren(rows, shown.map(rowFor));
    select(selected);
    byId("no-conversations").hidden = shown.length > 0;
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
    const act = (changes: ConversationChanges, done: string) => () => void change(conversation, changes, done);
    return h(
      "li",
      { "data-id": id, class: unread ? "unread" : "" },
      h(
        "button",
        {
          type: "button",
          class: "row",
          click: () => onOpen(conversation),
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
        ...(marks.length === 0 ? [] : [h("span", { class: "visually-hidden" }, `, ${marks.join(", ")}`)]),
      ),
      h(
        "div",
        { class: "actions", role: "group", "aria-label": `Actions for ${name}` },
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
          : iconButton("archive", `Unarchive ${name}`, act({ archived_at: null }, "Unarchived"), true),
        iconButton("delete", `Delete ${name}`, () => remove(conversation)),
      ),
    );
  }

  const rowOf = (id: string): HTMLElement | null => rows.querySelector(`[data-id="${CSS.escape(id)}"]`);

  /** Renders, and keeps the focus on the same button of the same row. If the row is gone, focuses the next row. */
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

  function apply(events: AccountEvent[]): void {
    for (const { type, conversation_id, conversation } of events) {
      const place = page.data.findIndex(({ id }) => id === conversation_id);
      const stays = conversation !== null && matches(conversation);
      if (stays && place >= 0 && type !== "message.created") page.data[place] = conversation;
      else {
        if (place >= 0) page.data.splice(place, 1);
        if (stays) insert(conversation);
      }
    }
    update();
  }

  /**
   * Inserts a conversation in its place, at an end of the page only if it does not belong on another page, or was here.
   * The page may become longer, so that it loses no row.
   */
  function insert(conversation: Conversation, wasHere = false): void {
    const activity = ({ last_active_at }: Conversation) => last_active_at ?? -1;
    const next = page.data.findIndex(
      (other) =>
        activity(other) < activity(conversation) ||
        // Of several conversations in a second, this is the latest. Those that were never active are in order of ids.
        (activity(other) === activity(conversation) && (activity(other) >= 0 || other.id < conversation.id)),
    );
    const place = next < 0 ? page.data.length : next;
    if (wasHere || (place === 0 ? page.prev === null : place < page.data.length || page.next === null))
      page.data.splice(place, 0, conversation);
  }

  /** Whether the filters still match a conversation after a change. */
  function matches(conversation: Conversation): boolean {
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

  const change = pauseLive(async (conversation: Conversation, changes: ConversationChanges, done: string) => {
    const before = Object.fromEntries(
      Object.keys(changes).map((name) => [name, conversation[name as keyof Conversation]]),
    ) as ConversationChanges;
    try {
      const after = await client.conversations.update(conversation.id, changes);
      const place = page.data.findIndex(({ id }) => id === after.id);
      if (place >= 0 && !matches(after)) page.data.splice(place, 1);
      show(after);
      onChange(after.id, after);
      toast(`${done}: ${nameOf(after)}.`, { undo: () => void undo(after, before, place >= 0) });
    } catch (error) {
      onError(error);
    }
  });

  const undo = pauseLive(async ({ id }: Conversation, before: ConversationChanges, wasHere: boolean) => {
    try {
      const conversation = await client.conversations.update(id, before);
      if (wasHere && !page.data.some((other) => other.id === id)) insert(conversation, true);
      show(conversation);
      onChange(id, conversation);
      focus(id);
      announce("Undone.");
    } catch (error) {
      onError(error);
    }
  });

  /** A deletion can't be undone, so the request is sent when the toast closes or the page unloads. */
  function remove(conversation: Conversation): void {
    const { id } = conversation;
    deleting.add(id);
    update();
    onChange(id, null);
    toast(`${nameOf(conversation)} and its messages will be deleted permanently.`, {
      undo: () => {
        deleting.delete(id);
        update();
        focus(id);
        announce("Nothing was deleted.");
      },
      close: () => {
        client.conversations.delete(id).catch((error) => {
          deleting.delete(id);
          update();
          onError(error);
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

  // The arrow keys move from row to row and skip the actions.
  rows.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = (event.target as HTMLElement).closest("li");
    if (step === undefined || row === null) return;
    event.preventDefault();
    (step > 0 ? row.nextElementSibling : row.previousElementSibling)?.querySelector<HTMLElement>(".row")?.focus();
  };

  return { load, apply, show, change, select, focus };
}
