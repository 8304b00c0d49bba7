// The API's objects and attributes by their names. All of it comes from openapi.yaml, by way of schema.ts.

import type { components, operations } from "./schema.ts";

type Schemas = components["schemas"];
type Query<Name extends keyof operations> = operations[Name] extends { parameters: { query?: infer Q } }
  ? NonNullable<Q>
  : never;

/** A conversation, with a contact, a group or both. */
export type Conversation = Schemas["Conversation"];
/** What narrows and orders a list of conversations. */
export type ConversationFilters = Query<"listConversations">;
/** What a new conversation is made of: a contact, a group or both. Written out, as the generator loses "one or both". */
export type NewConversation = { distinct?: boolean } & (
  | { contact_id: Schemas["Reference"]; group_id?: Schemas["Reference"] }
  | { contact_id?: Schemas["Reference"]; group_id: Schemas["Reference"] }
);
/** What an update of a conversation changes: only what is named; null clears. */
export type ConversationChanges = Schemas["ConversationChanges"];

/** A message in a conversation. */
export type Message = Schemas["Message"];
/** What narrows a list of messages. */
export type MessageFilters = Query<"listMessages">;
/** What a new message is made of. */
export type NewMessage = Schemas["NewMessage"];
/** What an update of a message changes: only what is named; null clears. */
export type MessageChanges = Schemas["MessageChanges"];

/** A token of the account, without its secret. */
export type Token = Schemas["Token"];
/** A token that was just made: the only time that its secret is shown, as `token`. */
export type TokenWithSecret = Schemas["TokenWithSecret"];
/** Where a list of tokens begins, and how long its pages are. */
export type TokenFilters = Query<"listTokens">;
/** What a new token is made of. */
export type NewToken = Schemas["NewToken"];
/** How a token is rotated. */
export type Rotation = Schemas["Rotation"];

/** The body of every error. */
export type ErrorBody = Schemas["Error"];
/** What can be wrong, as documented. */
export type ErrorCode = ErrorBody["code"];
