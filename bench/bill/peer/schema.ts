// The tables of the peer, as a careful team would define them in Drizzle for the features of this API. Its rule: every
// list that has no filter or one filter has an index, so that a page does not read the whole account. Where most
// conversations match a filter, a list without it is good enough. Ids are text, as in the API, and the primary key, as
// is usual in Drizzle. `sqliteTable` can only make tables with a rowid, so each key is an index of its own. Times are
// milliseconds.
//
// migrations/ is generated, with line breaks added: `npx drizzle-kit generate --dialect sqlite
// --schema bench/bill/peer/schema.ts --out bench/bill/peer/migrations`
import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const accounts = sqliteTable("accounts", {
  id: integer().primaryKey(),
  name: text().notNull().unique(),
});

/** The account of a row. Every query has it in its condition, so that no account sees the rows of another. */
const accountId = () =>
  integer("account_id")
    .notNull()
    .references(() => accounts.id, { onDelete: "cascade" });

export const tokens = sqliteTable("tokens", {
  // Authentication looks a token up by its hash.
  hash: text().primaryKey(),
  accountId: accountId(),
  scopes: integer().notNull(),
  expiresAt: integer("expires_at"),
  revokedAt: integer("revoked_at"),
});

export const conversations = sqliteTable(
  "conversations",
  {
    id: text().primaryKey(),
    accountId: accountId(),
    contactId: text("contact_id"),
    groupId: text("group_id"),
    pinnedMessageId: text("pinned_message_id"),
    isPinned: integer("is_pinned", { mode: "boolean" }).notNull().default(false),
    isMuted: integer("is_muted", { mode: "boolean" }).notNull().default(false),
    // 0 if there was no activity, so that a cursor can be compared with it.
    lastActiveAt: integer("last_active_at").notNull().default(0),
    lastOpenedAt: integer("last_opened_at"),
    createdAt: integer("created_at").notNull(),
    archivedAt: integer("archived_at"),
    isUnread: integer("is_unread", { mode: "boolean" }).generatedAlwaysAs(
      sql`last_opened_at is null or last_active_at > last_opened_at`,
      { mode: "virtual" },
    ),
  },
  (table) => [
    // Newest first.
    index("conversations_by_account").on(table.accountId, table.id),
    // `sort=last_active_at`, archived or not.
    index("conversations_by_activity").on(table.accountId, table.lastActiveAt, table.id),
    // `sort=last_active_at&archived=false`, the list that is read most. Archived conversations become the most with
    // time. Without this index a short inbox would read them all.
    index("conversations_inbox").on(table.accountId, table.lastActiveAt, table.id).where(sql`archived_at is null`),
    // `unread=true`, which an inbox shows in order of activity.
    index("conversations_unread").on(table.accountId, table.lastActiveAt, table.id).where(sql`is_unread`),
    // `archived=true`, `pinned=true` and `muted=true`.
    index("conversations_archived").on(table.accountId, table.id).where(sql`archived_at is not null`),
    index("conversations_pinned").on(table.accountId, table.id).where(sql`is_pinned`),
    index("conversations_muted").on(table.accountId, table.id).where(sql`is_muted`),
    // `contact_id`. A contact has few conversations: the order of activity needs no index.
    index("conversations_by_contact").on(table.accountId, table.contactId, table.id).where(sql`contact_id is not null`),
    // `group_id`, in both orders: a group has many.
    index("conversations_by_group").on(table.accountId, table.groupId, table.id).where(sql`group_id is not null`),
    index("conversations_by_group_activity")
      .on(table.accountId, table.groupId, table.lastActiveAt, table.id)
      .where(sql`group_id is not null`),
  ],
);

export const messages = sqliteTable(
  "messages",
  {
    id: text().primaryKey(),
    accountId: accountId(),
    conversationId: text("conversation_id")
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    contactId: text("contact_id"),
    message: text().notNull(),
    readAt: integer("read_at"),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at"),
  },
  (table) => [
    // All messages of the account.
    index("messages_by_account").on(table.accountId, table.id),
    // `conversation_id`, and the deletion of a conversation. With the account, because SQLite otherwise takes the index
    // above for the list.
    index("messages_by_conversation").on(table.conversationId, table.accountId, table.id),
  ],
);

/** The log of changes. The rowid is the order of the database. */
export const events = sqliteTable(
  "events",
  {
    id: integer().primaryKey(),
    accountId: accountId(),
    type: text().notNull(),
    conversationId: text("conversation_id").notNull(),
    messageId: text("message_id"),
    requestId: text("request_id").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  // The events of the account, oldest first.
  (table) => [index("events_by_account").on(table.accountId, table.id)],
);

const seconds = (column: unknown) => sql<number | null>`${column} / 1000`;

/** A conversation as the API shows it. */
export const conversationColumns = {
  id: conversations.id,
  contact_id: conversations.contactId,
  group_id: conversations.groupId,
  pinned_message_id: conversations.pinnedMessageId,
  is_pinned: conversations.isPinned,
  is_muted: conversations.isMuted,
  last_active_at: seconds(sql`nullif(${conversations.lastActiveAt}, 0)`),
  last_opened_at: seconds(conversations.lastOpenedAt),
  created_at: seconds(conversations.createdAt),
  archived_at: seconds(conversations.archivedAt),
};

/** A message as the API shows it. */
export const messageColumns = {
  id: messages.id,
  conversation_id: messages.conversationId,
  contact_id: messages.contactId,
  message: messages.message,
  read_at: seconds(messages.readAt),
  created_at: seconds(messages.createdAt),
  updated_at: seconds(messages.updatedAt),
};
