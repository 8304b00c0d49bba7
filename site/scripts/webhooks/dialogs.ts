// The dialogs of the page. Each does one thing with an endpoint.

import {
  type ConversationsClient,
  ConversationsError,
  type NewWebhook,
  type Webhook,
  type WebhookChanges,
} from "../../../clients/typescript/src/index.ts";
import { byId, dateTime, h, now } from "../shared/dom.ts";
import type { Session } from "../shared/session.ts";
import { openDialog } from "./form_dialog.ts";
import { nameOf, TYPES } from "./words.ts";

interface Hooks extends Pick<Session, "messageOf" | "onError"> {
  client: ConversationsClient;
  /** Runs a request that changes an endpoint. */
  change: <T>(request: () => Promise<T>) => Promise<T>;
  /** An endpoint was created or changed. `done` says how. It is null if another dialog says that. */
  onChange: (webhook: Webhook, done: string | null) => void;
  onDelete: (webhook: Webhook) => void;
}

export interface Dialogs {
  create: () => void;
  edit: (webhook: Webhook) => Promise<void>;
  /** Moves the position. Without an event, the user names one. */
  replay: (webhook: Webhook, eventId?: string) => void;
  /** Enables an endpoint whose position has expired: the user chooses where it continues. */
  restart: (webhook: Webhook) => void;
  rotate: (webhook: Webhook) => void;
  remove: (webhook: Webhook) => void;
}

