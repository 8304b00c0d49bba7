// The title of the document: the number of unread conversations, and what is open.

import type { ConversationsClient } from "../../../clients/typescript/src/index.ts";

export interface Title {
  /** Counts the unread conversations again, because something has changed. */
  count: () => void;
  /** The name of what is open. */
  show: (name: string | null) => void;
}

const PAGE = "Inbox";
const SITE = "Conversations API";
/** The shortest time between two counts: a count can read a thousand rows. */
const INTERVAL_MS = 1_000;

export function createTitle(client: ConversationsClient, signal: AbortSignal): Title {
  let unread = "";
  let open: string | null = null;
  let isCounting = false;
  let hasChanged = false;

  function render(): void {
    const name = open === null ? `${PAGE} – ${SITE}` : `${open} – ${PAGE}`;
    document.title = unread === "" ? name : `(${unread}) ${name}`;
  }

  /** Counts, and again if something has changed since: the last count is of the last state. */
  async function count(): Promise<void> {
    hasChanged = true;
    if (isCounting) return;
    isCounting = true;
    while (hasChanged && !signal.aborted) {
      hasChanged = false;
      try {
        const filters = { unread: true, archived: false, include: ["total_count"], limit: 1 } as const;
        const { total_count } = await client.conversations.list(filters, { signal });
        unread = total_count.value === 0 ? "" : String(total_count.value);
        if (total_count.relation === "gte") unread += "+";
      } catch {
        // The title keeps the number that it had.
      }
      if (!signal.aborted) render();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
    isCounting = false;
  }

  signal.addEventListener("abort", () => {
    document.title = `${PAGE} – ${SITE}`;
  });

  return {
    count: () => void count(),
    show: (name) => {
      open = name;
      render();
    },
  };
}
