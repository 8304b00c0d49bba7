// Lists: walked through object by object, or taken page by page. The way on is the API's `Link` header.

import type { CallOptions, Http } from "./http.ts";

/** A page of a list. */
export interface Page<T> {
  /** The objects, in the list's order. */
  data: T[];
  /** Whether there are more in the direction travelled. */
  has_more: boolean;
  /** Gets the page of the objects after these; null when there are none. */
  next: ((options?: CallOptions) => Promise<Page<T>>) | null;
  /** Gets the page of the objects before these; null when there are none, and on the first page. */
  prev: ((options?: CallOptions) => Promise<Page<T>>) | null;
}

/**
 * A list, nothing of which has been asked for yet. `for await` walks through all of it, page after page as they are
 * needed; `page()` gets one page. With `ending_before` the walk goes the other way, from there to the newest.
 */
export class List<T> implements AsyncIterable<T> {
  readonly #http: Http;
  readonly #path: string;
  readonly #query: Record<string, unknown>;
  readonly #options: CallOptions;

  /** Made by the `list` methods. */
  constructor(http: Http, path: string, query: Record<string, unknown>, options: CallOptions) {
    this.#http = http;
    this.#path = path;
    this.#query = query;
    this.#options = options;
  }

  /** The page that the list's own parameters name. */
  page(options: CallOptions = {}): Promise<Page<T>> {
    return this.#get(this.#query, options);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    const backwards = this.#query.ending_before !== undefined;
    for (let page: Page<T> | undefined = await this.page(); page !== undefined; ) {
      yield* backwards ? page.data.toReversed() : page.data;
      page = await (backwards ? page.prev : page.next)?.();
    }
  }

  async #get(query: Record<string, unknown> | URLSearchParams, options: CallOptions): Promise<Page<T>> {
    const { headers, json } = await this.#http.call({
      method: "GET",
      path: this.#path,
      query,
      ...this.#options,
      ...options,
    });
    const links = parameters(headers.get("link"));
    const follow = (relation: string) => {
      const query = links.get(relation);
      return query === undefined ? null : (options: CallOptions = {}) => this.#get(query, options);
    };
    return { ...json, next: follow("next"), prev: follow("prev") };
  }
}

/**
 * The parameters of the pages that a `Link` header leads to, by their relation. No more than that is taken from it: the
 * token goes to the API's own address only, and a proxy in front of it doesn't have to rewrite links.
 */
function parameters(link: string | null): Map<string, URLSearchParams> {
  const found = (link ?? "").matchAll(/<[^>?]*\?([^>]*)>; *rel="(\w+)"/g);
  return new Map([...found].map(([, query, relation]) => [relation!, new URLSearchParams(query)]));
}
