// What the API has, and what can be done with it: one line for each operation.

import type { Call, CallOptions, Http } from "./http.ts";
import { List } from "./list.ts";
import { condition, tagged } from "./tags.ts";
import type {
  Conversation,
  ConversationChanges,
  ConversationFilters,
  Message,
  MessageChanges,
  MessageFilters,
  NewConversation,
  NewMessage,
  NewToken,
  Rotation,
  Token,
  TokenFilters,
  TokenWithSecret,
} from "./types.ts";

/** What a call takes that creates something. */
export interface CreateOptions extends CallOptions {
  /**
   * Names this one request: whoever sends it again with the same key gets the first answer, and nothing is done twice.
   * Without one the client makes one, which covers its own retries.
   */
  idempotencyKey?: string | undefined;
}

/** What a call takes that changes or deletes something. */
export interface WriteOptions extends CallOptions {
  /**
   * Write only if the object is still the one that the client returned, or still has this ETag; otherwise the call
   * throws `precondition_failed` and nothing is written.
   */
  ifMatch?: object | string | undefined;
}

/** What a call takes that gets an object which the caller may have already. */
export interface GetOptions extends CallOptions {
  /** The object as the client returned it before, or its ETag: if it is still that, null is returned. */
  ifNoneMatch: object | string;
}

/** What all resources can do. */
class Resource<T extends object, Filters extends object> {
  readonly #http: Http;
  readonly #path: string;

  /** Made by the client. */
  constructor(http: Http, path: string) {
    this.#http = http;
    this.#path = path;
  }

  /** All that match, newest first: `for await` walks through them, `.page()` gets a page. */
  list(filters: Filters = {} as Filters, options: CallOptions = {}): List<T> {
    return new List(this.#http, this.#path, filters as Record<string, unknown>, options);
  }

  /** Gets one; with `ifNoneMatch`, null when the caller has it already. */
  get(id: string, options?: CallOptions): Promise<T>;
  get(id: string, options: GetOptions): Promise<T | null>;
  async get(id: string, { signal, ifNoneMatch }: CallOptions & Partial<GetOptions> = {}): Promise<T | null> {
    return this.send<T>({ method: "GET", headers: { "If-None-Match": condition(ifNoneMatch) }, signal }, id);
  }

  /** Sends a request about this resource, or about what the further segments of the path name. */
  protected async send<R extends object>(call: Omit<Call, "path">, ...segments: string[]): Promise<R> {
    const path = [this.#path, ...segments.map(encodeURIComponent)].join("/");
    const { headers, json } = await this.#http.call({ path, ...call });
    return json && tagged(json, headers);
  }

  protected async post<R extends object>(
    body: object,
    { signal, idempotencyKey = crypto.randomUUID() }: CreateOptions,
    ...segments: string[]
  ): Promise<R> {
    return this.send({ method: "POST", body, headers: { "Idempotency-Key": idempotencyKey }, signal }, ...segments);
  }

  protected async put(id: string, body: object, { signal, ifMatch }: WriteOptions): Promise<T> {
    return this.send({ method: "PUT", body, headers: { "If-Match": condition(ifMatch) }, signal }, id);
  }

  /** Deletes one. Of what is not there, `resource_missing` is thrown. */
  async delete(id: string, { signal, ifMatch }: WriteOptions = {}): Promise<void> {
    await this.send({ method: "DELETE", headers: { "If-Match": condition(ifMatch) }, signal }, id);
  }
}

/** Conversations with contacts and groups. */
export class ConversationsResource extends Resource<Conversation, ConversationFilters> {
  /** Adds a conversation; with `distinct`, returns the one that is there already, if one is. */
  create(attributes: NewConversation, options: CreateOptions = {}): Promise<Conversation> {
    return this.post(attributes, options);
  }

  /** Changes what is named and nothing else; null clears. */
  update(id: string, changes: ConversationChanges, options: WriteOptions = {}): Promise<Conversation> {
    return this.put(id, changes, options);
  }
}

/** The messages in conversations. */
export class MessagesResource extends Resource<Message, MessageFilters> {
  /** Sends a message. */
  create(attributes: NewMessage, options: CreateOptions = {}): Promise<Message> {
    return this.post(attributes, options);
  }

  /** Changes what is named and nothing else; null clears. */
  update(id: string, changes: MessageChanges, options: WriteOptions = {}): Promise<Message> {
    return this.put(id, changes, options);
  }
}

/** The tokens that open the account. The client's own needs the scope `tokens:write`. */
export class TokensResource extends Resource<Token, TokenFilters> {
  /** Makes a token, which is in the answer as `token`, this once. */
  create(attributes: NewToken, options: CreateOptions = {}): Promise<TokenWithSecret> {
    return this.post(attributes, options);
  }

  /** Makes a successor, which is in the answer as `token`, this once. The old one stays good for the grace period. */
  rotate(id: string, rotation: Rotation = {}, options: CreateOptions = {}): Promise<TokenWithSecret> {
    return this.post(rotation, options, id, "rotate");
  }
}
