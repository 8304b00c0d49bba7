// Rate limits: middleware that counts failures to authenticate by address. Requests by token are counted where the
// token is known (auth.ts).
import { createMiddleware } from "hono/factory";
import type { App, Limit } from "./app.ts";
import { ApiError } from "./errors.ts";

export const limitFailures = createMiddleware<App>(async (c, next) => {
  await next();
  if (c.res.status !== 401) return;
  const { success } = await c.env.ADDRESS_LIMIT.limit({ key: c.req.header("CF-Connecting-IP") ?? "" });
  if (!success) throw limited("address", "requests without a valid token from this address", c.env.LIMITS.address);
});

export const limited = (by: string, what: string, { limit, period }: Limit) =>
  new ApiError(
    429,
    "rate_limited",
    `Too many ${what}: the limit is ${limit} in ${period} seconds. Wait for the seconds that Retry-After says.`,
    null,
    { "Retry-After": String(period), "RateLimit-Policy": `"${by}";q=${limit};w=${period}` },
  );
