// The schemas of queries and bodies in zod, and the functions that check them.
import type { Context } from "hono";
import { z } from "zod";
import { ApiError } from "./errors.ts";

const flag = z.enum(["true", "false"]).transform((word) => word === "true");
const id = z.string().regex(/^[0-9A-Za-z]{16}$/);
const reference = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const timestamp = z.coerce.number().int().min(0).max(253402300799);

const paging = {
  limit: z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(1).max(100)).default(10),
  starting_after: id.optional(),
  ending_before: id.optional(),
};
type Cursors = { starting_after?: string | undefined; ending_before?: string | undefined };
const oneCursor = (page: Cursors) => page.starting_after === undefined || page.ending_before === undefined;
const notBoth = {
  path: ["ending_before"],
  error: "`ending_before` can't be combined with `starting_after`. Send one of the two.",
};

export const conversationsQuery = z
  .strictObject({
    ...paging,
    muted: flag.optional(),
    archived: flag.optional(),
    pinned: flag.optional(),
    group_id: reference.optional(),
    contact_id: reference.optional(),
  })
  .refine(oneCursor, notBoth);
export const messagesQuery = z.strictObject({ ...paging, conversation_id: id.optional() }).refine(oneCursor, notBoth);

export const newConversation = z
  .strictObject({ contact_id: reference.nullish(), group_id: reference.nullish() })
  .refine((body) => body.contact_id != null || body.group_id != null, {
    path: ["contact_id"],
    error: "`contact_id` or `group_id` is required. Send at least one of them.",
  });
const formFlag = z.union([z.boolean(), flag]);
export const conversationChanges = z.strictObject({
  pinned_message_id: id.nullable().optional(),
  is_pinned: formFlag.optional(),
  is_muted: formFlag.optional(),
  archived_at: timestamp.nullable().optional(),
  last_opened_at: timestamp.nullable().optional(),
});
export const newMessage = z.strictObject({
  conversation_id: id,
  message: z.string().min(1).max(10_000),
  contact_id: reference.nullish(),
});

/** The query string, checked. */
export const query = <T extends z.ZodType>(c: Context, schema: T) => check(schema, c.req.query());

/** The body, form or JSON, checked. An empty value of a form is null. */
export async function body<T extends z.ZodType>(c: Context, schema: T): Promise<z.output<T>> {
  const type = c.req.header("Content-Type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/json") {
    const json: unknown = await c.req.json().catch(() => {
      throw new ApiError(400, "body_malformed", "The body must be one JSON object in UTF-8.");
    });
    return check(schema, json);
  }
  if (type === "application/x-www-form-urlencoded") {
    const form = Object.entries(await c.req.parseBody()).map(([name, value]) => [name, value === "" ? null : value]);
    return check(schema, Object.fromEntries(form));
  }
  throw new ApiError(415, "media_type_unsupported", "The body must be a form or JSON.");
}

function check<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const unknown = issue.code === "unrecognized_keys";
  const param = unknown ? issue.keys[0]! : String(issue.path[0] ?? "");
  throw new ApiError(400, unknown ? "parameter_unknown" : "parameter_invalid", issue.message, param || null);
}
