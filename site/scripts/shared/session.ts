// Signing in and out. The pages use only the public API, through the public client. The token, the bookmark and the
// drafts are in the session storage of the tab and nowhere else, so all pages in the tab share them.

import { ConversationsClient, ConversationsError, NetworkError } from "../../../clients/typescript/src/index.ts";
import { announce, byId, h } from "./dom.ts";
import { closeToasts, toast } from "./toast.ts";

interface Hooks {
  /** A request that the API accepts only with a token that the page can use. */
  check: (client: ConversationsClient) => Promise<unknown>;
  /** The API accepted the token. The signal is aborted when the user signs out. */
  onSignIn: (client: ConversationsClient, signal: AbortSignal) => void;
  /** The session ended: the user signed out, or the token is no longer valid. */
  onSignOut: () => void;
  /** The page's own words for an error. Null for those of the API. */
  explain?: (error: ConversationsError) => string | null;
}

export interface Session {
  /** Signs in with the token in the storage, or shows the form. */
  start: () => void;
  /** The error as a person should read it. */
  messageOf: (error: unknown) => string;
  /** The same, for an error that the page itself shows. A token that is no longer valid ends the session. */
  explain: (error: unknown) => string;
  /** Shows an error. A token that is no longer valid ends the session. */
  onError: (error: unknown) => void;
}

const TOKEN_KEY = "token";
const BOOKMARK_KEY = "bookmark";

/** Requests that are sent while the page unloads must outlive it (`keepalive`). */
let unloading = false;
addEventListener("pageshow", () => (unloading = false));

/** Puts the form for the token before the page's content, and shows one of them. */
export function createSession({ check, onSignIn, onSignOut, explain = () => null }: Hooks): Session {
  const content = byId("content");
  const signOutButton = byId<HTMLButtonElement>("sign-out");
  const problem = h("p", { id: "sign-in-error", role: "alert" });
  const input = h("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "sign-in-hint sign-in-error",
  });
  const hint = "Your token stays in this tab until you sign out or close the tab. It is sent only to this API.";
  const form = h(
    "form",
    { id: "sign-in" },
    h("label", { for: "token" }, "Token"),
    input,
    h("p", { id: "sign-in-hint" }, hint),
    problem,
    h("button", {}, "Sign in"),
  );
  content.before(form);
  let session = new AbortController();
  let signedIn: ConversationsClient | null = null;
  /** How many writes have no response yet. */
  let writes = 0;

  addEventListener("pagehide", () => {
    unloading = true;
    closeToasts();
    // The next page in this tab must see what was written here. Of a write without a response, no bookmark tells that:
    // then the next page begins with the newest data.
    const bookmark = signedIn?.bookmark;
    if (bookmark && writes === 0) sessionStorage.setItem(BOOKMARK_KEY, bookmark);
  });

  function start(): void {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const bookmark = sessionStorage.getItem(BOOKMARK_KEY);
    // If this page ends without storing its own, this one is too old.
    sessionStorage.removeItem(BOOKMARK_KEY);
    if (token !== null) void signIn(token, bookmark);
    else input.focus();
  }

  async function signIn(token: string, bookmark: string | null = null): Promise<void> {
    problem.textContent = "";
    const client = new ConversationsClient({ token, bookmark, baseUrl: location.origin, fetch: send, wait });
    try {
      await check(client);
    } catch (error) {
      return refuse(error);
    }
    sessionStorage.setItem(TOKEN_KEY, token);
    signedIn = client;
    input.value = "";
    form.hidden = true;
    content.hidden = false;
    signOutButton.hidden = false;
    session = new AbortController();
    onSignIn(client, session.signal);
  }

  async function send(url: string, init: RequestInit): Promise<Response> {
    const isWrite = init.method !== "GET";
    if (isWrite) writes += 1;
    try {
      return await fetch(url, { ...init, keepalive: unloading });
    } finally {
      if (isWrite) writes -= 1;
    }
  }

  function signOut(): void {
    sessionStorage.removeItem(TOKEN_KEY);
    signedIn = null;
    session.abort();
    showConnection("");
    onSignOut();
    content.hidden = true;
    signOutButton.hidden = true;
  }

  /** Says why the token does not open the page. A token that is valid may still open another page. */
  function refuse(error: unknown): void {
    if (isTokenInvalid(error)) signOut();
    form.hidden = false;
    problem.textContent = messageOf(error);
    input.focus();
  }

  function messageOf(error: unknown): string {
    if (error instanceof NetworkError) return "Can't reach the server. Check your connection.";
    if (!(error instanceof ConversationsError)) return error instanceof Error ? error.message : String(error);
    const { message, status, requestId } = error;
    return explain(error) ?? (status < 500 || requestId === null ? message : `${message} (Request id: ${requestId})`);
  }

  function explainError(error: unknown): string {
    if (isTokenInvalid(error)) refuse(error);
    return messageOf(error);
  }

  function onError(error: unknown): void {
    if (isTokenInvalid(error)) refuse(error);
    else toast(messageOf(error));
  }

  form.onsubmit = (event) => {
    event.preventDefault();
    void signIn(tokenIn(input.value));
  };
  signOutButton.onclick = () => {
    closeToasts();
    signOut();
    // Not if a token expires: then the user signs in with a new one, and goes on writing.
    sessionStorage.clear();
    form.hidden = false;
    problem.textContent = "";
    input.focus();
    announce("Signed out.");
  };

  return { start, messageOf, explain: explainError, onError };
}

/** The token in what was pasted, which may be the whole value of the header `Authorization`, or that header. */
const tokenIn = (text: string): string => text.trim().replace(/^(Authorization:\s*)?Bearer\s+/i, "");

const isTokenInvalid = (error: unknown): boolean => error instanceof ConversationsError && error.status === 401;

/** Says in the header whether the page is up to date. */
export function showConnection(text: string): void {
  byId("connection").textContent = text;
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
