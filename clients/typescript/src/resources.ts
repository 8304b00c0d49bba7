// The resources of the API, with a method for each endpoint.

import type { Call } from "./call.ts";
import type { ApiRequest, CallOptions, Http } from "./http.ts";
import { List, type Page } from "./list.ts";
import { storeTag } from "./tags.ts";
import type {
  Attempt,
  AttemptFilters,
  Conversation,
  ConversationChanges,
  ConversationFilters,
  ConversationInclude,
  ConversationListInclude,
  ConversationWith,
  CurrentToken,
  ManyConversationChanges,
  Message,
  MessageChanges,
  MessageFilters,
  MessageListInclude,
  NewConversation,
  NewMessage,
  NewToken,
  NewWebhook,
  PageWith,
  Ping,
  Rotation,
  SecretRotation,
  Token,
  TokenFilters,
  TokenWithSecret,
  UpdatedConversations,
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

/** The options of a call that retrieves an object only if it changed. */
export interface RetrieveOptions extends CallOptions {
  /**
   * An object that the client returned, or an ETag. If the object has not changed since then, the call returns null.
   */
  ifNoneMatch: object | string;
}

/** The methods of all resources. */
class Resource<T extends object> {
  readonly #http: Http;
  readonly #path: string;

  /** Use the properties of the client instead. */
  constructor(http: Http, path: string) {
    this.#http = http;
    this.#path = path;
  }

  /** Retrieves an object. With `ifNoneMatch`, returns null if the object has not changed. */
  retrieve(id: string, options?: CallOptions): Call<T>;
  retrieve(id: string, options: RetrieveOptions): Call<T | null>;
  retrieve(id: string, options: CallOptions & Partial<RetrieveOptions> = {}): Call<T | null> {
    return this.send<T>({ ...options, method: "GET" }, id);
  }

  /** Deletes an object. Throws `resource_missing` if it does not exist. */
  delete(id: string, options: WriteOptions = {}): Call<void> {
    return this.#http.call({ ...options, method: "DELETE", path: this.#pathOf([id]) }, () => undefined);
  }

  /** Sends a request to the path of this resource, followed by the segments. */
  protected send<R extends object>(request: Omit<ApiRequest, "path">, ...segments: string[]): Call<R> {
    const path = this.#pathOf(segments);
    return this.#http.call({ ...request, path }, (object, headers) => object && storeTag(object, headers));
  }

  protected post<R extends object>(body: object, options: CreateOptions, ...segments: string[]): Call<R> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    return this.send({ ...options, method: "POST", body, idempotencyKey }, ...segments);
  }

  protected put(id: string, body: object, options: WriteOptions): Call<T> {
    return this.send({ ...options, method: "PUT", body }, id);
  }

  /** The list at the path of this resource, followed by the segments. */
  protected listOf<R, P extends Page<R> = Page<R>>(
    filters: object,
    options: CallOptions,
    ...segments: string[]
  ): List<R, P> {
    return new List(this.#http, this.#pathOf(segments), filters as Record<string, unknown>, options);
  }

  /** Sends a request to the path of all objects. */
  protected sendToAll<R>(request: Omit<ApiRequest, "path">): Call<R> {
    return this.#http.call({ ...request, path: this.#path }, (body) => body);
  }

  #pathOf(segments: string[]): string {
    return [this.#path, ...segments.map(encodeURIComponent)].join("/");
  }
}

/**
 * Conversations with contacts and groups. The types are for a token that may read them. Without the scope
 * `conversations:read`, `create` returns an object with only its `id`, and `update` returns null.
 */
export class ConversationsResource extends Resource<Conversation> {
  /**
   * Lists all matching conversations. `await` returns the first page, `for await` all conversations. With `include`,
   * they have their `last_message`, and a page has the `total_count`.
   */
  list<const I extends readonly ConversationListInclude[] = []>(
    filters: ConversationFilters & { include?: I | undefined } = {},
    options: CallOptions = {},
  ): List<ConversationWith<I>, PageWith<ConversationWith<I>, I>> {
    return this.listOf(filters, options);
  }

  /**
   * Retrieves a conversation. With `ifNoneMatch`, returns null if it has not changed. With `include`, it has its
   * `last_message`.
   */
  override retrieve<const I extends readonly ConversationInclude[] = []>(
    id: string,
    options?: CallOptions & { include?: I | undefined },
  ): Call<ConversationWith<I>>;
  override retrieve<const I extends readonly ConversationInclude[] = []>(
    id: string,
    options: RetrieveOptions & { include?: I | undefined },
  ): Call<ConversationWith<I> | null>;
  override retrieve(
    id: string,
    { include, ...options }: CallOptions & Partial<RetrieveOptions> & { include?: readonly string[] | undefined } = {},
  ): Call<any> {
    return this.send({ ...options, method: "GET", query: { include } }, id);
  }

  /** Creates a conversation. With `distinct`, returns an existing conversation with the same contact and group. */
  create(attributes: NewConversation, options: CreateOptions = {}): Call<Conversation> {
    return this.post(attributes, options);
  }

  /** Updates only the given attributes. Null clears an attribute. */
  update(id: string, changes: ConversationChanges, options: WriteOptions = {}): Call<Conversation> {
    return this.put(id, changes, options);
  }

  /**
   * Updates only the given attributes, of 1 to 100 conversations in one transaction. Returns the conversations in the
   * order of the ids, and the ids that do not exist as `missing`. Without the scope `conversations:read`, returns null.
   */
  updateMany(
    ids: readonly string[],
    changes: ManyConversationChanges,
    options: CallOptions = {},
  ): Call<UpdatedConversations> {
    return this.sendToAll({ ...options, method: "PATCH", body: { ids, ...changes } });
  }
}

/**
 * The messages in conversations. The types are for a token that may read them. Without the scope `messages:read`,
 * `create` returns an object with only its `id`, and `update` returns null.
 */
export class MessagesResource extends Resource<Message> {
  /**
   * Lists all matching messages. `await` returns the first page, `for await` all messages. With `include`, a page has
   * the `total_count`.
   */
  list<const I extends readonly MessageListInclude[] = []>(
    filters: MessageFilters & { include?: I | undefined } = {},
    options: CallOptions = {},
  ): List<Message, PageWith<Message, I>> {
    return this.listOf(filters, options);
  }

  /** Sends a message. */
  create(attributes: NewMessage, options: CreateOptions = {}): Call<Message> {
    return this.post(attributes, options);
  }

  /** Updates only the given attributes. Null clears an attribute. */
  update(id: string, changes: MessageChanges, options: WriteOptions = {}): Call<Message> {
    return this.put(id, changes, options);
  }
}

/** The client's own token. */
export class TokenResource {
  readonly #http: Http;

  /** Use `client.token` instead. */
  constructor(http: Http) {
    this.#http = http;
  }

  /** Retrieves the token of this client, with the name of its account. It needs no scope. */
  retrieve(options: CallOptions = {}): Call<CurrentToken> {
    return this.#http.call({ ...options, method: "GET", path: "v1/token" }, (token) => token);
  }
}

/** The tokens of the account. The client's token needs the scope `tokens:write`. */
export class TokensResource extends Resource<Token> {
  /** Lists all tokens, newest first. `await` returns the first page, `for await` all tokens. */
  list(filters: TokenFilters = {}, options: CallOptions = {}): List<Token> {
    return this.listOf(filters, options);
  }

  /**
   * Creates a token. Its secret, `token`, is returned only in this response. It is null if that response was lost, and
   * a retry has got the token without it: then delete the token and create another one.
   */
  create(attributes: NewToken, options: CreateOptions = {}): Call<TokenWithSecret> {
    return this.post(attributes, options);
  }

  /**
   * Creates a successor. Its secret, `token`, is returned only in this response. It is null if that response was lost,
   * and a retry has got the token without it: then delete the successor with another token, and rotate again. The old
   * token stays valid for the grace period. Throws `token_rotated` if it has a successor that is valid.
   */
  rotate(id: string, rotation: Rotation = {}, options: CreateOptions = {}): Call<TokenWithSecret> {
    return this.post(rotation, options, id, "rotate");
  }
}

/** The webhook endpoints of the account. The client's token needs the scope `webhooks:write`. */
export class WebhooksResource extends Resource<Webhook> {
  /** Lists all endpoints, newest first. `await` returns the first page, `for await` all endpoints. */
  list(filters: WebhookFilters = {}, options: CallOptions = {}): List<Webhook> {
    return this.listOf(filters, options);
  }

  /** Creates an endpoint, which gets the events from now on. Its `secret` is returned only in this response. */
  create(attributes: NewWebhook, options: CreateOptions = {}): Call<WebhookWithSecret> {
    return this.post(attributes, options);
  }

  /**
   * Updates only the given attributes. Null clears an attribute. `last_event_id` moves the position: the next delivery
   * is the event after it. Throws `position_expired` if the log does not have the position.
   */
  update(id: string, changes: WebhookChanges, options: WriteOptions = {}): Call<Webhook> {
    return this.put(id, changes, options);
  }

  /**
   * Replaces the secret. The new `secret` is returned only in this response. The old one also signs for the grace
   * period.
   */
  rotate(id: string, rotation: SecretRotation = {}, options: CreateOptions = {}): Call<WebhookWithSecret> {
    return this.post(rotation, options, id, "rotate");
  }

  /** Sends a test event to the endpoint, also to a disabled one. The attempt with this `event_id` has the result. */
  ping(id: string, options: CreateOptions = {}): Call<Ping> {
    return this.post({}, options, id, "ping");
  }

  /** Lists the last 100 attempts, newest first. `await` returns the first page, `for await` all attempts. */
  attempts(id: string, filters: AttemptFilters = {}, options: CallOptions = {}): List<Attempt> {
    return this.listOf(filters, options, id, "attempts");
  }
}
