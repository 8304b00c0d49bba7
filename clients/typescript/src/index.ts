// The client of the Conversations API. It uses only what browsers, Node and Workers all have.

import { EventsResource } from "./events.ts";
import { type ClientOptions, Http } from "./http.ts";
import {
  ConversationsResource,
  MessagesResource,
  TokenResource,
  TokensResource,
  WebhooksResource,
} from "./resources.ts";

/** The client: one API, one token. */
export class ConversationsClient {
  /** Conversations with contacts and groups. */
  readonly conversations: ConversationsResource;
  /** The messages in conversations. */
  readonly messages: MessagesResource;
  /** The log of changes. */
  readonly events: EventsResource;
  /** The client's own token. */
  readonly token: TokenResource;
  /** The tokens of the account. */
  readonly tokens: TokensResource;
  /** The webhook endpoints of the account. */
  readonly webhooks: WebhooksResource;
  readonly #http: Http;

  constructor(options: ClientOptions) {
    const http = new Http(options);
    this.#http = http;
    this.conversations = new ConversationsResource(http, "v1/conversations");
    this.messages = new MessagesResource(http, "v1/messages");
    this.events = new EventsResource(http);
    this.token = new TokenResource(http);
    this.tokens = new TokensResource(http, "v1/tokens");
    this.webhooks = new WebhooksResource(http, "v1/webhooks");
  }

  /**
   * The newest state of the data that this client has seen, as the option `bookmark` of another client. The client
   * sends it with each request by itself. Null if there is none: the next request then reads the newest data.
   */
  get bookmark(): string | null {
    return this.#http.bookmark.value;
  }
}

export { Call, type WithResponse } from "./call.ts";
export {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  ConversationsError,
  GoneError,
  NetworkError,
  NotFoundError,
  PayloadTooLargeError,
  PermissionDeniedError,
  PreconditionFailedError,
  RateLimitError,
  ServerError,
  TimeoutError,
  UnprocessableEntityError,
  UnsupportedMediaTypeError,
} from "./errors.ts";
export {
  type Changes,
  type CopyOptions,
  EventList,
  type EventPage,
  EventsResource,
  type Everything,
  type StreamOptions,
} from "./events.ts";
export type { CallOptions, ClientOptions, Logger } from "./http.ts";
export { type CountedPage, List, type Page } from "./list.ts";
export {
  ConversationsResource,
  type CreateOptions,
  MessagesResource,
  type RetrieveOptions,
  TokenResource,
  TokensResource,
  WebhooksResource,
  type WriteOptions,
} from "./resources.ts";
export { etagOf } from "./tags.ts";
export type {
  AccountEvent,
  Attempt,
  AttemptFilters,
  Conversation,
  ConversationChanges,
  ConversationFilters,
  ConversationInclude,
  ConversationListInclude,
  ConversationWith,
  CurrentToken,
  ErrorCode,
  EventFilters,
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
  TotalCount,
  UpdatedConversations,
  Webhook,
  WebhookChanges,
  WebhookFilters,
  WebhookWithSecret,
} from "./types.ts";
