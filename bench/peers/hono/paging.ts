// Responses with one row and its entity tag, and with a page of rows and links to the pages around it.
import type { Context } from "hono";

export interface Page {
  limit: number;
  starting_after?: string | undefined;
  ending_before?: string | undefined;
}

/** The response with one row. Its tag is only in the ETag header. */
export function show(c: Context, { tag, ...object }: { tag: string | null }, status: 200 | 201 = 200): Response {
  c.header("ETag", `"${tag}"`);
  return c.json(object, status);
}

/** The response with a page. `rows` has one more than the limit if there are more. */
export function respond(c: Context, page: Page, rows: { id: string }[]): Response {
  const hasMore = rows.length > page.limit;
  const data = rows.slice(0, page.limit);
  const backwards = page.ending_before !== undefined;
  if (backwards) data.reverse();

  const link = (rel: string, cursor: string, id: string) => {
    const url = new URL(c.req.url);
    url.searchParams.delete("starting_after");
    url.searchParams.delete("ending_before");
    url.searchParams.set("limit", String(page.limit));
    url.searchParams.set(cursor, id);
    return `<${url}>; rel="${rel}"`;
  };
  const links: string[] = [];
  const first = data[0];
  const last = data.at(-1);
  if (last && (hasMore || backwards)) links.push(link("next", "starting_after", last.id));
  if (first && (backwards ? hasMore : page.starting_after !== undefined))
    links.push(link("prev", "ending_before", first.id));
  if (links.length > 0) c.header("Link", links.join(", "));
  return c.json({ has_more: hasMore, data });
}
