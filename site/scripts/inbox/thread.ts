// One conversation: its messages, the pinned message, and the form for a new message.

import {
  type AccountEvent,
  type Conversation,
  type ConversationsClient,
  ConversationsError,
  type Message,
  type Page,
} from "../../../clients/typescript/src/index.ts";
import { announce, byId, h, iconButton, now, plural, setChildren, time } from "../shared/dom.ts";
import { pauseLive } from "../shared/pending.ts";
import { isUnread, nameOf } from "./conversation.ts";

interface Hooks {
  client: ConversationsClient;
  onChange: (conversation: Conversation) => void;
  /** Another client deleted the conversation. */
  onDeleted: (conversation: Conversation) => void;
  onError: (error: unknown) => void;
}

export interface Thread {
  /** Shows a conversation and its newest messages. */
  open: (conversation: Conversation) => Promise<void>;
  /** Loads the conversation that is open, and its newest messages. */
  reload: () => Promise<void>;
  /** Shows what other clients changed. */
  apply: (events: AccountEvent[]) => void;
  /** Shows the new state of the conversation that is open. */
  show: (conversation: Conversation) => void;
  close: () => void;
  /** The conversation that is open. */
  current: () => Conversation | null;
}

export function createThread({ client, onChange, onDeleted, onError }: Hooks): Thread {
  const box = byId("messages");
  const messageList = byId("message-list");
  const earlier = byId<HTMLButtonElement>("earlier");
  const form = byId<HTMLFormElement>("send");
  const text = byId<HTMLTextAreaElement>("text");
  let conversation: Conversation | null = null;
  let messages: Message[] = [];
  const lines = new WeakMap<Message, { element: HTMLLIElement; isPinned: boolean }>();
  let next: Page<Message>["next"] = null;
  let pinned: Message | null = null;
  let request = new AbortController();
  /** The idempotency key of the text: after a failure, sending it again does not create a second message. */
  let draft: { text: string; key: string } | null = null;
  /** A message arrived since the conversation was marked as read. */
  let unseen = false;

  async function open(chosen: Conversation): Promise<void> {
    request.abort();
    request = new AbortController();
    [conversation, messages, next, pinned, draft, unseen] = [chosen, [], null, null, null, false];
    text.value = "";
    byId("no-thread").hidden = true;
    byId("open-thread").hidden = false;
    byId("thread-title").textContent = nameOf(chosen);
    render();
    const { signal } = request;
    try {
      await load(signal);
      if (signal.aborted) return;
      announce(messages.length === 0 ? "No messages." : `${plural(messages.length, "message")}.`);
      if (isUnread(chosen)) await markAsRead();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  }

  /** Loads the newest messages, and shows the last one. */
  const load = pauseLive(async (signal: AbortSignal) => {
    if (conversation === null) return;
    const page = await client.messages.list({ conversation_id: conversation.id, limit: 30 }, { signal });
    [messages, next] = [page.data.toReversed(), page.next];
    await findPinned(signal);
    if (signal.aborted) return;
    render();
    box.scrollTop = box.scrollHeight;
  });

  async function reload(): Promise<void> {
    if (conversation === null) return;
    const { signal } = request;
    try {
      update(await client.conversations.retrieve(conversation.id, { signal }));
      await load(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ConversationsError && error.code === "resource_missing")) throw error;
      if (conversation !== null) onDeleted(conversation);
    }
  }

  function apply(events: AccountEvent[]): void {
    for (const { type, conversation_id, conversation: state, message_id, message } of events) {
      if (conversation?.id !== conversation_id) continue;
      if (state === null) {
        onDeleted(conversation);
        return;
      }
      conversation = state;
      if (message_id !== null && message === null) messages = messages.filter(({ id }) => id !== message_id);
      if (message_id === pinned?.id) pinned = message;
      if (message !== null) place(message);
      if (type === "message.created" && message !== null && message.contact_id !== null) {
        unseen = true;
        announce(`New message from ${message.contact_id}: ${message.message}`);
      }
    }
    if (conversation === null) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    render();
    if (atEnd) box.scrollTop = box.scrollHeight;
    if ((conversation.pinned_message_id ?? undefined) !== pinned?.id) void showPinned(request.signal);
    void markAsSeen();
  }

  /** Adds a message or replaces its earlier state. One before the loaded messages comes with "Earlier messages". */
  function place(message: Message): void {
    const at = messages.findIndex(({ id }) => id >= message.id);
    if (messages[at]?.id === message.id) messages[at] = message;
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
    if (conversation === null) return;
    const { id, last_active_at } = conversation;
    const { signal } = request;
    update(await client.conversations.update(id, { last_opened_at: Math.max(now(), last_active_at ?? 0) }, { signal }));
  });

  /** Marks the conversation as read if a message arrived, and the page can be seen. */
  async function markAsSeen(): Promise<void> {
    if (!unseen || document.hidden) return;
    unseen = false;
    // The user has not asked for it, so a failure is not shown. The conversation stays unread.
    await markAsRead().catch(() => {});
  }
  document.addEventListener("visibilitychange", () => void markAsSeen());

  function update(updated: Conversation): void {
    show(updated);
    onChange(updated);
  }

  function show(updated: Conversation): void {
    if (conversation?.id !== updated.id) return;
    conversation = updated;
    render();
  }

  function close(): void {
    request.abort();
    conversation = null;
    byId("no-thread").hidden = false;
    byId("open-thread").hidden = true;
  }

  async function findPinned(signal: AbortSignal): Promise<void> {
    const id = conversation?.pinned_message_id ?? null;
    pinned =
      id === null
        ? null
        : (messages.find((message) => message.id === id) ?? (await client.messages.retrieve(id, { signal })));
  }

  function render(): void {
    if (conversation === null) return;
    earlier.hidden = next === null;
    const focused = document.activeElement?.closest<HTMLElement>("#message-list li");
    setChildren(messageList, messages.map(line));
    if (focused?.isConnected === false)
      (messageList.querySelector<HTMLElement>(`[data-id="${focused.dataset.id}"] button`) ?? box).focus();
    byId("pinned").hidden = pinned === null;
    if (pinned !== null && byId("pinned").textContent !== `Pinned: ${pinned.message}`) {
      byId("pinned").replaceChildren(
        h("p", {}, h("strong", {}, "Pinned: "), pinned.message),
        iconButton("pin", "Unpin the message", () => void pin(null), true),
      );
    }
  }

  function line(message: Message): HTMLLIElement {
    const own = message.contact_id === null;
    const isPinned = message.id === conversation?.pinned_message_id;
    const known = lines.get(message);
    if (known?.isPinned === isPinned) return known.element;
    const element = h(
      "li",
      { "data-id": message.id, class: own ? "own" : "" },
      h("p", { class: "sender" }, own ? "You" : (message.contact_id ?? ""), " ", time(message.created_at)),
      h(
        "div",
        { class: "line" },
        h("p", { class: "text" }, message.message),
        isPinned
          ? iconButton("pin", "Unpin this message", () => void pin(null), true)
          : iconButton("pin", `Pin the message “${message.message.slice(0, 40)}”`, () => void pin(message)),
      ),
    );
    lines.set(message, { element, isPinned });
    return element;
  }

  const pin = pauseLive(async (message: Message | null) => {
    if (conversation === null) return;
    try {
      const after = await client.conversations.update(conversation.id, { pinned_message_id: message?.id ?? null });
      pinned = message;
      update(after);
      // The button beside the pinned message disappears with it.
      if (!messageList.contains(document.activeElement)) byId("thread-title").focus();
      announce(message === null ? "Unpinned." : "Pinned.");
    } catch (error) {
      onError(error);
    }
  });

  earlier.onclick = pauseLive(async () => {
    const { signal } = request;
    if (next === null) return;
    try {
      const page = await next({ signal });
      const fromBottom = box.scrollHeight - box.scrollTop;
      [messages, next] = [[...page.data.toReversed(), ...messages], page.next];
      render();
      box.scrollTop = box.scrollHeight - fromBottom;
      announce(`${plural(page.data.length, "earlier message")}.`);
      if (earlier.hidden) box.focus();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  });

  const submit = pauseLive(async () => {
    const target = conversation;
    const message = text.value;
    if (target === null || message.trim() === "" || form.ariaBusy === "true") return;
    if (draft?.text !== message) draft = { text: message, key: crypto.randomUUID() };
    form.ariaBusy = "true";
    try {
      const sent = await client.messages.create({ conversation_id: target.id, message }, { idempotencyKey: draft.key });
      if (conversation?.id === target.id) {
        draft = null;
        if (text.value === message) text.value = "";
        place(sent);
        render();
        box.scrollTop = box.scrollHeight;
      }
      announce("Sent.");
      void refresh(target.id);
    } catch (error) {
      onError(error);
    } finally {
      form.ariaBusy = "false";
    }
  });

  /** Shows the activity of a conversation after a message was sent. */
  const refresh = pauseLive(async (id: string) => {
    try {
      update(await client.conversations.retrieve(id));
    } catch (error) {
      onError(error);
    }
  });

  form.onsubmit = (event) => {
    event.preventDefault();
    void submit();
  };

  text.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  };

  return { open, reload, apply, show, close, current: () => conversation };
}
