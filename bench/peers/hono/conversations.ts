// /v1/conversations
import { and, asc, desc, eq, gt, isNotNull, isNull, lt, type SQL } from "drizzle-orm";
import { Hono } from "hono";
import type { App } from "./app.ts";
import { authenticate } from "./auth.ts";
import { ApiError, missing } from "./errors.ts";
import { newId } from "./ids.ts";
import { respond, show } from "./paging.ts";
import { conversationColumns, conversations } from "./schema.ts";
import { body, conversationChanges, conversationsQuery, newConversation, query } from "./validation.ts";

const read = authenticate("conversations:read");
const write = authenticate("conversations:write");
const tagged = { ...conversationColumns, tag: conversations.tag };
const one = (accountId: number, id: string) => and(eq(conversations.accountId, accountId), eq(conversations.id, id));

export default new Hono<App>()
  .get("/", read, async (c) => {
    const page = query(c, conversationsQuery);
    const filters: (SQL | undefined)[] = [eq(conversations.accountId, c.get("accountId"))];
    if (page.muted !== undefined) filters.push(eq(conversations.isMuted, page.muted));
    if (page.pinned !== undefined) filters.push(eq(conversations.isPinned, page.pinned));
    if (page.archived !== undefined) {
      filters.push(page.archived ? isNotNull(conversations.archivedAt) : isNull(conversations.archivedAt));
    }
    if (page.group_id !== undefined) filters.push(eq(conversations.groupId, page.group_id));
    if (page.contact_id !== undefined) filters.push(eq(conversations.contactId, page.contact_id));
    if (page.starting_after !== undefined) filters.push(lt(conversations.id, page.starting_after));
    if (page.ending_before !== undefined) filters.push(gt(conversations.id, page.ending_before));
    const rows = await c
      .get("db")
      .select(conversationColumns)
      .from(conversations)
      .where(and(...filters))
      .orderBy(page.ending_before === undefined ? desc(conversations.id) : asc(conversations.id))
      .limit(page.limit + 1);
    return respond(c, page, rows);
  })

  .post("/", write, async (c) => {
    const { contact_id, group_id } = await body(c, newConversation);
    const conversation = await c
      .get("db")
      .insert(conversations)
      .values({
        accountId: c.get("accountId"),
        id: newId(),
        contactId: contact_id ?? null,
        groupId: group_id ?? null,
        createdAt: Math.floor(Date.now() / 1000),
      })
      .returning(tagged)
      .get();
    c.header("Location", `/v1/conversations/${conversation.id}`);
    return show(c, conversation, 201);
  })

  .get("/:id", read, async (c) => {
    const conversation = await c
      .get("db")
      .select(tagged)
      .from(conversations)
      .where(one(c.get("accountId"), c.req.param("id")))
      .get();
    if (!conversation) throw missing("conversation");
    return show(c, conversation);
  })

  .on(["PUT", "PATCH"], "/:id", write, async (c) => {
    const changes = await body(c, conversationChanges);
    const where = one(c.get("accountId"), c.req.param("id"));
    const changed = {
      pinnedMessageId: changes.pinned_message_id,
      isPinned: changes.is_pinned,
      isMuted: changes.is_muted,
      archivedAt: changes.archived_at,
      lastOpenedMs: changes.last_opened_at == null ? changes.last_opened_at : openedAt(changes.last_opened_at),
      changedBy: c.get("requestId"),
    };
    const db = c.get("db");
    const conversation =
      Object.keys(changes).length > 0
        ? await db.update(conversations).set(changed).where(where).returning(tagged).get().catch(refusePin)
        : await db.select(tagged).from(conversations).where(where).get();
    if (!conversation) throw missing("conversation");
    return show(c, conversation);
  })

  .delete("/:id", write, async (c) => {
    const gone = await c
      .get("db")
      .delete(conversations)
      .where(one(c.get("accountId"), c.req.param("id")))
      .returning({ id: conversations.id })
      .get();
    if (!gone) throw missing("conversation");
    return c.body(null, 204);
  });

/** An earlier second means its end, the current one or a later one means now. */
const openedAt = (seconds: number) => Math.min(1000 * seconds + 999, Date.now());

/** The foreign key refuses to pin a message of another conversation. */
function refusePin(error: unknown): never {
  if (!/FOREIGN KEY/.test(String((error as Error).cause ?? error))) throw error;
  throw new ApiError(
    400,
    "parameter_invalid",
    "`pinned_message_id` must be the id of a message of this conversation, or null.",
    "pinned_message_id",
  );
}
