// The resources of the API, with a method for each endpoint.

import type { ApiRequest, CallOptions, Http } from "./http.ts";
import { List } from "./list.ts";
import { storeTag, tagOf } from "./tags.ts";
import type {
  Attempt,
  AttemptFilters,
  Conversation,
  ConversationChanges,
  ConversationFilters,
  Message,
  MessageChanges,
  MessageFilters,
  NewConversation,
  NewMessage,
  NewToken,
  NewWebhook,
  Ping,
  Rotation,
  SecretRotation,
  Token,
  TokenFilters,
  TokenWithSecret,
  Webhook,
  WebhookChanges,
  WebhookFilters,
  WebhookWithSecret,
} from "./types.ts";

/** The options of a call that creates an object. */
export interface CreateOptions extends CallOptions {
  /**
   * Identifies this request. If it is sent again with the same key, the first response is returned and nothing is
   * executed twice. By default the client creates a key, which makes its own retries safe.
   */
  idempotencyKey?: string | undefined;
}

/** The options of a call that updates or deletes an object. */
export interface WriteOptions extends CallOptions {
  /**
   * An object that the client returned, or an ETag. If the object changed since then, the call throws
   * `precondition_failed` and nothing is written.
   */
  ifMatch?: object | string | undefined;
}

/** The options of a call that gets an object only if it changed. */
export interface GetOptions extends CallOptions {
  /**
   * An object that the client returned, or an ETag. If the object has not changed since then, the call returns null.
   */
  ifNoneMatch: object | string;
}

/** The methods of all resources. */
class Resource<T extends object, Filters extends object> {
  readonly #http: Http;
  readonly #path: string;

  /** Use the properties of the client instead. */
  constructor(http: Http, path: string) {
    this.#http = http;
    this.#path = path;
  }

  /** Lists all matching objects, newest first. Use `for await` or `.page()` with the result. */
  list(filters: Filters = {} as Filters, options: CallOptions = {}): List<T> {
    return this.listOf(filters, options);
  }

  /** Gets an object. With `ifNoneMatch`, returns null if the object has not changed. */
  get(id: string, options?: CallOptions): Promise<T>;
  get(id: string, options: GetOptions): Promise<T | null>;
  async get(id: string, { signal, ifNoneMatch }: CallOptions & Partial<GetOptions> = {}): Promise<T | null> {
    return this.send<T>({ method: "GET", headers: { "If-None-Match": tagOf(ifNoneMatch) }, signal }, id);
  }

  /** Sends a request to the path of this resource, followed by the segments. */
  protected async send<R extends object>(request: Omit<ApiRequest, "path">, ...segments: string[]): Promise<R> {
    const { headers, json } = await this.#http.send({ path: this.#pathOf(segments), ...request });
    return json && storeTag(json, headers);
  }

  /** The list at the path of this resource, followed by the segments. */
  protected listOf<R>(filters: object, options: CallOptions, ...segments: string[]): List<R> {
    return new List(this.#http, this.#pathOf(segments), filters as Record<string, unknown>, options);
  }

  #pathOf(segments: string[]): string {
    return [this.#path, ...segments.map(encodeURIComponent)].join("/");
  }

  protected async post<R extends object>(
    body: object,
    { signal, idempotencyKey = crypto.randomUUID() }: CreateOptions,
    ...segments: string[]
  ): Promise<R> {
    return this.send({ method: "POST", body, headers: { "Idempotency-Key": idempotencyKey }, signal }, ...segments);
  }

  protected async put(id: string, body: object, { signal, ifMatch }: WriteOptions): Promise<T> {
    return this.send({ method: "PUT", body, headers: { "If-Match": tagOf(ifMatch) }, signal }, id);
  }

  /** Deletes an object. Throws `resource_missing` if it does not exist. */
  async delete(id: string, { signal, ifMatch }: WriteOptions = {}): Promise<void> {
    await this.send({ method: "DELETE", headers: { "If-Match": tagOf(ifMatch) }, signal }, id);
  }
}

/**
 * Conversations with contacts and groups. The types are for a token that may read them. Without the scope
 * `conversations:read`, `create` returns an object with only its `id`, and `update` returns null.
 */
export class ConversationsResource extends Resource<Conversation, ConversationFilters> {
  /** Creates a conversation. With `distinct`, returns an existing conversation with the same contact and group. */
  create(attributes: NewConversation, options: CreateOptions = {}): Promise<Conversation> {
    return this.post(attributes, options);
  }

  /** Updates only the given attributes. Null clears an attribute. */
  update(id: string, changes: ConversationChanges, options: WriteOptions = {}): Promise<Conversation> {
    return this.put(id, changes, options);
  }
}

/**
 * The messages in conversations. The types are for a token that may read them. Without the scope `messages:read`,
 * `create` returns an object with only its `id`, and `update` returns null.
 */
export class MessagesResource extends Resource<Message, MessageFilters> {
  /** Sends a message. */
  create(attributes: NewMessage, options: CreateOptions = {}): Promise<Message> {
    return this.post(attributes, options);
  }

  /** Updates only the given attributes. Null clears an attribute. */
  update(id: string, changes: MessageChanges, options: WriteOptions = {}): Promise<Message> {
    return this.put(id, changes, options);
  }
}

/** The tokens of the account. The client's token needs the scope `tokens:write`. */
export class TokensResource extends Resource<Token, TokenFilters> {
  /**
   * Creates a token. Its secret, `token`, is returned only in this response. It is null if that response was lost, and
   * a retry has got the token without it: then delete the token and create another one.
   */
  create(attributes: NewToken, options: CreateOptions = {}): Promise<TokenWithSecret> {
    return this.post(attributes, options);
  }

  /**
   * Creates a successor. Its secret, `token`, is returned only in this response. It is null if that response was lost,
   * and a retry has got the token without it: then delete the successor with another token, and rotate again. The old
   * token stays valid for the grace period. Throws `token_rotated` if it has a successor that is valid.
   */
  rotate(id: string, rotation: Rotation = {}, options: CreateOptions = {}): Promise<TokenWithSecret> {
    return this.post(rotation, options, id, "rotate");
  }
}

/** The webhook endpoints of the account. The client's token needs the scope `webhooks:write`. */
export class WebhooksResource extends Resource<Webhook, WebhookFilters> {
  /** Creates an endpoint, which gets the events from now on. Its `secret` is returned only in this response. */
  create(attributes: NewWebhook, options: CreateOptions = {}): Promise<WebhookWithSecret> {
    return this.post(attributes, options);
  }

  /**
   * Updates only the given attributes. Null clears an attribute. `last_event_id` moves the position: the next delivery
   * is the event after it. Throws `position_expired` if the log does not have the position.
   */
  update(id: string, changes: WebhookChanges, options: WriteOptions = {}): Promise<Webhook> {
    return this.put(id, changes, options);
  }

  /**
   * Replaces the secret. The new `secret` is returned only in this response. The old one also signs for the grace
   * period.
   */
  rotate(id: string, rotation: SecretRotation = {}, options: CreateOptions = {}): Promise<WebhookWithSecret> {
    return this.post(rotation, options, id, "rotate");
  }

  /** Sends a test event to the endpoint, also to a disabled one. The attempt with this `event_id` has the result. */
  ping(id: string, options: CreateOptions = {}): Promise<Ping> {
    return this.post({}, options, id, "ping");
  }

  /** Lists the last 100 attempts, newest first. Use `for await` or `.page()` with the result. */
  attempts(id: string, filters: AttemptFilters = {}, options: CallOptions = {}): List<Attempt> {
    return this.listOf(filters, options, id, "attempts");
  }
}
