// An account of 50,000 conversations, stored by SQL and known to the tests: what a page must hold is worked out here.

import type { Account } from "./accounts.ts";
import { sql } from "./database.ts";

export const COUNT = 50_000;

/** The n-th conversation as `fill` stores it. Ids sort by n; times of activity don't, and many have the same. */
export interface Stored {
  id: string;
  contact_id: string | null;
  group_id: string | null;
  pinned: boolean;
  muted: boolean;
  archived: boolean;
  unread: boolean;
  last_active_at: number | null;
}

function stored(n: number): Stored {
  const last_active_at = n % 9 === 0 ? null : 700_000_000 + ((n * 7919) % 20_011);
  const last_opened_at = n % 5 === 1 ? null : n % 13 === 2 ? last_active_at : 700_000_000 + ((n * 6271) % 20_021);
  return {
    id: String(n + 1).padStart(16, "0"),
    contact_id: n % 5 === 0 ? null : `contact-${n % 19}`,
    group_id: n % 5 === 0 || n % 2 === 0 ? `group-${n % 7}` : null,
    pinned: (n >> 2) % 2 === 0,
    muted: (n >> 3) % 3 === 0,
    // The newest half isn't archived at all: some combinations start far from the first page of everything.
    archived: n < COUNT / 2 && n % 11 !== 0,
    unread: last_opened_at === null || (last_active_at !== null && last_active_at > last_opened_at),
    last_active_at,
  };
}

/** Newest first. */
export const STORED: Stored[] = Array.from({ length: COUNT }, (_, n) => stored(n)).reverse();
/** Most recently active first, the never active last; of the same second the newer first. */
export const BY_ACTIVITY: Stored[] = [...STORED].sort((a, b) => (b.last_active_at ?? -1) - (a.last_active_at ?? -1));

export async function fill(holder: Account, count: number): Promise<void> {
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2),
       active (n, at) AS (SELECT n, iif(n % 9 = 0, NULL, 700000000 + (n * 7919) % 20011) FROM numbers)
     INSERT INTO conversations
       (account_id, id, contact_id, group_id, is_pinned, is_muted, archived_at, created_at,
        last_active_ms, last_received_ms, last_opened_ms)
     SELECT ?1, printf('%016d', n + 1),
            iif(n % 5 = 0, NULL, 'contact-' || (n % 19)),
            iif(n % 5 = 0 OR n % 2 = 0, 'group-' || (n % 7), NULL),
            (n >> 2) % 2 = 0,
            (n >> 3) % 3 = 0,
            iif(n < ${COUNT / 2} AND n % 11 <> 0, 705103200, NULL),
            692233200,
            1000 * at,
            1000 * at,
            1000 * iif(n % 5 = 1, NULL, iif(n % 13 = 2, at, 700000000 + (n * 6271) % 20021)) + 999
     FROM active`,
    holder.id,
    count,
  );
}

/** Stores messages in a conversation: ids are numbers from `first` on. */
export async function fillMessages(holder: Account, conversation: string, count: number, first = 1): Promise<void> {
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT ?4 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?4 + ?3)
     INSERT INTO messages (account_id, conversation_id, id, contact_id, message, created_at)
     SELECT ?1, ?2, printf('%016d', n), iif(n % 2, 'someone', NULL), 'Message ' || n, 692233200 + n FROM numbers`,
    holder.id,
    conversation,
    count,
    first,
  );
}

/** Stores messages with the same text, the first with id 1. */
export async function fillTexts(holder: Account, conversation: string, count: number, message: string): Promise<void> {
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
     INSERT INTO messages (account_id, conversation_id, id, message, created_at)
     SELECT ?, ?, printf('%016d', n), ?, 0 FROM numbers`,
    count,
    holder.id,
    conversation,
    message,
  );
}

type Filters = Partial<Record<keyof Stored, string | boolean>>;

const CHOICES = [undefined, true, false];
const combinations = (choices: Filters[]): Filters[] =>
  choices.map((choice) => Object.fromEntries(Object.entries(choice).filter(([, value]) => value !== undefined)));

/** All 27 combinations of the three flags. */
export const FLAGS: Filters[] = combinations(
  CHOICES.flatMap((muted) => CHOICES.flatMap((archived) => CHOICES.map((pinned) => ({ muted, archived, pinned })))),
);
export const UNREAD: Filters[] = combinations(CHOICES.map((unread) => ({ unread })));
export const REFERENCES: Filters[] = [
  {},
  { group_id: "group-3" },
  { contact_id: "contact-1" },
  { contact_id: "contact-2", group_id: "group-4" },
];

export const queryOf = (filters: Filters): string =>
  Object.entries(filters)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
