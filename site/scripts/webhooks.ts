// The page at `/webhooks`.

import { type ConversationsClient, ConversationsError, type Webhook } from "../../clients/typescript/src/index.ts";
import { byId } from "./shared/dom.ts";
import { showPanes } from "./shared/panes.ts";
import { noneRuns, pauseLive } from "./shared/pending.ts";
import { createSession, showConnection } from "./shared/session.ts";
import { toast } from "./shared/toast.ts";
import { createDialogs, type Dialogs } from "./webhooks/dialogs.ts";
import { createEndpoint, type Endpoint } from "./webhooks/endpoint.ts";
import { createEndpoints, type Endpoints } from "./webhooks/endpoints.ts";
import { closeDialogs } from "./webhooks/form_dialog.ts";
import { explain, nameOf } from "./webhooks/words.ts";

/** Attempts are not events of the log. So the page asks for them, as long as it is visible. */
const INTERVAL_MS = 3_000;

let client: ConversationsClient;
let endpoints: Endpoints;
let endpoint: Endpoint;
let dialogs: Dialogs;
let webhooks: Webhook[] = [];
/** The id of the endpoint that is open. */
let open: string | null = null;
/** Ends the wait for the next refresh, or the refresh that runs. */
let round = new AbortController();

const session = createSession({
  check: (client) => client.webhooks.list({ limit: 1 }),
  onSignIn: (signedIn, signal) => {
    client = signedIn;
    endpoints = createEndpoints(select);
    endpoint = createEndpoint(client, (eventId) => withOpen((webhook) => dialogs.replay(webhook, eventId)));
    dialogs = createDialogs({ client, change, onChange, onDelete, ...session });
    showPanes(false);
    endpoints.focus(null);
    void follow(signal);
  },
  onSignOut: () => {
    closeDialogs();
    [webhooks, open] = [[], null];
    endpoints?.show([], null);
    endpoint?.show(null);
  },
  explain,
});

/** Keeps the page up to date. */
async function follow(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    round = new AbortController();
    const either = AbortSignal.any([signal, round.signal]);
    try {
      await noneRuns();
      await refresh(either);
      showConnection("");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ConversationsError && error.status === 401) session.onError(error);
      else if (!either.aborted) showConnection(`Not up to date. ${session.messageOf(error)}`);
    }
    await untilNext(either);
  }
}

async function refresh(signal: AbortSignal): Promise<void> {
  const [found] = await Promise.all([list(signal), open === null ? undefined : endpoint.load(open, signal)]);
  signal.throwIfAborted();
  const gone = webhooks.find(({ id }) => id === open && !found.some((other) => other.id === id));
  webhooks = found;
  if (gone !== undefined) onDelete(gone);
  render();
}

async function list(signal: AbortSignal): Promise<Webhook[]> {
  const found = [];
  for await (const webhook of client.webhooks.list({ limit: 100 }, { signal })) found.push(webhook);
  return found;
}

/** Waits until the next refresh is due: after the interval, when the page becomes visible, or after a change. */
async function untilNext(signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const options = { signal: over.signal };
  await new Promise<void>((resolve) => {
    const next = () => document.hidden || resolve();
    const timer = setTimeout(next, INTERVAL_MS);
    over.signal.addEventListener("abort", () => clearTimeout(timer));
    document.addEventListener("visibilitychange", next, options);
    signal.addEventListener("abort", () => resolve(), options);
    if (signal.aborted) resolve();
  });
  over.abort();
}

/** Runs a request that changes something. A refresh that began before it would show what was. */
function change<T>(request: () => Promise<T>): Promise<T> {
  round.abort();
  return pauseLive(request)();
}

function render(): void {
  endpoints.show(webhooks, open);
  endpoint.show(webhooks.find(({ id }) => id === open) ?? null);
}

function select(id: string): void {
  open = id;
  render();
  byId("endpoint").scrollTop = 0;
  showPanes(true);
  byId("detail-title").focus();
  round.abort();
}

function close(): void {
  const closed = open;
  const movesFocus = byId("detail").contains(document.activeElement);
  open = null;
  render();
  showPanes(false);
  if (movesFocus) endpoints.focus(closed);
}

/** An endpoint was created or changed. */
function onChange(webhook: Webhook, done: string | null): void {
  const isNew = !webhooks.some(({ id }) => id === webhook.id);
  webhooks = isNew ? [webhook, ...webhooks] : webhooks.map((other) => (other.id === webhook.id ? webhook : other));
  if (isNew) select(webhook.id);
  else render();
  if (done !== null) toast(`${done}: ${nameOf(webhook)}.`);
}

function onDelete(webhook: Webhook): void {
  webhooks = webhooks.filter(({ id }) => id !== webhook.id);
  close();
  toast(`Deleted: ${nameOf(webhook)}.`);
}

/** Runs an action on the endpoint that is open. */
function withOpen(action: (webhook: Webhook) => void | Promise<void>): void {
  const webhook = webhooks.find(({ id }) => id === open);
  if (webhook !== undefined) Promise.resolve(action(webhook)).catch(session.onError);
}

async function ping({ id }: Webhook): Promise<void> {
  await change(() => client.webhooks.ping(id));
  toast("Ping sent. Its result appears among the attempts.");
}

async function retry({ id }: Webhook): Promise<void> {
  onChange(await change(() => client.webhooks.update(id, { status: "enabled" })), "Trying again");
}

async function enableOrDisable(webhook: Webhook): Promise<void> {
  const { id, status } = webhook;
  const next = status === "enabled" ? "disabled" : "enabled";
  try {
    const changed = await change(() => client.webhooks.update(id, { status: next }));
    onChange(changed, next === "enabled" ? "Enabled" : "Disabled");
  } catch (error) {
    if (!(error instanceof ConversationsError && error.code === "position_expired")) throw error;
    dialogs.restart(webhook);
  }
}

byId("new").onclick = () => dialogs.create();
byId("back").onclick = close;
byId("detail").onkeydown = (event) => {
  if (event.key === "Escape") close();
};
for (const [id, action] of Object.entries({
  retry,
  ping,
  replay: (webhook: Webhook) => dialogs.replay(webhook),
  switch: enableOrDisable,
  edit: (webhook: Webhook) => dialogs.edit(webhook),
  rotate: (webhook: Webhook) => dialogs.rotate(webhook),
  delete: (webhook: Webhook) => dialogs.remove(webhook),
}))
  byId(id).onclick = () => withOpen(action);

session.start();