export function createDialogs({ client, change, onChange, onDelete, ...session }: Hooks): Dialogs {
  const url = byId<HTMLInputElement>("url");
  const description = byId<HTMLInputElement>("description");
  const allTypes = byId<HTMLInputElement>("all-types");
  const someTypes = byId<HTMLInputElement>("some-types");
  const boxes = TYPES.map((type) => {
    const box = h("input", { type: "checkbox", input: () => (someTypes.checked = true) });
    return { type, box, label: h("label", {}, box, ` ${type}`) };
  });
  byId("type-boxes").replaceChildren(...boxes.map(({ label }) => label));

  function fill(title: string, button: string, webhook: NewWebhook): void {
    byId("settings-title").textContent = title;
    byId("save").textContent = button;
    url.value = webhook.url;
    description.value = webhook.description ?? "";
    const types = webhook.types ?? null;
    (types === null ? allTypes : someTypes).checked = true;
    for (const { type, box } of boxes) box.checked = types?.includes(type) ?? false;
  }

  const settings = (): Required<NewWebhook> => ({
    url: url.value.trim(),
    types: allTypes.checked ? null : boxes.filter(({ box }) => box.checked).map(({ type }) => type),
    description: description.value.trim() || null,
  });

  function create(): void {
    fill("New endpoint", "Create", { url: "" });
    const keyOf = createKeys();
    openDialog("settings-dialog", session, async () => {
      const attributes = settings();
      const options = { idempotencyKey: keyOf(attributes) };
      const { secret, ...created } = await change(() => client.webhooks.create(attributes, options));
      return () => {
        onChange(created, null);
        showSecret("The endpoint is ready", secret, "");
      };
    });
  }

  async function edit({ id }: Webhook): Promise<void> {
    // The endpoint as it is now, with its ETag: saving it does not undo what another client has changed.
    const webhook = await client.webhooks.retrieve(id);
    fill("Edit the endpoint", "Save", webhook);
    openDialog("settings-dialog", session, async () => {
      const changed = Object.entries(settings()).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify(webhook[name as keyof NewWebhook]),
      );
      const changes = Object.fromEntries(changed) as WebhookChanges;
      const saved = await change(() => client.webhooks.update(id, changes, { ifMatch: webhook }));
      return () => onChange(saved, "Saved");
    });
  }

  /** Moves the position of an endpoint, together with other changes. */
  function move(
    { id }: Webhook,
    title: string,
    button: string,
    choice: string,
    changes: WebhookChanges,
  ): HTMLInputElement {
    byId("replay-title").textContent = title;
    byId("replay-submit").textContent = button;
    const form = openDialog("replay-dialog", session, async () => {
      const moved = await change(async () => {
        const position = { after: () => event.value.trim(), oldest: () => beforeOldest(client), now: () => "now" };
        const last_event_id = await position[choices.value as keyof typeof position]();
        return client.webhooks.update(id, { ...changes, last_event_id });
      });
      return () => onChange(moved, changes.status === undefined ? "Position moved" : "Enabled");
    });
    const choices = form.elements.namedItem("position") as RadioNodeList;
    const event = form.elements.namedItem("last_event_id") as HTMLInputElement;
    event.oninput = () => (choices.value = "after");
    choices.value = choice;
    form.querySelector<HTMLInputElement>(":checked")?.focus();
    event.value = "";
    return event;
  }

  function replay(webhook: Webhook, eventId = ""): void {
    const event = move(webhook, "Replay events", "Replay", "after", {});
    event.value = eventId;
    event.focus();
  }

  const restart = (webhook: Webhook) =>
    void move(webhook, "Enable the endpoint", "Enable", "oldest", { status: "enabled" });

  function rotate({ id }: Webhook): void {
    const keyOf = createKeys();
    const form = openDialog("rotate-dialog", session, async () => {
      const rotation = { grace_period: Number(grace.value) };
      const options = { idempotencyKey: keyOf(rotation) };
      const { secret, ...webhook } = await change(() => client.webhooks.rotate(id, rotation, options));
      const until = dateTime(now() + rotation.grace_period);
      return () => {
        onChange(webhook, null);
        const note = rotation.grace_period === 0 ? "" : `The old secret also signs until ${until}.`;
        showSecret("The new secret", secret, note);
      };
    });
    const grace = form.elements.namedItem("grace_period") as HTMLSelectElement;
  }

  function remove(webhook: Webhook): void {
    byId("delete-title").textContent = `Delete ${nameOf(webhook)}?`;
    openDialog("delete-dialog", session, async () => {
      await change(() => client.webhooks.delete(webhook.id));
      return () => onDelete(webhook);
    });
  }

  function showSecret(title: string, secret: string, note: string): void {
    const field = byId<HTMLTextAreaElement>("secret");
    const copied = byId("copied");
    byId("secret-title").textContent = title;
    field.value = secret;
    copied.textContent = note;
    openDialog("secret-dialog", session, async () => () => {});
    byId<HTMLDialogElement>("secret-dialog").onclose = () => {
      field.value = "";
    };
    byId("copy").onclick = async () => {
      field.select();
      const done = await navigator.clipboard.writeText(secret).then(
        () => "Copied.",
        () => "The browser did not allow it. The secret is selected: copy it with the keyboard.",
      );
      copied.textContent = `${done} ${note}`;
    };
  }

  return { create, edit, replay, restart, rotate, remove };
}

/**
 * Idempotency keys: the same for the same attributes. After a failure, sending them again does nothing twice, and the
 * response has the same secret.
 */
function createKeys(): (attributes: object) => string {
  let last = { text: "", key: "" };
  return (attributes) => {
    const text = JSON.stringify(attributes);
    if (last.text !== text) last = { text, key: crypto.randomUUID() };
    return last.key;
  };
}

/** The position before the oldest event that the log has. */
async function beforeOldest(client: ConversationsClient): Promise<string> {
  try {
    const [oldest] = (await client.events.list({ limit: 1 })).data;
    if (oldest === undefined) return "now";
    // An id begins with nine hexadecimal digits, which number the events.
    const number = Number.parseInt(oldest.id.slice(0, 9), 16);
    return `${(number - 1).toString(16).padStart(9, "0")}0000000`;
  } catch (error) {
    if (error instanceof ConversationsError && error.code === "scope_insufficient")
      throw new Error("To find the oldest event, the token needs the scope `events:read`.");
    throw error;
  }
}
