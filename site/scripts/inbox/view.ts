// What the page shows, as its URL: the filters and the search of the list, the conversation that is open, and the
// position in both. So every view can be reloaded, linked and left with Back.

/** The names of the filters, as the API has them. */
export const FILTERS = ["unread", "pinned", "muted", "archived"] as const;
export type Filter = (typeof FILTERS)[number];

export interface View {
  /** The filters that are on. */
  filters: Filter[];
  /** The id of a contact or a group. Empty for all conversations. */
  search: string;
  /** The number of the first visible row of the list, from 0. */
  row: number;
  /** The id of the conversation that is open. */
  conversation: string | null;
  /** The id of the first visible message. Null if the thread is at its end. */
  message: string | null;
}

/** A reload restores no position after this row: each hundred rows are a request. */
const MAX_ROW = 1000;

/** The view of a URL. What it can't mean is ignored. */
export function viewOf({ searchParams }: URL): View {
  const row = Number(searchParams.get("row") ?? 0);
  const conversation = searchParams.get("conversation") || null;
  return {
    filters: FILTERS.filter((name) => searchParams.get(name) === "true"),
    search: searchParams.get("search") ?? "",
    row: Number.isInteger(row) && row > 0 ? Math.min(row, MAX_ROW) : 0,
    conversation,
    message: conversation === null ? null : searchParams.get("message") || null,
  };
}

/** The URL of a view, relative to the site. */
export function urlOf({ filters, search, row, conversation, message }: View): string {
  const query = new URLSearchParams(filters.map((name) => [name, "true"]));
  if (search !== "") query.set("search", search);
  if (row > 0) query.set("row", String(row));
  if (conversation !== null) query.set("conversation", conversation);
  if (conversation !== null && message !== null) query.set("message", message);
  return query.size === 0 ? "/inbox" : `/inbox?${query}`;
}

/** Whether two views have the same list. */
export const hasSameList = (a: View, b: View): boolean =>
  a.search === b.search && String(a.filters) === String(b.filters);
