// The page at `/inbox`.

import { type Conversation, type ConversationsClient, ConversationsError } from "../../clients/typescript/src/index.ts";
import { nameOf } from "./inbox/conversation.ts";
import { createList, type List } from "./inbox/list.ts";
import { createThread, type Thread } from "./inbox/thread.ts";
import { byId } from "./shared/dom.ts";
import { showPanes } from "./shared/panes.ts";
import { noneRuns } from "./shared/pending.ts";
import { createSession, showConnection } from "./shared/session.ts";
import { toast } from "./shared/toast.ts";

let list: List;
let thread: Thread;

const { start, onError } = createSession({
  check: (client) => client.conversations.list({ limit: 1 }),
  onSignIn: (client, signal) => {
    thread = createThread({ client, onChange: (conversation) => list.show(conversation), onDeleted, onError });
    list = createList({ client, onOpen, onChange, onError });
    showPanes(false);
    list.focus(null);
    void follow(client, signal);
  },
  onSignOut: () => {
    thread?.close();
    byId("conversations").replaceChildren();
  },
});

/** Loads the page, and keeps it up to date. */
async function follow(client: ConversationsClient, signal: AbortSignal): Promise<void> {
  try {
    await client.events.copy({
      signal,
      // The page keeps a part of a copy: the conversations in the list, and the messages in the thread.
      onReset: async () => {
        await Promise.all([list.load(), thread.reload()]);
      },
      onChange: async ({ events }) => {
        await noneRuns();
        list.apply(events);
        thread.apply(events);
      },
      onOpen: () => showConnection(""),
      onError: () => showConnection("Not connected. Trying again…"),
    });
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ConversationsError && error.status === 403) {
      showConnection(`No live updates. ${error.message}`);
      await list.load().catch(onError);
    } else {
      showConnection("No live updates. Reload the page.");
      onError(error);
    }
  }
}

function onOpen(conversation: Conversation): void {
  list.select(conversation.id);
  void thread.open(conversation);
  showPanes(true);
  byId("thread-title").focus();
}

/** Another client deleted the conversation that is open. */
function onDeleted(conversation: Conversation): void {
  closeThread(byId("detail").contains(document.activeElement));
  toast(`${nameOf(conversation)} was deleted.`);
}

/** The list changed a conversation, or deletes it (null). */
function onChange(id: string, conversation: Conversation | null): void {
  if (conversation !== null) thread.show(conversation);
  else if (thread.current()?.id === id) closeThread();
}

function closeThread(movesFocus = true): void {
  const id = thread.current()?.id ?? null;
  thread.close();
  list.select(null);
  showPanes(false);
  if (movesFocus) list.focus(id);
}

byId("back").onclick = () => closeThread();
byId("detail").onkeydown = (event) => {
  if (event.key === "Escape") closeThread();
};
byId("mark-unread").onclick = () => {
  const conversation = thread.current();
  if (conversation === null) return;
  closeThread();
  void list.change(conversation, { last_opened_at: null }, "Marked as unread");
};

start();
