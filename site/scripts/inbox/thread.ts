// One conversation: its messages, the pinned message, and the form for a new message. Older messages are loaded as the
// user scrolls up.

import {
  type AccountEvent,
  type ConversationsClient,
  ConversationsError,
  type Message,
  type Page,
} from "../../../clients/typescript/src/index.ts";
import { announce, byId, h, iconButton, plural, setChildren, time } from "../shared/dom.ts";
import { pauseLive } from "../shared/pending.ts";
import type { Access } from "./access.ts";
import type { Composer } from "./composer.ts";
import { type Conversation, isUnread, nameOf } from "./conversation.ts";
import { withLinks } from "./links.ts";
import { loadWhenNear } from "./near.ts";
import { rove } from "./roving.ts";

interface Hooks {
  client: ConversationsClient;
  access: Access;
  composer: Composer;
  onChange: (conversation: Conversation) => void;
  /** The first visible message has changed. Null if the thread is at its end. */
  onScroll: (message: string | null) => void;
  /** The conversation was deleted, or never existed (null). */
  onMissing: (conversation: Conversation | null) => void;
  /** The error as a person should read it. Ends the session if the token is no longer valid. */
  explain: (error: unknown) => string;
  onError: (error: unknown) => void;
}

export interface Thread {
  /**
   * Shows a conversation, and its messages from a given one to the newest, or else the newest ones. `known` is the
   * conversation, if that is known.
   */
  open: (id: string, known: Conversation | null, message: string | null) => Promise<void>;
  /** Loads the conversation that is open, and its newest messages. */
  reload: () => Promise<void>;
  /** Shows what other clients changed. */
  apply: (events: AccountEvent[]) => void;
  /** Shows the new state of the conversation that is open. */
  show: (conversation: Conversation) => void;
  /** Shows a message that was sent. */
  showSent: (message: Message) => void;
  close: () => void;
  /** The id of the conversation that is open. */
  id: () => string | null;
  /** The conversation that is open, once it is known. */
  current: () => Conversation | null;
}

/** How many messages a request asks for, and at most. */
const PAGE = 30;
const MAX_PAGE = 100;
/** A position further from the end is not restored: each page is a request. */
const MAX_PAGES = 20;
/** A time that is always later: the conversation is read now. */
const NOW = 253402300799;

