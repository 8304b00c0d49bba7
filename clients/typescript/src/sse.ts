// Parses server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html describes them.

/** The parser of one response. */
export class EventStreamParser {
  /** The id of the last event. Empty if there was none. */
  lastEventId = "";
  /** The milliseconds to wait before a reconnection. Null if the server has not said it. */
  retry: number | null = null;
  #line = "";
  #endedWithReturn = false;
  #id = "";
  #data: string[] = [];

  /** Takes the next part of the response. Returns the data of each event that is complete now. */
  push(text: string): string[] {
    if (text === "") return [];
    // One \r\n, although it arrived in two parts.
    const part = this.#endedWithReturn && text.startsWith("\n") ? text.slice(1) : text;
    this.#endedWithReturn = text.endsWith("\r");
    const lines = (this.#line + part).split(/\r\n|\n|\r/);
    this.#line = lines.pop()!;
    return lines.map((line) => this.#take(line)).filter((data) => data !== null);
  }

  /** Returns the data of an event at the empty line that ends it. */
  #take(line: string): string | null {
    if (line !== "") {
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
      // A comment has an empty field. The type of an event is also in its data.
      if (field === "data") this.#data.push(value);
      else if (field === "id" && !value.includes("\0")) this.#id = value;
      else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
      return null;
    }
    this.lastEventId = this.#id;
    const data = this.#data.length === 0 ? null : this.#data.join("\n");
    this.#data = [];
    return data;
  }
}
