// One conversation: its messages, the pinned one, and what is said next.

import type { Conversation, Conversations, Message, Page } from "../../../clients/typescript/src/index.ts";
import { byId, h, iconButton, isUnread, nameOf, now, tell, time } from "./dom.ts";

interface Hooks {
  client: Conversations;
  /** The conversation has changed. */
  changed: (conversation: Conversation) => void;
  /** Something went wrong. */
  failed: (error: unknown) => void;
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

export function createThread({ client, changed, failed }: Hooks): Thread {
  const said = byId("said");
  const earlier = byId<HTMLButtonElement>("earlier");
  const form = byId<HTMLFormElement>("say");
  const text = byId<HTMLTextAreaElement>("text");
  let conversation: Conversation | null = null;
  let messages: Message[] = [];
  let next: Page<Message>["next"] = null;
  let pinned: Message | null = null;
  let asking = new AbortController();
  /** Names what is being sent: trying again after a failure doesn't say it twice. */
  let draft: { text: string; key: string } | null = null;

  async function open(chosen: Conversation): Promise<void> {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    [conversation, messages, next, pinned, draft] = [chosen, [], null, null, null];
    text.value = "";
    byId("invitation").hidden = true;
    byId("open").hidden = false;
    byId("thread-title").textContent = nameOf(chosen);
    render();
    try {
      const page = await client.messages.list({ conversation_id: chosen.id, limit: 30 }, { signal }).page();
      [messages, next] = [page.data.toReversed(), page.next];
      await findPinned(signal);
      if (signal.aborted) return;
      render();
      byId("messages").scrollTop = byId("messages").scrollHeight;
      tell(messages.length === 0 ? "No messages." : `${messages.length} messages.`);
      if (isUnread(chosen))
        update(
          await client.conversations.update(
            chosen.id,
            { last_opened_at: Math.max(now(), chosen.last_active_at ?? 0) },
            { signal },
          ),
        );
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  }

  function update(changedNow: Conversation): void {
    show(changedNow);
    changed(changedNow);
  }

  function show(changedNow: Conversation): void {
    if (conversation?.id !== changedNow.id) return;
    conversation = changedNow;
    render();
  }

  function close(): void {
    asking.abort();
    conversation = null;
    byId("invitation").hidden = false;
    byId("open").hidden = true;
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
    said.replaceChildren(...messages.map(line));
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
      h("p", { class: "who" }, own ? "You" : (message.contact_id ?? ""), " ", time(message.created_at)),
      h(
        "div",
        { class: "line" },
        h("p", { class: "what" }, message.message),
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
      // Before it is shown: what had the focus is replaced.
      const place = [...said.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement);
      pinned = message;
      update(after);
      (said.querySelectorAll("button")[place] ?? byId("thread-title")).focus();
      tell(message === null ? "Unpinned." : "Pinned.");
    } catch (error) {
      failed(error);
    }
  }

  earlier.onclick = async () => {
    const { signal } = asking;
    if (next === null) return;
    try {
      const page = await next({ signal });
      const box = byId("messages");
      const fromTheEnd = box.scrollHeight - box.scrollTop;
      [messages, next] = [[...page.data.toReversed(), ...messages], page.next];
      render();
      box.scrollTop = box.scrollHeight - fromTheEnd;
      tell(`${page.data.length} earlier messages.`);
      if (earlier.hidden) box.focus();
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  };

  form.onsubmit = async (event) => {
    event.preventDefault();
    const to = conversation;
    const message = text.value;
    if (to === null || message.trim() === "" || form.ariaBusy === "true") return;
    if (draft?.text !== message) draft = { text: message, key: crypto.randomUUID() };
    form.ariaBusy = "true";
    try {
      const sent = await client.messages.create({ conversation_id: to.id, message }, { idempotencyKey: draft.key });
      if (conversation?.id === to.id) {
        draft = null;
        if (text.value === message) text.value = "";
        messages.push(sent);
        render();
        byId("messages").scrollTop = byId("messages").scrollHeight;
      }
      tell("Sent.");
      update(await client.conversations.get(to.id));
    } catch (error) {
      failed(error);
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
