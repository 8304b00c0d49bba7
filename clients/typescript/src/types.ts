// Names for the types of the API. They come from openapi.yaml, through schema.ts.

import type { CountedPage, Page } from "./list.ts";
import type { components, operations } from "./schema.ts";

type Schemas = components["schemas"];
type Query<Name extends keyof operations> = operations[Name] extends { parameters: { query?: infer Q } }
  ? NonNullable<Q>
  : never;
/** The values that are not several, separated by commas. */
type Single<Value extends string> = Exclude<Value, `${string},${string}`>;
/** Whether the name is in `include`. Of a list that is only known when the program runs, the compiler can't tell. */
type IsIncluded<Name extends string, Include extends readonly string[]> = number extends Include["length"]
  ? false
  : Name extends Include[number]
    ? true
    : false;

/** A conversation, with a contact, a group or both. */
export type Conversation = Schemas["Conversation"];
/** The filters and the order of a list of conversations. */
export type ConversationFilters = Omit<Query<"listConversations">, "include">;
/** What a list of conversations can have in addition. */
export type ConversationListInclude = Single<NonNullable<Query<"listConversations">["include"]>>;
/** What a conversation can have in addition. */
export type ConversationInclude = NonNullable<Query<"retrieveConversation">["include"]>;
/** A conversation with what was asked for in `include`. */
export type ConversationWith<Include extends readonly string[]> =
  IsIncluded<"last_message", Include> extends true ? Conversation & { last_message: Message | null } : Conversation;
/** The attributes of a new conversation. It is not from schema.ts, because the generator loses "at least one". */
export type NewConversation = { distinct?: boolean } & (
  | { contact_id: Schemas["Reference"]; group_id?: Schemas["Reference"] }
  | { contact_id?: Schemas["Reference"]; group_id: Schemas["Reference"] }
);
/** The attributes that an update of a conversation changes. Null clears an attribute. */
export type ConversationChanges = Schemas["ConversationChanges"];
/** The attributes that an update of many conversations changes. Null clears an attribute. */
export type ManyConversationChanges = Omit<Schemas["ManyConversationChanges"], "ids">;
/** Conversations after an update of many: those that exist, and the ids of the others. */
export type UpdatedConversations = Schemas["UpdatedConversations"];

/** A message in a conversation. */
export type Message = Schemas["Message"];
/** The filters and the order of a list of messages. */
export type MessageFilters = Omit<Query<"listMessages">, "include">;
/** What a list of messages can have in addition. */
export type MessageListInclude = NonNullable<Query<"listMessages">["include"]>;
/** The attributes of a new message. */
export type NewMessage = Schemas["MessageCreation"];
/** The attributes that an update of a message changes. Null clears an attribute. */
export type MessageChanges = Schemas["MessageChanges"];

/** An event of the log: one change of a conversation or a message. */
export type AccountEvent = Schemas["Event"];
/** The position, the page size and the wait of a list of events. */
export type EventFilters = Query<"listEvents">;

/** A token of the account, without its secret. */
export type Token = Schemas["Token"];
/** The token of the client, with the name of its account. */
export type CurrentToken = Schemas["CurrentToken"];
/** A new token, with its secret as `token`. The secret is null if the response was replayed. */
export type TokenWithSecret = Schemas["TokenWithSecret"];
/** The cursor and the page size of a list of tokens. */
export type TokenFilters = Query<"listTokens">;
/** The attributes of a new token. */
export type NewToken = Schemas["TokenCreation"];
/** The attributes of a rotation. */
export type Rotation = Schemas["Rotation"];

/** A webhook endpoint: a URL, and its position in the log of changes. */
export type Webhook = Schemas["Webhook"];
/** An endpoint with its `secret`, as `create` and `rotate` return it. */
export type WebhookWithSecret = Schemas["WebhookWithSecret"];
/** The cursor and the page size of a list of endpoints. */
export type WebhookFilters = Query<"listWebhooks">;
/** The attributes of a new endpoint. */
export type NewWebhook = Schemas["WebhookCreation"];
/** The attributes that an update of an endpoint changes. Null clears an attribute. */
export type WebhookChanges = Schemas["WebhookChanges"];
/** The attributes of a rotation of an endpoint's secret. */
export type SecretRotation = Schemas["SecretRotation"];
/** A ping that is being sent: the id of its event. */
export type Ping = Schemas["Ping"];
/** An attempt to deliver an event to an endpoint. */
export type Attempt = Schemas["Attempt"];
/** The cursor and the page size of a list of attempts. */
export type AttemptFilters = Query<"listAttempts">;

/** The number of all objects that match the filters of a list. */
export type TotalCount = Schemas["TotalCount"];
/** A page with what was asked for in `include`. */
export type PageWith<T, Include extends readonly string[]> =
  IsIncluded<"total_count", Include> extends true ? CountedPage<T> : Page<T>;

/** The body of every error. */
export type ErrorBody = Schemas["Error"];
/** The documented error codes. */
export type ErrorCode = ErrorBody["code"];
