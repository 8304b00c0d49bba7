// The bookmark of the client: the newest state of the data that it has seen. The API may answer a request with it from
// the nearest copy of the database. Without it, the primary answers, which has the newest data of all.

export const BOOKMARK_HEADER = "X-D1-Bookmark";

/** The bookmark of one client. */
export class Bookmark {
  #value: string | null;
  /** How often the bookmark was dropped. */
  #drops = 0;

  constructor(value: string | null) {
    // Here a value that no header can have is a TypeError. In a request it would be a network error.
    new Headers({ [BOOKMARK_HEADER]: value ?? "" });
    this.#value = value;
  }

  /** The bookmark as the API sends it. Null if the next request must read from the primary. */
  get value(): string | null {
    return this.#value;
  }

  /** Sets the header of a request. The returned function takes the bookmark of the response. */
  attachTo(request: Headers): (response: Headers) => void {
    if (this.#value === null) request.delete(BOOKMARK_HEADER);
    else request.set(BOOKMARK_HEADER, this.#value);
    const drops = this.#drops;
    return (response) => {
      const bookmark = response.get(BOOKMARK_HEADER);
      // A request that was sent before the bookmark was dropped may have read an older state than is known now.
      if (bookmark !== null && drops === this.#drops) this.#value = newer(this.#value, bookmark);
    };
  }

  /** Makes the next request read from the primary. */
  drop(): void {
    this.#value = null;
    this.#drops += 1;
  }
}

/** The newer of two bookmarks. Only those of one database can be compared: their texts sort by time. */
function newer(known: string | null, received: string): string {
  const isOlder = known !== null && databaseOf(known) === databaseOf(received) && received < known;
  return isOlder ? known : received;
}

const databaseOf = (bookmark: string): string => bookmark.split(".")[0]!;