export function createThread(hooks: Hooks): Thread {
  const { client, access, composer, onChange, onScroll, onMissing, explain, onError } = hooks;
  const box = byId("messages");
  const list = byId("message-list");
  const roving = rove(list, "last");
  let opened: string | null = null;
  let conversation: Conversation | null = null;
  let messages: Message[] = [];
  const lines = new WeakMap<Message, { element: HTMLLIElement; isPinned: boolean }>();
  let next: Page<Message>["next"] = null;
  let pinned: Message | null = null;
  let request = new AbortController();
  /** A message arrived since the conversation was marked as read. */
  let unseen = false;
  /** Whether the messages are there. If not, because of an error, the next attempt finds all changes. */
  let isLoaded = false;

  async function open(id: string, known: Conversation | null, message: string | null): Promise<void> {
    request.abort();
    request = new AbortController();
    [opened, conversation, messages, next, pinned, unseen] = [id, known, [], null, null, false];
    composer.open(id);
    byId("no-thread").hidden = true;
    byId("open-thread").hidden = false;
    byId("thread-title").textContent = known === null ? "" : nameOf(known);
    byId("older-problem").hidden = true;
    await start(message);
  }

  /** Loads what was opened. */
  async function start(message: string | null): Promise<void> {
    const { signal } = request;
    const problem = access("messages:read");
    status(true);
    try {
      if (conversation === null) await find(signal);
      if (problem !== null) return status(false, problem);
      await load(message, signal);
      if (signal.aborted || conversation === null) return;
      announce(messages.length === 0 ? "No messages." : `${plural(messages.length, "message")}.`);
    } catch (error) {
      if (signal.aborted) return;
      if (isMissing(error)) onMissing(conversation);
      else status(false, explain(error));
      return;
    }
    // The messages are there. That the conversation stays unread is another error.
    if (!isUnread(conversation) || access("conversations:write") !== null) return;
    await markAsRead().catch((error) => signal.aborted || onError(error));
  }
  byId("retry-thread").onclick = () => void start(null);

  const find = pauseLive(async (signal: AbortSignal) => {
    conversation = await client.conversations.retrieve(opened!, { signal });
    byId("thread-title").textContent = nameOf(conversation);
    onChange(conversation);
  });

  /** Loads the messages from a given one to the newest, or else the newest ones. */
  const load = pauseLive(async (first: string | null, signal: AbortSignal) => {
    if (opened === null) return;
    const limit = first === null ? PAGE : MAX_PAGE;
    let page = await client.messages.list({ conversation_id: opened, limit }, { signal });
    const found = page.data.toReversed();
    for (let pages = 1; first !== null && page.next !== null && pages < MAX_PAGES; pages += 1) {
      if (found[0] !== undefined && found[0].id < first) break;
      page = await page.next({ signal });
      found.unshift(...page.data.toReversed());
    }
    [messages, next] = [found, page.next];
    await findPinned(signal);
    signal.throwIfAborted();
    status(false);
    render();
    const target = first === null ? undefined : messages.findIndex(({ id }) => id >= first);
    if (target === undefined || target < 0) box.scrollTop = box.scrollHeight;
    else list.children[target]!.scrollIntoView({ block: "start" });
    near.check();
  });

  function status(loading: boolean, problem: string | null = null): void {
    isLoaded = !loading && problem === null;
    box.ariaBusy = String(loading);
    byId("loading-thread").hidden = !loading;
    byId("thread-problem").hidden = problem === null;
    byId("thread-problem-text").textContent = problem ?? "";
    byId("retry-thread").hidden = access("messages:read") !== null;
    render();
  }

  async function reload(): Promise<void> {
    if (opened === null) return;
    const { signal } = request;
    try {
      update(await client.conversations.retrieve(opened, { signal }));
      if (access("messages:read") === null) await load(isAtEnd() ? null : firstVisible(), signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!isMissing(error)) throw error;
      onMissing(conversation);
    }
  }

  /** Loads a page of older messages. What is visible stays where it is. */
  const loadOlder = pauseLive(async (): Promise<boolean> => {
    const { signal } = request;
    if (!isLoaded || next === null || !byId("older-problem").hidden) return false;
    byId("loading-older").hidden = false;
    try {
      const page = await next({ signal });
      if (signal.aborted) return false;
      byId("loading-older").hidden = true;
      const fromBottom = box.scrollHeight - box.scrollTop;
      [messages, next] = [[...page.data.toReversed(), ...messages], page.next];
      render();
      box.scrollTop = box.scrollHeight - fromBottom;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      byId("older-problem-text").textContent = explain(error);
      byId("older-problem").hidden = false;
      return false;
    } finally {
      byId("loading-older").hidden = true;
    }
  });
  const near = loadWhenNear(box, byId("thread-start"), loadOlder);
  byId("retry-older").onclick = () => {
    byId("older-problem").hidden = true;
    near.check();
  };

  const isAtEnd = (): boolean => box.scrollHeight - box.scrollTop - box.clientHeight < 40;

  function firstVisible(): string | null {
    const { top } = box.getBoundingClientRect();
    const first = [...list.children].find((line) => line.getBoundingClientRect().bottom > top + 1);
    return (first as HTMLElement | undefined)?.dataset.id ?? null;
  }

  let scrolled: ReturnType<typeof setTimeout> | undefined;
  box.onscroll = () => {
    clearTimeout(scrolled);
    const of = opened;
    scrolled = setTimeout(() => {
      if (of === opened && isLoaded) onScroll(isAtEnd() ? null : firstVisible());
    }, 150);
  };

  function apply(events: AccountEvent[]): void {
    for (const { type, conversation_id, conversation: state, message_id, message } of events) {
      if (opened !== conversation_id) continue;
      if (state === null) {
        onMissing(conversation);
        return;
      }
      conversation = state;
      if (!isLoaded) continue;
      if (message_id !== null && message === null) messages = messages.filter(({ id }) => id !== message_id);
      if (message_id === pinned?.id) pinned = message;
      if (message !== null) place(message);
      if (type === "message.created" && message !== null && message.contact_id !== null) {
        unseen = true;
        announce(`New message from ${message.contact_id}: ${message.message}`);
      }
    }
    if (conversation === null || !isLoaded) return;
    const stay = isAtEnd();
    render();
    if (stay) box.scrollTop = box.scrollHeight;
    near.check();
    if ((conversation.pinned_message_id ?? undefined) !== pinned?.id) void showPinned(request.signal);
    void markAsSeen();
  }

  /** Adds a message or replaces its earlier state. One before the loaded messages comes with the older ones. */
  function place(message: Message): void {
    const at = messages.findIndex(({ id }) => id >= message.id);
    const known = messages[at];
    // Unchanged, its line stays in the document: a click on it may have begun.
    if (JSON.stringify(known) === JSON.stringify(message)) return;
    if (known?.id === message.id) messages[at] = message;
    else if (at < 0) messages.push(message);
    else if (at > 0 || next === null) messages.splice(at, 0, message);
  }

  const showPinned = pauseLive(async (signal: AbortSignal) => {
    try {
      await findPinned(signal);
      render();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  });

  const markAsRead = pauseLive(async () => {
    if (opened === null) return;
    const { signal } = request;
    update(await client.conversations.update(opened, { last_opened_at: NOW }, { signal }));
  });

  /** Marks the conversation as read if a message arrived, and the page can be seen. */
  async function markAsSeen(): Promise<void> {
    if (!unseen || document.hidden || access("conversations:write") !== null) return;
    unseen = false;
    // The user has not asked for it, so a failure is not shown. The conversation stays unread.
    await markAsRead().catch(() => {});
  }
  document.onvisibilitychange = () => void markAsSeen();

  function update(updated: Conversation): void {
    show(updated);
    onChange(updated);
  }

  function show(updated: Conversation): void {
    if (opened !== updated.id) return;
    conversation = updated;
    render();
  }

  function close(): void {
    request.abort();
    [opened, conversation, isLoaded] = [null, null, false];
    composer.open(null);
    byId("no-thread").hidden = false;
    byId("open-thread").hidden = true;
  }

  async function findPinned(signal: AbortSignal): Promise<void> {
    const id = conversation?.pinned_message_id ?? null;
    pinned = messages.find((message) => message.id === id) ?? null;
    if (id === null || pinned !== null) return;
    try {
      pinned = await client.messages.retrieve(id, { signal });
    } catch (error) {
      // It was deleted, and the conversation that this page knows is older than that.
      if (!isMissing(error)) throw error;
    }
  }

  function render(): void {
    const focused = document.activeElement?.closest<HTMLElement>("#message-list > li");
    setChildren(list, messages.map(line));
    if (focused?.isConnected === false)
      (list.querySelector<HTMLElement>(`[data-id="${focused.dataset.id}"]`) ?? byId("thread-title")).focus();
    roving.refresh();
    byId("no-messages").hidden = !isLoaded || messages.length > 0 || next !== null;
    byId("pinned").hidden = pinned === null;
    if (pinned === null) byId("pinned").replaceChildren();
    else if (byId("pinned").dataset.text !== pinned.message) {
      byId("pinned").dataset.text = pinned.message;
      byId("pinned").replaceChildren(
        h("p", {}, h("strong", {}, "Pinned: "), h("span", { dir: "auto" }, ...withLinks(pinned.message))),
        iconButton("pin", "Unpin the message", () => void pin(null), {
          on: true,
          problem: access("conversations:write"),
        }),
      );
    }
  }

  function line(message: Message): HTMLLIElement {
    const own = message.contact_id === null;
    const isPinned = message.id === conversation?.pinned_message_id;
    const known = lines.get(message);
    if (known?.isPinned === isPinned) return known.element;
    const problem = access("conversations:write");
    const element = h(
      "li",
      { "data-id": message.id, class: own ? "own" : "", tabindex: "-1" },
      h("p", { class: "sender" }, own ? "You" : (message.contact_id ?? ""), " ", time(message.created_at)),
      h(
        "div",
        { class: "line" },
        h("p", { class: "text", dir: "auto" }, ...withLinks(message.message)),
        isPinned
          ? iconButton("pin", "Unpin this message", () => void pin(null), { on: true, problem })
          : iconButton("pin", `Pin the message “${message.message.slice(0, 40)}”`, () => void pin(message), {
              problem,
            }),
      ),
    );
    lines.set(message, { element, isPinned });
    return element;
  }

  const pin = pauseLive(async (message: Message | null) => {
    if (opened === null) return;
    try {
      const after = await client.conversations.update(opened, { pinned_message_id: message?.id ?? null });
      pinned = message;
      update(after);
      // The button beside the pinned message disappears with it.
      if (!list.contains(document.activeElement)) byId("thread-title").focus();
      announce(message === null ? "Unpinned." : "Pinned.");
    } catch (error) {
      onError(error);
    }
  });

  function showSent(message: Message): void {
    if (opened !== message.conversation_id || !isLoaded) return;
    place(message);
    render();
    box.scrollTop = box.scrollHeight;
  }

  return { open, reload, apply, show, showSent, close, id: () => opened, current: () => conversation };
}

const isMissing = (error: unknown): boolean =>
  error instanceof ConversationsError && (error.status === 404 || error.param === "id");
