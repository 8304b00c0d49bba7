// The part of the API that is measured, as a TypeScript team would write it: Hono for the routes, zod for validation,
// Drizzle for the database. Nothing here is slower than such a project needs. Before each measurement its responses are
// compared with those of this project's Worker.
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { requestId } from "hono/request-id";
import type { App } from "./app.ts";
import conversations from "./conversations.ts";
import { ApiError, onError } from "./errors.ts";
import { limitFailures } from "./limits.ts";
import { logger } from "./logger.ts";
import messages from "./messages.ts";

const app = new Hono<App>();

app.use(requestId());
app.use(logger);
app.use(
  cors({
    origin: "*",
    exposeHeaders: [
      "Allow",
      "ETag",
      "Link",
      "Location",
      "RateLimit-Policy",
      "Retry-After",
      "WWW-Authenticate",
      "X-Request-Id",
    ],
  }),
);
app.use(limitFailures);
app.use(async (c, next) => {
  c.set("db", drizzle(c.env.DB));
  c.header("Cache-Control", "private, no-cache");
  await next();
});
app.route("/v1/conversations", conversations);
app.route("/v1/messages", messages);
app.notFound(() => {
  throw new ApiError(404, "path_unknown", "No endpoint has this path.");
});
app.onError(onError);

export default app;
