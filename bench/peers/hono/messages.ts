// /v1/messages
import { and, asc, desc, eq, gt, lt } from "drizzle-orm";
import { Hono } from "hono";
import type { App } from "./app.ts";
import { authenticate } from "./auth.ts";
import { ApiError, missing } from "./errors.ts";
import { newId } from "./ids.ts";
import { respond, show } from "./paging.ts";
import { conversations, messageColumns, messages } from "./schema.ts";
import { body, messagesQuery, newMessage, query } from "./validation.ts";

const tagged = { ...messageColumns, tag: messages.tag };

export default new Hono<App>()
  .get("/", authenticate("messages:read"), async (c) => {
    const page = query(c, messagesQuery);
    const rows = await c
      .get("db")
      .select(messageColumns)
      .from(messages)
      .where(
        and(
          eq(messages.accountId, c.get("accountId")),
          page.conversation_id === undefined ? undefined : eq(messages.conversationId, page.conversation_id),
          page.starting_after === undefined ? undefined : lt(messages.id, page.starting_after),
          page.ending_before === undefined ? undefined : gt(messages.id, page.ending_before),
        ),
      )
      .orderBy(page.ending_before === undefined ? desc(messages.id) : asc(messages.id))
      .limit(page.limit + 1);
    return respond(c, page, rows);
  })

  // Adds the message and updates its conversation, in one transaction. The foreign key refuses a conversation that does
  // not exist.
  .post("/", authenticate("messages:write"), async (c) => {
    const { conversation_id, contact_id, message } = await body(c, newMessage);
    const accountId = c.get("accountId");
    const now = Date.now();
    const db = c.get("db");
    const [[created]] = await db
      .batch([
        db
          .insert(messages)
          .values({
            accountId,
            conversationId: conversation_id,
            id: newId(),
            contactId: contact_id ?? null,
            message,
            createdAt: Math.floor(now / 1000),
          })
          .returning(tagged),
        db
          .update(conversations)
          .set({
            lastActiveMs: now,
            ...(contact_id == null ? { lastOpenedMs: now } : { lastReceivedMs: now }),
            changedBy: c.get("requestId"),
          })
          .where(and(eq(conversations.accountId, accountId), eq(conversations.id, conversation_id))),
      ])
      .catch((error: unknown) => {
        if (!/FOREIGN KEY/.test(String((error as Error).cause ?? error))) throw error;
        throw new ApiError(
          404,
          "resource_missing",
          "`conversation_id` names no conversation that exists; it may have been deleted.",
          "conversation_id",
        );
      });
    c.header("Location", `/v1/messages/${created!.id}`);
    return show(c, created!, 201);
  })

  .get("/:id", authenticate("messages:read"), async (c) => {
    const message = await c
      .get("db")
      .select(tagged)
      .from(messages)
      .where(and(eq(messages.accountId, c.get("accountId")), eq(messages.id, c.req.param("id"))))
      .get();
    if (!message) throw missing("message");
    return show(c, message);
  });
