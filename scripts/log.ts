// The log of `npm start`, on stdout: the Worker's lines, one of JSON for each request. wrangler mixes them with others.

import { stripVTControlCharacters } from "node:util";

/** wrangler's own line of a request, which the log has too. */
const REQUEST_LINE = /^\[wrangler:info\] [A-Z]+ \/\S* \d{3} .*\(\d+ms\)$/;
/** A line of the log. wrangler marks one that the Worker writes as an error. */
const LOG_LINE = /^(?:\S+ \[ERROR\] )?(\{"request_id":".*\})\s*$/;

/** The Worker's log, without the lines of what this command asks of its server. */
export class Log {
  readonly #own = new Set<string>();
  #early: string[] | undefined = [];

  /** The request with this id is one of this command. */
  leaveOut(id: string) {
    this.#own.add(id);
  }

  /** Prints the lines that have come so far, and from now on each at once. A line may come before the response, so it
   * takes until here to know which ones are of this command. */
  begin() {
    const lines = this.#early ?? [];
    this.#early = undefined;
    for (const line of lines) this.#print(line);
  }

  /** Takes a line of wrangler's output. Returns whether it belongs to the log. */
  takes(output: string): boolean {
    const text = stripVTControlCharacters(output);
    const line = LOG_LINE.exec(text)?.[1];
    if (line === undefined) return REQUEST_LINE.test(text);
    if (this.#early === undefined) this.#print(line);
    else this.#early.push(line);
    return true;
  }

  #print(line: string) {
    const { request_id, method, status } = JSON.parse(line);
    const isOwn = this.#own.delete(request_id) || (method === "SCHEDULED" && status === 200);
    if (!isOwn) console.log(line);
  }
}
