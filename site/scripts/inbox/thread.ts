// One conversation: its messages, the pinned message, and the form for a new message.

import type { Conversation, Conversations, Message, Page } from "../../../clients/typescript/src/index.ts";
import { announce, byId, h, iconButton, isUnread, nameOf, now, plural, time } from "./dom.ts";

interface Hooks {
  client: Conversations;
  onChange: (conversation: Conversation) => void;
  onError: (error: unknown) => void;
}

export interface Thread {
  /** Shows a conversation and its newest messages. */
  open: (conversation: Conversation) => Promise<void>;
  /** Shows the new state of the conversation that is open. */
  show: (conversation: Conversation) => void;
  close: () => void;
  /** The conversation that is open. */
  current: () => Conversation | null;
}

export function createThread({ client, onChange, onError }: Hooks): Thread {
  const messageList = byId("message-list");
  const earlier = byId<HTMLButtonElement>("earlier");
  const form = byId<HTMLFormElement>("send");
  const text = byId<HTMLTextAreaElement>("text");
  let conversation: Conversation | null = null;
  let messages: Message[] = [];
  let next: Page<Message>["next"] = null;
  let pinned: Message | null = null;
  let request = new AbortController();
  /** The idempotency key of the text: after a failure, sending it again does not create a second message. */
  let draft: { text: string; key: string } | null = null;

  async function open(chosen: Conversation): Promise<void> {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    [conversation, messages, next, pinned, draft] = [chosen, [], null, null, null];
    text.value = "";
    byId("no-thread").hidden = true;
    byId("open-thread").hidden = false;
    byId("thread-title").textContent = nameOf(chosen);
    render();
    try {
      const page = await client.messages.list({ conversation_id: chosen.id, limit: 30 }, { signal }).page();
      [messages, next] = [page.data.toReversed(), page.next];
      await findPinned(signal);
      if (signal.aborted) return;
      render();
      byId("messages").scrollTop = byId("messages").scrollHeight;
      announce(messages.length === 0 ? "No messages." : `${plural(messages.length, "message")}.`);
      if (isUnread(chosen))
        update(
          await client.conversations.update(
            chosen.id,
            { last_opened_at: Math.max(now(), chosen.last_active_at ?? 0) },
            { signal },
          ),
        );
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  }

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
        : (messages.find((message) => message.id === id) ?? (await client.messages.get(id, { signal })));
  }

  function render(): void {
    if (conversation === null) return;
    earlier.hidden = next === null;
    messageList.replaceChildren(...messages.map(line));
    byId("pinned").hidden = pinned === null;
    if (pinned !== null) {
      byId("pinned").replaceChildren(
        h("p", {}, h("strong", {}, "Pinned: "), pinned.message),
        iconButton("pin", "Unpin the message", () => void pin(null), true),
      );
    }
  }

  function line(message: Message): HTMLLIElement {
    const own = message.contact_id === null;
    const isPinned = message.id === conversation?.pinned_message_id;
    return h(
      "li",
      { class: own ? "own" : "" },
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
  }

  async function pin(message: Message | null): Promise<void> {
    if (conversation === null) return;
    try {
      const after = await client.conversations.update(conversation.id, { pinned_message_id: message?.id ?? null });
      // Rendering replaces the button that has the focus.
      const place = [...messageList.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement);
      pinned = message;
      update(after);
      (messageList.querySelectorAll("button")[place] ?? byId("thread-title")).focus();
      announce(message === null ? "Unpinned." : "Pinned.");
    } catch (error) {
      onError(error);
    }
  }

  earlier.onclick = async () => {
    const { signal } = request;
    if (next === null) return;
    try {
      const page = await next({ signal });
      const box = byId("messages");
      const fromBottom = box.scrollHeight - box.scrollTop;
      [messages, next] = [[...page.data.toReversed(), ...messages], page.next];
      render();
      box.scrollTop = box.scrollHeight - fromBottom;
      announce(`${plural(page.data.length, "earlier message")}.`);
      if (earlier.hidden) box.focus();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  };

  form.onsubmit = async (event) => {
    event.preventDefault();
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
        messages.push(sent);
        render();
        byId("messages").scrollTop = byId("messages").scrollHeight;
      }
      announce("Sent.");
      update(await client.conversations.get(target.id));
    } catch (error) {
      onError(error);
    } finally {
      form.ariaBusy = "false";
    }
  };

  text.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  };

  return { open, show, close, current: () => conversation };
}
