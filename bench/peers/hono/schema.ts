// The tables for Drizzle. The indexes are those of migrations/.
import { sql } from "drizzle-orm";
import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const tokens = sqliteTable("tokens", {
  hash: text().primaryKey(),
  accountId: integer("account_id").notNull(),
  scopes: integer().notNull(),
  expiresAt: integer("expires_at"),
  revokedAt: integer("revoked_at"),
});

export const conversations = sqliteTable(
  "conversations",
  {
    accountId: integer("account_id").notNull(),
    id: text().notNull(),
    contactId: text("contact_id"),
    groupId: text("group_id"),
    pinnedMessageId: text("pinned_message_id"),
    isPinned: integer("is_pinned", { mode: "boolean" }).notNull().default(false),
    isMuted: integer("is_muted", { mode: "boolean" }).notNull().default(false),
    lastActiveMs: integer("last_active_ms"),
    lastOpenedMs: integer("last_opened_ms"),
    lastReceivedMs: integer("last_received_ms"),
    createdAt: integer("created_at").notNull(),
    archivedAt: integer("archived_at"),
    changedBy: text("changed_by"),
    tag: text().generatedAlwaysAs(sql`coalesce(changed_by, id)`),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.id] })],
);

export const messages = sqliteTable(
  "messages",
  {
    accountId: integer("account_id").notNull(),
    conversationId: text("conversation_id").notNull(),
    id: text().notNull(),
    contactId: text("contact_id"),
    message: text().notNull(),
    readAt: integer("read_at"),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at"),
    changedBy: text("changed_by"),
    tag: text().generatedAlwaysAs(sql`coalesce(changed_by, id)`),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.conversationId, table.id] })],
);

/** A conversation as the API shows it. */
export const conversationColumns = {
  id: conversations.id,
  contact_id: conversations.contactId,
  group_id: conversations.groupId,
  pinned_message_id: conversations.pinnedMessageId,
  is_pinned: conversations.isPinned,
  is_muted: conversations.isMuted,
  last_active_at: sql<number | null>`${conversations.lastActiveMs} / 1000`,
  last_opened_at: sql<number | null>`${conversations.lastOpenedMs} / 1000`,
  created_at: conversations.createdAt,
  archived_at: conversations.archivedAt,
};

/** A message as the API shows it. */
export const messageColumns = {
  id: messages.id,
  conversation_id: messages.conversationId,
  contact_id: messages.contactId,
  message: messages.message,
  read_at: messages.readAt,
  created_at: messages.createdAt,
  updated_at: messages.updatedAt,
};
