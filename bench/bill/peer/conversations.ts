// /v1/conversations: what a message cycle needs, and what fills an account.
import { and, asc, desc, eq, isNotNull, isNull, not, type SQL, sql } from "drizzle-orm";
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { App } from "../../peers/hono/app.ts";
import { authenticate } from "../../peers/hono/auth.ts";
import { missing } from "../../peers/hono/errors.ts";
import { newId } from "../../peers/hono/ids.ts";
import { respond } from "../../peers/hono/paging.ts";
import { body, conversationChanges, conversationsQuery, newConversation, query } from "../../peers/hono/validation.ts";
import { conversationColumns, conversations, events } from "./schema.ts";

const write = authenticate("conversations:write");

/** The query string of a list. */
export const listQuery = conversationsQuery.safeExtend({
  unread: conversationsQuery.shape.muted,
  sort: z.enum(["created_at", "last_active_at"]).default("created_at"),
});

/** The rows of a page, and one more if there are more. */
export function page(db: App["Variables"]["db"], accountId: number, wanted: z.output<typeof listQuery>) {
  const order = wanted.sort === "last_active_at" ? [conversations.lastActiveAt, conversations.id] : [conversations.id];
  const position = sql.join(order, sql`, `);
  const cursor = (id: string) =>
    wanted.sort === "last_active_at"
      ? db
          .select({ at: conversations.lastActiveAt, id: conversations.id })
          .from(conversations)
          .where(and(eq(conversations.accountId, accountId), eq(conversations.id, id)))
      : sql`(${id})`;
  return db
    .select(conversationColumns)
    .from(conversations)
    .where(
      and(
        eq(conversations.accountId, accountId),
        flag(sql`${conversations.isMuted}`, wanted.muted),
        flag(sql`${conversations.isPinned}`, wanted.pinned),
        flag(sql`${conversations.isUnread}`, wanted.unread),
        wanted.archived === undefined ? undefined : (wanted.archived ? isNotNull : isNull)(conversations.archivedAt),
        wanted.group_id === undefined ? undefined : eq(conversations.groupId, wanted.group_id),
        wanted.contact_id === undefined ? undefined : eq(conversations.contactId, wanted.contact_id),
        wanted.starting_after === undefined ? undefined : sql`(${position}) < ${cursor(wanted.starting_after)}`,
        wanted.ending_before === undefined ? undefined : sql`(${position}) > ${cursor(wanted.ending_before)}`,
      ),
    )
    .orderBy(...order.map(wanted.ending_before === undefined ? desc : asc))
    .limit(wanted.limit + 1);
}

/** The column itself, not compared with a parameter: SQLite uses a partial index only for a condition that it knows. */
function flag(column: SQL, wanted: boolean | undefined): SQL | undefined {
  return wanted === undefined ? undefined : wanted ? column : not(column);
}

export default new Hono<App>()
  .get("/", authenticate("conversations:read"), async (c) => {
    const wanted = query(c, listQuery);
    return respond(c, wanted, await page(c.get("db"), c.get("accountId"), wanted));
  })

  .post("/", write, async (c) => {
    const { contact_id, group_id } = await body(c, newConversation);
    const id = newId();
    const db = c.get("db");
    const [[conversation]] = await db.batch([
      db
        .insert(conversations)
        .values({
          accountId: c.get("accountId"),
          id,
          contactId: contact_id ?? null,
          groupId: group_id ?? null,
          createdAt: Date.now(),
        })
        .returning(conversationColumns),
      logged(c, "conversation.created", id),
    ]);
    return c.json(conversation!, 201);
  })

  .put("/:id", write, async (c) => {
    const changes = await body(c, conversationChanges);
    const id = c.req.param("id");
    const db = c.get("db");
    const [[conversation]] = await db.batch([
      db
        .update(conversations)
        .set({
          pinnedMessageId: changes.pinned_message_id,
          isPinned: changes.is_pinned,
          isMuted: changes.is_muted,
          archivedAt: endOfSecond(changes.archived_at),
          lastOpenedAt: endOfSecond(changes.last_opened_at),
        })
        .where(and(eq(conversations.accountId, c.get("accountId")), eq(conversations.id, id)))
        .returning(conversationColumns),
      logged(c, "conversation.updated", id),
    ]);
    if (!conversation) throw missing("conversation");
    return c.json(conversation);
  });

/** Adds the event of a change of a conversation, if it is one of the account. */
function logged(c: Context<App>, type: string, id: string) {
  const db = c.get("db");
  return db.insert(events).select(
    db
      .select({
        id: sql<number>`null`.as("id"),
        accountId: conversations.accountId,
        type: sql<string>`${type}`.as("type"),
        conversationId: conversations.id,
        messageId: sql<null>`null`.as("message_id"),
        requestId: sql<string>`${c.get("requestId")}`.as("request_id"),
        createdAt: sql<number>`${Date.now()}`.as("created_at"),
      })
      .from(conversations)
      .where(and(eq(conversations.accountId, c.get("accountId")), eq(conversations.id, id))),
  );
}

/** The end of a second in milliseconds, or now: a message that comes later is unread. */
const endOfSecond = (seconds: number | null | undefined) =>
  typeof seconds === "number" ? Math.min(seconds * 1000 + 999, Date.now()) : seconds;
