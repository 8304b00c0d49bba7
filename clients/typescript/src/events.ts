// The log of changes: a list, a live stream, and a copy that follows it.

import { Call } from "./call.ts";
import { ConversationsError, NetworkError } from "./errors.ts";
import type { CallOptions, Http } from "./http.ts";
import { List, linksOf, once } from "./list.ts";
import { EventStreamParser } from "./sse.ts";
import type { AccountEvent, Conversation, EventFilters, Message } from "./types.ts";

const PATH = "v1/events";
/** The wait in milliseconds before the first reconnection, if the API has not said how long. */
const FIRST_WAIT = 1000;

/** A page of the log, the oldest event first. */
export interface EventPage {
  data: AccountEvent[];
  /** Whether there are more events now. */
  has_more: boolean;
  /** The position after this page, for a later `starting_after` or `after`. */
  position: string;
  /** Gets the next page, which is empty if there are no more events yet. */
  next: (options?: CallOptions) => Call<EventPage>;
}

/** The options of a stream. */
export interface StreamOptions extends CallOptions {
  /** The stream starts after this position: an event's id, or the `position` of a page. Default: now. */
  after?: string | undefined;
  /** Called when the stream is connected, also after each reconnection. */
  onOpen?: (() => void) | undefined;
  /** Called when the connection fails. The stream tries again after a wait. */
  onError?: ((error: ConversationsError | NetworkError) => void) | undefined;
}

/** The options of a copy. The copy is stored wherever `onReset` and `onChange` put it. */
export interface CopyOptions extends Omit<StreamOptions, "after"> {
  /** The position that was stored with the copy. Without it, the copy begins with `onReset`. */
  position?: string | null | undefined;
  /**
   * Replaces the whole copy. It is called first if there is no `position`, and again if the position has expired or a
   * list failed. Before it returns, it must have read everything that the copy keeps.
   */
  onReset: (everything: Everything) => void | Promise<void>;
  /** Applies changes to the copy. The next changes come after it has returned. */
  onChange: (changes: Changes) => void | Promise<void>;
}

/** All objects of the account. */
export interface Everything {
  /** The position to store with the copy. Changes after it follow in `onChange`. */
  position: string;
  conversations: List<Conversation>;
  messages: List<Message>;
}

/** Changes of a copy. Applying them twice has the same result as applying them once. */
export interface Changes {
  /** The position to store with the copy, if possible in the same transaction as the changes. */
  position: string;
  /** The events that caused the changes, in order. */
  events: AccountEvent[];
  /** The new state of each conversation that was created or updated. */
  conversations: Conversation[];
  /** The new state of each message that was created or updated. */
  messages: Message[];
  /** The ids of conversations that were deleted. Their messages were deleted with them. */
  deletedConversations: string[];
  /** The ids of messages that were deleted one by one. */
  deletedMessages: string[];
}

/** A part of the log. `await` returns its first page. `for await` returns all events up to now. */
export class EventList extends Call<EventPage> implements AsyncIterable<AccountEvent> {
  /** Use `client.events.list` instead. */
  constructor(http: Http, filters: EventFilters, options: CallOptions) {
    const get = () => getPage(http, filters as Record<string, unknown>, { ...options, longPoll: filters.wait });
    super(once(() => get().withResponse()));
  }

  async *[Symbol.asyncIterator](): AsyncIterator<AccountEvent> {
    for (let page: EventPage = await this; ; page = await page.next()) {
      yield* page.data;
      if (!page.has_more) return;
    }
  }
}

function getPage(
  http: Http,
  query: Record<string, unknown> | URLSearchParams,
  options: CallOptions & { longPoll: number | undefined },
): Call<EventPage> {
  return http.call({ ...options, method: "GET", path: PATH, query }, (page, headers) => {
    const next = linksOf(headers).get("next");
    const position = next?.get("starting_after");
    // Only something between the API and this client can have removed it.
    if (next === undefined || !position) throw new TypeError("The response has no `Link` to the next page.");
    return { ...page, position, next: (changed = {}) => getPage(http, next, { ...options, ...changed }) };
  });
}

/** The log of changes. The client's token needs the scope `events:read`. */
export class EventsResource {
  readonly #http: Http;

  /** Use `client.events` instead. */
  constructor(http: Http) {
    this.#http = http;
  }

