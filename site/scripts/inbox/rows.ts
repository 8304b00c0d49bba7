// The conversations that the list knows, in its order: pinned ones first, then by activity. The API has no such list,
// so this merges the lists that it has: pinned and not pinned, and for a search those of the contact and of the group.
//
// A list is loaded page by page. What comes after the end of a list that has more is not shown, also if another list or
// a live change has it already: something that is not loaded yet may belong before it.

import type {
  ConversationFilters,
  ConversationsClient,
  ConversationWith,
  Message,
  Page,
} from "../../../clients/typescript/src/index.ts";
import { type Conversation, isUnread } from "./conversation.ts";
import type { View } from "./view.ts";

export interface Row {
  conversation: Conversation;
  /** The last message. Null if there is none, undefined if it is not known. */
  last: Message | null | undefined;
  /** The order of conversations that were active in the same second: the API's order is finer than its times. */
  order: number;
}

type Listed = ConversationWith<["last_message"]>;

interface Source {
  filters: ConversationFilters;
  /** Gets the next page. Null if everything is loaded. */
  next: Page<Listed>["next"];
  /** The last row that was loaded, as it was then. */
  end: Row | null;
}

/** How many conversations a request asks for, and at most. */
const PAGE = 30;
const MAX_PAGE = 100;
/** The ids that contacts and groups can have. */
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const INCLUDE = { include: ["last_message"] } as const;

export class Rows {
  readonly #client: ConversationsClient;
  readonly #view: Pick<View, "filters" | "search">;
  readonly #rows = new Map<string, Row>();
  #sources: Source[] = [];
  /** Earlier pages are before later ones, and what was active last is before everything. */
  #lowest = 0;
  #highest = 0;
  /** An unread conversation that is opened stays in the list of unread ones until it is closed. */
  kept: string | null = null;

  constructor(client: ConversationsClient, view: Pick<View, "filters" | "search">) {
    this.#client = client;
    this.#view = view;
  }

  /** Loads the first pages: at least `count` rows, if there are so many. */
  async load(count: number, signal: AbortSignal): Promise<void> {
    const limit = Math.min(Math.max(PAGE, count), MAX_PAGE);
    this.#sources = await Promise.all(
      this.#lists().map(async (filters): Promise<Source> => {
        const source = { filters, next: null, end: null };
        this.#add(source, await this.#client.conversations.list({ ...filters, ...INCLUDE, limit }, { signal }));
        return source;
      }),
    );
    while (this.hasMore && this.visible().length < count) await this.more(signal);
  }

  /** The filters of the lists that this one consists of. */
  #lists(): ConversationFilters[] {
    const { filters, search } = this.#view;
    const common: ConversationFilters = {
      sort: "last_active_at",
      archived: filters.includes("archived"),
      ...(filters.includes("unread") && { unread: true }),
      ...(filters.includes("muted") && { muted: true }),
    };
    // The API would refuse what can't be an id.
    const ids = ID.test(search) ? [{ contact_id: search }, { group_id: search }] : [];
    const searches: ConversationFilters[] = search === "" ? [{}] : ids;
    const pins = filters.includes("pinned") ? [true] : [true, false];
    return searches.flatMap((search) => pins.map((pinned) => ({ ...common, ...search, pinned })));
  }

  #add(source: Source, { data, next }: Page<Listed>): void {
    for (const listed of data) {
      const { last_message, ...conversation } = listed;
      this.#lowest -= 1;
      const row = { conversation, last: last_message, order: this.#lowest };
      this.#rows.set(conversation.id, row);
      source.end = row;
    }
    source.next = next;
  }

  /** How many conversations are known, also those that the filters do not match any more. */
  get size(): number {
    return this.#rows.size;
  }

  get hasMore(): boolean {
    return this.#sources.some(({ next }) => next !== null);
  }

  /** Loads until there is another visible row, or everything is loaded. */
  async more(signal: AbortSignal): Promise<void> {
    const before = this.visible().length;
    while (this.hasMore && this.visible().length <= before) {
      // The list that ends first hides the others' rows.
      const source = this.#sources.filter(({ next }) => next !== null).sort((a, b) => inOrder(a.end, b.end))[0]!;
      this.#add(source, await source.next!({ signal }));
    }
  }

  /** The rows to show, in their order. */
  visible(): Row[] {
    const ends = this.#sources.filter(({ next }) => next !== null).map(({ end }) => end);
    return [...this.#rows.values()]
      .filter((row) => this.#matches(row.conversation) && ends.every((end) => inOrder(row, end) <= 0))
      .sort(inOrder);
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  /** The new state of a conversation, and of its last message if that is known. */
  set(conversation: Conversation, last?: Message | null): void {
    const before = this.#rows.get(conversation.id);
    const isActive = before?.conversation.last_active_at !== conversation.last_active_at || last !== undefined;
    if (isActive) this.#highest += 1;
    this.#rows.set(conversation.id, {
      conversation,
      last: last === undefined ? before?.last : last,
      order: before !== undefined && !isActive ? before.order : this.#highest,
    });
  }

  /** The last message is another one, without any activity. */
  setLast(id: string, last: Message | null | undefined): void {
    const row = this.#rows.get(id);
    if (row !== undefined) this.#rows.set(id, { ...row, last });
  }

  delete(id: string): void {
    this.#rows.delete(id);
  }

  /** Whether the filters match a conversation. After a change they may no longer do. */
  #matches(conversation: Conversation): boolean {
    const { filters, search } = this.#view;
    const { id, contact_id, group_id, is_pinned, is_muted, archived_at } = conversation;
    return (
      filters.includes("archived") === (archived_at !== null) &&
      (!filters.includes("pinned") || is_pinned) &&
      (!filters.includes("muted") || is_muted) &&
      (!filters.includes("unread") || isUnread(conversation) || id === this.kept) &&
      (search === "" || search === contact_id || search === group_id)
    );
  }
}

/** Negative if the first one comes before the second. Nothing comes before a list of which no row is loaded. */
function inOrder(a: Row | null, b: Row | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  const [x, y] = [a.conversation, b.conversation];
  if (x.is_pinned !== y.is_pinned) return x.is_pinned ? -1 : 1;
  if (x.last_active_at !== y.last_active_at) return (y.last_active_at ?? -1) - (x.last_active_at ?? -1);
  // Those that were never active are in the order of their ids.
  if (x.last_active_at === null) return x.id === y.id ? 0 : x.id > y.id ? -1 : 1;
  return b.order - a.order;
}
