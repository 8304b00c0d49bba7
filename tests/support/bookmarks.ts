// With read replicas every request of the tests sends the newest bookmark that was seen, of a response or of a statement
// past the Worker: so every test is also one of reading what was written, from replicas that lag.

import { COPIES, home } from "./configuration.ts";

const HEADER = "x-d1-bookmark";
let newest = "";

/** Remembers the bookmark of a response. */
export function keep(bookmark: unknown): void {
  // All are of one database, and sort as text.
  if (typeof bookmark === "string" && bookmark > newest) newest = bookmark;
}

/** Remembers the state that statements past the Worker have left. */
export const keepState = (state: string | undefined) => state && keep(`${home.number}.${state}`);

/** The headers of a request, with the newest bookmark unless they have one. An empty one stands for none. */
export function fresh<Headers extends Record<string, unknown>>(headers: Headers): Headers {
  if (COPIES === 0) return headers;
  const sent: Record<string, unknown> = { [HEADER]: newest, ...headers };
  if (sent[HEADER] === "") delete sent[HEADER];
  return sent as Headers;
}
