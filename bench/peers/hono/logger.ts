// One structured line in the log for each request.
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import type { App } from "./app.ts";

export const logger = createMiddleware<App>(async (c, next) => {
  await next();
  console.log(
    JSON.stringify({
      request_id: c.get("requestId"),
      method: c.req.method,
      route: routePath(c, -1),
      status: c.res.status,
      account: c.get("accountId") ?? null,
    }),
  );
});