  /**
   * Lists the events after `starting_after`, the oldest first. `await` returns the first page, `for await` all events
   * up to now.
   */
  list(filters: EventFilters = {}, options: CallOptions = {}): EventList {
    return new EventList(this.#http, filters, options);
  }

  /**
   * The events after `after`, each once and in order, as they happen. It reconnects whenever the connection ends. Leave
   * the `for await`, or abort the signal, to end it. It throws only errors that a reconnection cannot repair, such as
   * `token_invalid` and `position_expired`.
   */
  async *stream(options: StreamOptions = {}): AsyncGenerator<AccountEvent, void, void> {
    for await (const events of this.#batches(options)) yield* events;
  }

  /**
   * Keeps a copy of all conversations and messages: first everything, then every change. It goes on until the signal is
   * aborted, or until an error that a repetition cannot repair. The client's token needs the scopes `events:read`,
   * `conversations:read` and `messages:read`.
   */
  async copy({ position, onReset, onChange, ...options }: CopyOptions): Promise<never> {
    const { onOpen, onError, ...call } = options;
    const conversations = (limit: number) => new List<Conversation>(this.#http, "v1/conversations", { limit }, call);
    const messages = (limit: number) => new List<Message>(this.#http, "v1/messages", { limit }, call);
    // Without its scope, an object in an event is null, as if it were deleted. A list is a 403 instead.
    await this.#repeat(options, () => Promise.all([conversations(1), messages(1)]));
    for (let after = position; ; after = null) {
      try {
        after ??= await this.#repeat(options, async () => {
          // Before the lists: what changes while they are read is in the log after this position.
          const { position } = await this.list({ starting_after: "now" }, call);
          await onReset({ position, conversations: conversations(100), messages: messages(100) });
          return position;
        });
        for await (const events of this.#batches({ ...options, after })) await onChange(changesOf(events));
      } catch (error) {
        if (!(error instanceof ConversationsError && error.code === "position_expired")) throw error;
        // After the database was restored, the positions of all clients have expired at once.
        await this.#http.pause(1, error, FIRST_WAIT, call.signal);
      }
    }
  }

  /** The events as they arrive: those that arrive together are one batch. */
  async *#batches({ after, ...options }: StreamOptions): AsyncGenerator<AccountEvent[]> {
    const { onOpen, onError, ...call } = options;
    const { signal } = call;
    // A connection that ends before its first event must not lose what happens before the next one.
    let position = after ?? (await this.#repeat(options, () => this.list({ starting_after: "now" }, call))).position;
    let firstWait = FIRST_WAIT;
    for (let failures = 0; ; ) {
      let failure: ConversationsError | NetworkError | null = null;
      const parser = new EventStreamParser();
      try {
        let open = false;
        const headers = { ...call.headers, "Last-Event-ID": position };
        for await (const text of this.#http.stream({ ...call, path: PATH, headers })) {
          failures = 0;
          if (!open) onOpen?.();
          open = true;
          const events = parser.push(text).map((data) => JSON.parse(data) as AccountEvent);
          position = parser.lastEventId || position;
          firstWait = parser.retry ?? firstWait;
          if (events.length === 0) continue;
          // The events can be newer than the bookmark, which is of the beginning of the stream.
          this.#http.bookmark.drop();
          yield events;
        }
      } catch (error) {
        failure = asTransient(error, signal);
        failures += 1;
        onError?.(failure);
      }
      await this.#http.pause(Math.max(failures, 1), failure, firstWait, signal);
    }
  }

  /** Repeats a call until it succeeds, or fails for a reason that stays. */
  async #repeat<T>({ signal, onError }: StreamOptions, call: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await call();
      } catch (error) {
        const failure = asTransient(error, signal);
        onError?.(failure);
        await this.#http.pause(failures, failure, FIRST_WAIT, signal);
      }
    }
  }
}

/** The error, if a repetition may repair it. Throws all others, and the reason of an aborted signal. */
function asTransient(error: unknown, signal: AbortSignal | undefined): ConversationsError | NetworkError {
  signal?.throwIfAborted();
  if (error instanceof NetworkError) return error;
  // A status below 400 is from a proxy: the API itself would have answered with a list or a stream.
  if (error instanceof ConversationsError && (error.status < 400 || error.status === 429 || error.status >= 500))
    return error;
  throw error;
}

/** What the events change. They have the objects as they were when the events were read, so the last state counts. */
function changesOf(events: AccountEvent[]): Changes {
  const conversations = new Map<string, Conversation | null>();
  const messages = new Map<string, Message | null>();
  for (const { conversation_id, conversation, message_id, message } of events) {
    conversations.set(conversation_id, conversation);
    if (message_id !== null) messages.set(message_id, message);
  }
  const gone = ([, object]: [string, object | null]) => object === null;
  return {
    position: events.at(-1)!.id,
    events,
    conversations: [...conversations.values()].filter((conversation) => conversation !== null),
    // A message can be older in its own events than the deletion of its conversation.
    messages: [...messages.values()].filter(
      (message) => message !== null && conversations.get(message.conversation_id) !== null,
    ) as Message[],
    deletedConversations: [...conversations].filter(gone).map(([id]) => id),
    deletedMessages: [...messages].filter(gone).map(([id]) => id),
  };
}
