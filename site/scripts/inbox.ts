// The page at `/inbox`. Its state is the view, which is the URL. Here, what changes the view and what shows it meet.

import {
  type AccountEvent,
  type ConversationsClient,
  ConversationsError,
  type CurrentToken,
} from "../../clients/typescript/src/index.ts";
import { accessOf } from "./inbox/access.ts";
import { type Actions, createActions } from "./inbox/actions.ts";
import { createComposer } from "./inbox/composer.ts";
import { type Conversation, nameOf } from "./inbox/conversation.ts";
import { type Drafts, draftsOf } from "./inbox/drafts.ts";
import { showFilters } from "./inbox/filters.ts";
import { listenToKeys } from "./inbox/keys.ts";
import { createList, itemOf, type List } from "./inbox/list.ts";
import { closeMenu, menuButton } from "./inbox/menu.ts";
import { createThread, type Thread } from "./inbox/thread.ts";
import { createTitle, type Title } from "./inbox/title.ts";
import { clearUndo, undoLast } from "./inbox/undo.ts";
import { hasSameList, urlOf, type View, viewOf } from "./inbox/view.ts";
import { byId } from "./shared/dom.ts";
import { showPanes } from "./shared/panes.ts";
import { noneRuns, pauseLive } from "./shared/pending.ts";
import { createSession, showConnection } from "./shared/session.ts";
import { toast } from "./shared/toast.ts";

/** The parts of the page, as long as the user is signed in. */
interface Parts {
  list: List;
  thread: Thread;
  actions: Actions;
  drafts: Drafts;
  title: Title;
}

let parts: Parts | null = null;
let view: View = viewOf(new URL(location.href));
let token: CurrentToken;

const { start, onError, explain } = createSession({
  check: async (client) => {
    // Without the scope for the list there is nothing to show, and the API says so.
    [token] = await Promise.all([client.token.retrieve(), client.conversations.list({ limit: 1 })]);
  },
  onSignIn: (client, signal) => {
    parts = createParts(client, signal);
    view = viewOf(new URL(location.href));
    showFilters(view, setView);
    showPanes(view.conversation !== null);
    if (view.conversation === null) parts.list.focus(null);
    openThread(null);
    void follow(parts, client, signal);
  },
  onSignOut: () => {
    closeMenu();
    clearUndo();
    byId<HTMLDialogElement>("keys").close();
    parts?.thread.close();
    parts?.list.clear();
    parts = null;
  },
});

function createParts(client: ConversationsClient, signal: AbortSignal): Parts {
  const access = accessOf(token.scopes);
  const drafts = draftsOf(token.account);
  const title = createTitle(client, signal);
  const actions: Actions = createActions({
    client,
    access,
    onChange,
    onUndo: (id) => list.focus(id),
    onDelete: (id, isDeleted) => {
      if (isDeleted && view.conversation === id) closeThread();
      list.hide(id, isDeleted);
    },
    onError,
  });
  const list = createList({
    client,
    actions: () => actions,
    onOpen: (conversation) => setView({ conversation: conversation.id }),
    onScroll: (row) => remember({ row }),
    onClear: () => setView({ filters: [], search: "" }),
    explain,
  });
  const composer = createComposer({
    client,
    access,
    drafts,
    onSent: pauseLive(async (id, message) => {
      if (message !== null) thread.showSent(message);
      try {
        const conversation = await client.conversations.retrieve(id);
        list.show(conversation, message ?? undefined);
        onChange(conversation);
      } catch (error) {
        onError(error);
      }
    }),
    onError,
  });
  const thread: Thread = createThread({
    client,
    access,
    composer,
    onChange,
    onScroll: (message) => remember({ message }),
    onMissing,
    explain,
    onError,
  });
  return { list, thread, actions, drafts, title };

  /** A conversation has a new state. */
  function onChange(conversation: Conversation): void {
    list.show(conversation);
    thread.show(conversation);
    if (view.conversation === conversation.id) title.show(nameOf(conversation));
    title.count();
  }

  /** The conversation that is open was deleted, or never existed (null). */
  function onMissing(conversation: Conversation | null): void {
    if (view.conversation !== null) drafts.remove(view.conversation);
    closeThread();
    toast(conversation === null ? "This conversation does not exist." : `${nameOf(conversation)} was deleted.`);
  }
}

