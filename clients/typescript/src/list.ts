// Lists, object by object or page by page. The URLs of further pages come from the API's `Link` header.

import type { CallOptions, Http } from "./http.ts";

/** A page of a list. */
export interface Page<T> {
  /** The objects, in the order of the list. */
  data: T[];
  /** Whether there are more objects in the direction of the request. */
  has_more: boolean;
  /** Gets the next page. Null if there is none. */
  next: ((options?: CallOptions) => Promise<Page<T>>) | null;
  /** Gets the previous page. Null if there is none, and on the first page. */
  prev: ((options?: CallOptions) => Promise<Page<T>>) | null;
}

/**
 * A list. It sends no request until it is used. `for await` returns all objects and gets a page when it needs one.
 * `page()` gets one page. With `ending_before`, `for await` goes from that cursor to the newest object.
 */
export class List<T> implements AsyncIterable<T> {
  readonly #http: Http;
  readonly #path: string;
  readonly #query: Record<string, unknown>;
  readonly #options: CallOptions;

  /** Use the `list` methods of the client instead. */
  constructor(http: Http, path: string, query: Record<string, unknown>, options: CallOptions) {
    this.#http = http;
    this.#path = path;
    this.#query = query;
    this.#options = options;
  }

  /** Gets the page for the parameters of the list. */
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
    const { headers, json } = await this.#http.send({
      method: "GET",
      path: this.#path,
      query,
      ...this.#options,
      ...options,
    });
    const links = linksOf(headers);
    const follow = (relation: string) => {
      const query = links.get(relation);
      return query === undefined ? null : (options: CallOptions = {}) => this.#get(query, options);
    };
    return { ...json, next: follow("next"), prev: follow("prev") };
  }
}

/**
 * The query parameters of the URLs in a `Link` header, by relation. The rest of the URLs is not used. So the token goes
 * only to `baseUrl`, and a proxy in front of the API need not rewrite the links.
 */
export function linksOf(headers: Headers): Map<string, URLSearchParams> {
  const found = (headers.get("link") ?? "").matchAll(/<[^>?]*\?([^>]*)>; *rel="(\w+)"/g);
  return new Map([...found].map(([, query, relation]) => [relation!, new URLSearchParams(query)]));
}
