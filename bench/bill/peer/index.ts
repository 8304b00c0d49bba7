// The peer of the bill: the endpoints of a message cycle with Hono, zod and Drizzle, as in ../../peers/hono, but with
// tables of its own. Authentication, validation, pages and errors are those of ../../peers/hono.
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { requestId } from "hono/request-id";
import type { App } from "../../peers/hono/app.ts";
import { onError } from "../../peers/hono/errors.ts";
import conversations from "./conversations.ts";
import messages from "./messages.ts";

const app = new Hono<App>();
app.use(requestId());
app.use(async (c, next) => {
  c.set("db", drizzle(c.env.DB));
  await next();
});
app.route("/v1/conversations", conversations);
app.route("/v1/messages", messages);
app.onError(onError);

export default app;