/** Loads the page, and keeps it up to date. */
async function follow(parts: Parts, client: ConversationsClient, signal: AbortSignal): Promise<void> {
  const { list, thread, title } = parts;
  let isFirst = true;
  const load = async () => {
    title.count();
    const again = isFirst ? [] : [thread.reload()];
    await Promise.all([(isFirst ? list.load(view) : list.reload()).catch(ignoreRefusal), ...again]);
    isFirst = false;
  };
  try {
    await client.events.copy({
      signal,
      // The page keeps a part of a copy: the conversations in the list, and the messages in the thread.
      onReset: load,
      onChange: async ({ events }) => {
        await noneRuns();
        apply(parts, events);
      },
      onOpen: () => showConnection(""),
      onError: () => showConnection("Not connected. Trying again…"),
    });
  } catch (error) {
    if (signal.aborted) return;
    const isForbidden = error instanceof ConversationsError && error.status === 403;
    showConnection(`No live updates. ${isForbidden ? error.message : "Reload the page."}`);
    if (!isForbidden) onError(error);
    if (isFirst) await load().catch(onError);
  }
}

/** The list shows why the API refuses it, and offers another attempt. One by itself would not help. */
function ignoreRefusal(error: unknown): void {
  const isRefusal = error instanceof ConversationsError && error.status >= 400 && error.status < 500;
  if (!isRefusal || error.status === 429) throw error;
}

function apply({ list, thread, drafts, title }: Parts, events: AccountEvent[]): void {
  for (const { conversation_id, conversation } of events) if (conversation === null) drafts.remove(conversation_id);
  list.apply(events);
  thread.apply(events);
  title.count();
}

/** Another view, with an entry in the history of the tab. */
function setView(changes: Partial<View>): void {
  const next = { ...view, ...changes };
  if (!hasSameList(view, next)) next.row = 0;
  if (view.conversation !== next.conversation) next.message = null;
  if (urlOf(next) !== urlOf(view)) history.pushState(null, "", urlOf(next));
  show(next);
}

/** Where the user has scrolled to is in the URL, but is no step back. */
function remember(changes: Partial<View>): void {
  if (parts === null) return;
  view = { ...view, ...changes };
  history.replaceState(null, "", urlOf(view));
}

addEventListener("popstate", () => {
  closeMenu();
  show(viewOf(new URL(location.href)));
});

/** Shows a view: what differs from the view before. */
function show(next: View): void {
  const before = view;
  view = next;
  if (parts === null) return;
  showFilters(view, setView);
  if (!hasSameList(before, view)) parts.list.load(view).catch(() => {});
  if (before.conversation !== view.conversation) openThread(before.conversation);
}

/** Opens the view's conversation, or closes the thread. */
function openThread(before: string | null): void {
  if (parts === null) return;
  const { list, thread, title } = parts;
  const { conversation: id, message } = view;
  const hadFocus = byId("detail").contains(document.activeElement);
  list.select(id);
  showPanes(id !== null);
  if (id === null) {
    thread.close();
    title.show(null);
    if (hadFocus) list.focus(before);
    return;
  }
  const known = list.find(id);
  title.show(known === null ? null : nameOf(known));
  void thread.open(id, known, message);
  byId("thread-title").focus();
}

function closeThread(): void {
  setView({ conversation: null });
}

/** The conversation that the keys are about: the one with the focus in the list, or else the one that is open. */
function chosen(): Conversation | null {
  return parts?.list.focused() ?? parts?.thread.current() ?? null;
}

/** Goes to the next conversation, or the previous one: opens it if the user is reading, and focuses it in the list. */
function step(by: 1 | -1): void {
  if (parts === null) return;
  const { list } = parts;
  const isReading = list.focused() === null && view.conversation !== null;
  const next = list.neighbour(chosen()?.id ?? null, by);
  if (next === null) return;
  if (isReading) setView({ conversation: next.id });
  else list.focus(next.id);
}

/** Runs an action on the chosen conversation. */
function act(icon: string): void {
  const conversation = chosen();
  if (parts === null || conversation === null) return;
  const { problem, run } = parts.actions.of(conversation).find((action) => action.icon === icon)!;
  if (problem !== null) return void toast(problem);
  run();
  if (view.conversation === conversation.id) closeThread();
}

// The next user of this tab may have another account.
byId("sign-out").addEventListener("click", () => {
  history.replaceState(null, "", "/inbox");
});
byId("back").onclick = closeThread;
byId("detail").onkeydown = (event) => {
  if (event.key === "Escape" && !event.defaultPrevented) closeThread();
};
byId("thread-menu").replaceWith(
  menuButton("More actions", () => {
    const conversation = parts?.thread.current();
    if (parts === null || !conversation) return [];
    const unread = parts.actions.markAsUnread(conversation);
    const markAsUnread = {
      ...unread,
      run: () => {
        closeThread();
        unread.run();
      },
    };
    return [markAsUnread, ...parts.actions.of(conversation)].map(itemOf);
  }),
);
listenToKeys({ j: () => step(1), k: () => step(-1), e: () => act("archive"), "#": () => act("delete") }, undoLast);

start();
