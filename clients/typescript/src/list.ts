// Lists, object by object or page by page. The URLs of further pages come from the API's `Link` header.

import { Call, type WithResponse } from "./call.ts";
import type { CallOptions, Http } from "./http.ts";
import type { TotalCount } from "./types.ts";

/** A page of a list. */
export interface Page<T> {
  /** The objects, in the order of the list. */
  data: T[];
  /** Whether there are more objects in the direction of the request. */
  has_more: boolean;
  /** The number of all matching objects. Only with `include: ["total_count"]`. */
  total_count?: TotalCount;
  /** Gets the next page. Null if there is none. */
  next: ((options?: CallOptions) => Call<this>) | null;
  /** Gets the previous page. Null if there is none, and on the first page. */
  prev: ((options?: CallOptions) => Call<this>) | null;
}

/** A page with the number of all matching objects. */
export interface CountedPage<T> extends Page<T> {
  total_count: TotalCount;
}

/**
 * A list. It sends no request until it is used. `await` returns its first page. `for await` returns all objects, and
 * gets a page when it needs one. With `ending_before`, `for await` goes from that cursor to the first object of the
 * list.
 */
export class List<T, P extends Page<T> = Page<T>> extends Call<P> implements AsyncIterable<T> {
  readonly #isBackwards: boolean;

  /** Use the `list` methods of the client instead. */
  constructor(http: Http, path: string, query: Record<string, unknown>, options: CallOptions) {
    super(once(() => getPage<P>(http, path, query, options).withResponse()));
    this.#isBackwards = query.ending_before !== undefined;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (let page: P | undefined = await this; page !== undefined; ) {
      yield* this.#isBackwards ? page.data.toReversed() : page.data;
      page = await (this.#isBackwards ? page.prev : page.next)?.();
    }
  }
}

function getPage<P>(
  http: Http,
  path: string,
  query: Record<string, unknown> | URLSearchParams,
  options: CallOptions,
): Call<P> {
  return http.call({ ...options, method: "GET", path, query }, (page, headers) => {
    const links = linksOf(headers);
    const follow = (relation: string) => {
      const query = links.get(relation);
      if (query === undefined) return null;
      return (changed: CallOptions = {}) => getPage<P>(http, path, query, { ...options, ...changed });
    };
    return { ...page, next: follow("next"), prev: follow("prev") };
  });
}

/** The function, which now runs once at most: a list that is used again has its first page already. */
export function once<T>(get: () => Promise<WithResponse<T>>): () => Promise<WithResponse<T>> {
  let outcome: Promise<WithResponse<T>> | undefined;
  return () => {
    outcome ??= get();
    return outcome;
  };
}

/**
 * The query parameters of the URLs in a `Link` header, by relation. The rest of the URLs is not used. So the token goes
 * only to `baseUrl`, and a proxy in front of the API need not rewrite the links.
 */
export function linksOf(headers: Headers): Map<string, URLSearchParams> {
  const found = (headers.get("link") ?? "").matchAll(/<[^>?]*\?([^>]*)>; *rel="(\w+)"/g);
  return new Map([...found].map(([, query, relation]) => [relation!, new URLSearchParams(query)]));
}
