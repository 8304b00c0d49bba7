// The page at `/inbox`. It uses only the public API, through the public client. The token is in the session storage of
// the tab and nowhere else.

import {
  type Conversation,
  Conversations,
  ConversationsError,
  NetworkError,
} from "../../clients/typescript/src/index.ts";
import { announce, byId, nameOf } from "./inbox/dom.ts";
import { createList, type List } from "./inbox/list.ts";
import { noneRuns } from "./inbox/pending.ts";
import { createThread, type Thread } from "./inbox/thread.ts";
import { closeToast, toast } from "./inbox/toast.ts";

const STORAGE_KEY = "token";
const narrow = matchMedia("(max-width: 760px)");

/** Requests that are sent while the page unloads must outlive it (`keepalive`). */
let unloading = false;
addEventListener("pagehide", () => {
  unloading = true;
  closeToast();
});
addEventListener("pageshow", () => (unloading = false));

let list: List;
let thread: Thread;
let live = new AbortController();

const signInForm = byId<HTMLFormElement>("sign-in");
const tokenInput = byId<HTMLInputElement>("token");

signInForm.onsubmit = (event) => {
  event.preventDefault();
  void signIn(tokenInput.value.trim());
};

/** Shows the inbox if the API accepts the token. */
async function signIn(token: string): Promise<void> {
  byId("sign-in-error").textContent = "";
  const client = new Conversations({
    token,
    baseUrl: location.origin,
    fetch: (url, init) => fetch(url, { ...init, keepalive: unloading }),
    wait,
  });
  thread = createThread({ client, onChange: (conversation) => list.show(conversation), onDeleted, onError });
  list = createList({ client, onOpen, onChange, onError });
  try {
    await client.conversations.list({ limit: 1 }).page();
  } catch (error) {
    return signOut(messageOf(error));
  }
  sessionStorage.setItem(STORAGE_KEY, token);
  tokenInput.value = "";
  signInForm.hidden = true;
  byId("inbox").hidden = false;
  byId("sign-out").hidden = false;
  updateLayout();
  list.focus(null);
  live = new AbortController();
  await follow(client, live.signal);
}

/** Loads the page, and keeps it up to date. */
async function follow(client: Conversations, signal: AbortSignal): Promise<void> {
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

/** Waits for a time before another attempt, but no longer than until the browser is online again. */
async function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const over = new AbortController();
  const { signal: until } = over;
  try {
    await new Promise<void>((resolve, reject) => {
      setTimeout(resolve, milliseconds);
      addEventListener("online", () => resolve(), { signal: until });
      signal?.addEventListener("abort", () => reject(signal.reason), { signal: until });
    });
  } finally {
    over.abort();
  }
}

function showConnection(text: string): void {
  byId("connection").textContent = text;
}

function signOut(reason: string): void {
  sessionStorage.removeItem(STORAGE_KEY);
  live.abort();
  showConnection("");
  thread.close();
  byId("conversations").replaceChildren();
  byId("inbox").hidden = true;
  byId("sign-out").hidden = true;
  signInForm.hidden = false;
  byId("sign-in-error").textContent = reason;
  tokenInput.focus();
}

/** The error as a person should read it. */
function messageOf(error: unknown): string {
  if (error instanceof NetworkError) return "Can't reach the server. Check your connection.";
  if (!(error instanceof ConversationsError)) return error instanceof Error ? error.message : String(error);
  return error.status < 500 || error.requestId === null
    ? error.message
    : `${error.message} (Request id: ${error.requestId})`;
}

function onError(error: unknown): void {
  if (error instanceof ConversationsError && error.status === 401) signOut(messageOf(error));
  else toast(messageOf(error));
}

function onOpen(conversation: Conversation): void {
  list.select(conversation.id);
  void thread.open(conversation);
  updateLayout();
  byId("thread-title").focus();
}

/** Another client deleted the conversation that is open. */
function onDeleted(conversation: Conversation): void {
  closeThread(byId("thread").contains(document.activeElement));
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
  updateLayout();
  if (movesFocus) list.focus(id);
}

/** A narrow screen shows either the list or the thread. */
function updateLayout(): void {
  const reading = thread.current() !== null;
  byId("list").inert = narrow.matches && reading;
  byId("thread").inert = narrow.matches && !reading;
}
narrow.onchange = () => list && updateLayout();

byId("back").onclick = () => closeThread();
byId("thread").onkeydown = (event) => {
  if (event.key === "Escape") closeThread();
};
byId("mark-unread").onclick = () => {
  const conversation = thread.current();
  if (conversation === null) return;
  closeThread();
  void list.change(conversation, { last_opened_at: null }, "Marked as unread");
};
byId("sign-out").onclick = () => {
  closeToast();
  signOut("");
  announce("Signed out.");
};

const storedToken = sessionStorage.getItem(STORAGE_KEY);
if (storedToken !== null) void signIn(storedToken);
else tokenInput.focus();
