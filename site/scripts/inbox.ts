// The page at `/inbox`: the API at work. It does nothing that any holder of a token couldn't do with the public API, and
// does it through the public client. The token is kept for the tab, in its session storage, and nowhere else.

import { type Conversation, Conversations, ConversationsError } from "../../clients/typescript/src/index.ts";
import { byId, tell } from "./inbox/dom.ts";
import { createList, type List } from "./inbox/list.ts";
import { createThread, type Thread } from "./inbox/thread.ts";
import { finish, toast } from "./inbox/toast.ts";

const KEY = "token";
const narrow = matchMedia("(max-width: 760px)");

/** Whether the page is being left: what is still to be sent then outlives it. */
let leaving = false;
addEventListener("pagehide", () => {
  leaving = true;
  finish();
});
addEventListener("pageshow", () => (leaving = false));

let list: List;
let thread: Thread;

const door = byId<HTMLFormElement>("door");
const input = byId<HTMLInputElement>("token");

door.onsubmit = (event) => {
  event.preventDefault();
  void enter(input.value.trim());
};

/** Opens the inbox, if the token does. */
async function enter(token: string): Promise<void> {
  byId("door-error").textContent = "";
  const client = new Conversations({
    token,
    baseUrl: location.origin,
    fetch: (url, init) => fetch(url, { ...init, keepalive: leaving }),
  });
  thread = createThread({ client, changed: (conversation) => list.show(conversation), failed });
  list = createList({ client, open, changed, failed });
  try {
    await client.conversations.list({ limit: 1 }).page();
  } catch (error) {
    return close(sentence(error));
  }
  sessionStorage.setItem(KEY, token);
  input.value = "";
  door.hidden = true;
  byId("inbox").hidden = false;
  byId("leave").hidden = false;
  arrange();
  await list.load();
  list.focus(null);
}

/** Closes the inbox and forgets the token. */
function close(why: string): void {
  sessionStorage.removeItem(KEY);
  thread.close();
  byId("conversations").replaceChildren();
  byId("inbox").hidden = true;
  byId("leave").hidden = true;
  door.hidden = false;
  byId("door-error").textContent = why;
  input.focus();
}

/** What went wrong, as the API says it. */
function sentence(error: unknown): string {
  if (!(error instanceof ConversationsError)) return error instanceof Error ? error.message : String(error);
  return error.status < 500 || error.requestId === null
    ? error.message
    : `${error.message} (Request ${error.requestId}.)`;
}

function failed(error: unknown): void {
  if (error instanceof ConversationsError && error.status === 401) close(sentence(error));
  else toast(sentence(error));
}

function open(conversation: Conversation): void {
  list.select(conversation.id);
  void thread.open(conversation);
  arrange();
  byId("thread-title").focus();
}

/** The list has changed a conversation, or is deleting it. */
function changed(id: string, conversation: Conversation | null): void {
  if (conversation !== null) thread.show(conversation);
  else if (thread.current()?.id === id) shut();
}

function shut(): void {
  const id = thread.current()?.id ?? null;
  thread.close();
  list.select(null);
  arrange();
  list.focus(id);
}

/** Where there is no room for both, the list and the thread take turns. */
function arrange(): void {
  const reading = thread.current() !== null;
  byId("list").inert = narrow.matches && reading;
  byId("thread").inert = narrow.matches && !reading;
}
narrow.onchange = () => list && arrange();

byId("back").onclick = shut;
byId("thread").onkeydown = (event) => {
  if (event.key === "Escape") shut();
};
byId("mark-unread").onclick = () => {
  const conversation = thread.current();
  if (conversation === null) return;
  shut();
  void list.change(conversation, { last_opened_at: null }, "Marked as unread");
};
byId("leave").onclick = () => {
  finish();
  close("");
  tell("The inbox is closed.");
};

const kept = sessionStorage.getItem(KEY);
if (kept !== null) void enter(kept);
else input.focus();
