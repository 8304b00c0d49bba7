// What the page says about a conversation.

import type { Message, Conversation as Represented } from "../../../clients/typescript/src/index.ts";

/** A conversation without its last message, which only some responses have. */
export type Conversation = Omit<Represented, "last_message">;

/** The title of a conversation. The API has no names of contacts and groups, so it shows their ids. */
export function nameOf({ contact_id, group_id }: Conversation): string {
  if (group_id === null) return contact_id ?? "";
  return contact_id === null ? `Group ${group_id}` : `${contact_id} in group ${group_id}`;
}

export const isUnread = ({ last_active_at, last_opened_at }: Conversation): boolean =>
  last_opened_at === null || (last_active_at !== null && last_active_at > last_opened_at);

/** Who sent the last message. Empty if that is clear: in a conversation with one contact, it was the contact. */
export function senderOf({ contact_id: sender }: Message, { contact_id, group_id }: Conversation): string {
  if (sender === null) return "You";
  return group_id === null && sender === contact_id ? "" : sender;
}
