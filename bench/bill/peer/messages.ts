// /v1/messages: what a message cycle needs.
import { and, asc, desc, eq, gt, lt } from "drizzle-orm";
import { Hono } from "hono";
import type { App } from "../../peers/hono/app.ts";
import { authenticate } from "../../peers/hono/auth.ts";
import { missing } from "../../peers/hono/errors.ts";
import { newId } from "../../peers/hono/ids.ts";
import { respond } from "../../peers/hono/paging.ts";
import { body, messagesQuery, newMessage, query } from "../../peers/hono/validation.ts";
import { conversations, events, messageColumns, messages } from "./schema.ts";

export default new Hono<App>()
  .get("/", authenticate("messages:read"), async (c) => {
    const wanted = query(c, messagesQuery);
    const rows = await c
      .get("db")
      .select(messageColumns)
      .from(messages)
      .where(
        and(
          eq(messages.accountId, c.get("accountId")),
          wanted.conversation_id === undefined ? undefined : eq(messages.conversationId, wanted.conversation_id),
          wanted.starting_after === undefined ? undefined : lt(messages.id, wanted.starting_after),
          wanted.ending_before === undefined ? undefined : gt(messages.id, wanted.ending_before),
        ),
      )
      .orderBy(wanted.ending_before === undefined ? desc(messages.id) : asc(messages.id))
      .limit(wanted.limit + 1);
    return respond(c, wanted, rows);
  })

  // Adds the message and its event, and updates its conversation, in one transaction.
  .post("/", authenticate("messages:write"), async (c) => {
    const { conversation_id, contact_id, message } = await body(c, newMessage);
    const accountId = c.get("accountId");
    const now = Date.now();
    const id = newId();
    const db = c.get("db");
    const one = and(eq(conversations.id, conversation_id), eq(conversations.accountId, accountId));
    const conversation = await db.select({ id: conversations.id }).from(conversations).where(one).get();
    if (!conversation) throw missing("conversation");
    const [[created]] = await db.batch([
      db
        .insert(messages)
        .values({
          accountId,
          conversationId: conversation_id,
          id,
          contactId: contact_id ?? null,
          message,
          createdAt: now,
        })
        .returning(messageColumns),
      db
        .update(conversations)
        .set({ lastActiveAt: now, lastOpenedAt: contact_id == null ? now : undefined })
        .where(one),
      db.insert(events).values({
        accountId,
        type: "message.created",
        conversationId: conversation_id,
        messageId: id,
        requestId: c.get("requestId"),
        createdAt: now,
      }),
    ]);
    return c.json(created!, 201);
  });
