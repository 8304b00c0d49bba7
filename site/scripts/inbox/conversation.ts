// What the page says about a conversation.

import type { Conversation } from "../../../clients/typescript/src/index.ts";

/** The title of a conversation. The API has no names of contacts and groups, so it shows their ids. */
export function nameOf({ contact_id, group_id }: Conversation): string {
  if (group_id === null) return contact_id ?? "";
  return contact_id === null ? `Group ${group_id}` : `${contact_id} in group ${group_id}`;
}

export const isUnread = ({ last_active_at, last_opened_at }: Conversation): boolean =>
  last_opened_at === null || (last_active_at !== null && last_active_at > last_opened_at);
