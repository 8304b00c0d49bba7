// The form for a new message. What is written stays as a draft until it is sent.

import type { ConversationsClient, Message } from "../../../clients/typescript/src/index.ts";
import { announce, byId, disable } from "../shared/dom.ts";
import { pauseLive } from "../shared/pending.ts";
import type { Access } from "./access.ts";
import type { Drafts } from "./drafts.ts";

interface Hooks {
  client: ConversationsClient;
  access: Access;
  drafts: Drafts;
  /** A message was sent. It is null if the token may not read it. */
  onSent: (conversation: string, message: Message | null) => void;
  onError: (error: unknown) => void;
}

export interface Composer {
  /** Shows the draft of a conversation. Null if none is open. */
  open: (conversation: string | null) => void;
}

export function createComposer({ client, access, drafts, onSent, onError }: Hooks): Composer {
  const form = byId<HTMLFormElement>("send");
  const text = byId<HTMLTextAreaElement>("text");
  const button = byId<HTMLButtonElement>("send-button");
  const problem = access("messages:write");
  let conversation: string | null = null;
  /** The conversations whose message is being sent. */
  const sending = new Set<string>();

  button.title = "";
  disable(button, problem);
  text.readOnly = problem !== null;
  text.title = problem ?? "";
  text.placeholder = problem ?? "Write a message";

  function open(id: string | null): void {
    conversation = id;
    text.value = id === null ? "" : drafts.textOf(id);
    showSending();
  }

  function showSending(): void {
    form.ariaBusy = String(conversation !== null && sending.has(conversation));
  }

  text.oninput = () => {
    if (conversation !== null) drafts.write(conversation, text.value);
  };

  const submit = pauseLive(async () => {
    const id = conversation;
    const message = text.value;
    if (id === null || message.trim() === "" || problem !== null || sending.has(id)) return;
    const idempotencyKey = drafts.keyFor(id, message);
    sending.add(id);
    showSending();
    try {
      const sent = await client.messages.create({ conversation_id: id, message }, { idempotencyKey });
      drafts.sent(id, message);
      if (conversation === id && text.value === message) text.value = "";
      onSent(id, access("messages:read") === null ? sent : null);
      announce("Sent.");
    } catch (error) {
      onError(error);
    } finally {
      sending.delete(id);
      showSending();
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

  return { open };
}
