// What can be done with a conversation: pin, mute, archive, mark as unread, delete. All of it can be undone.

import type { ConversationChanges, ConversationsClient } from "../../../clients/typescript/src/index.ts";
import { announce, now } from "../shared/dom.ts";
import { pauseLive } from "../shared/pending.ts";
import type { Access } from "./access.ts";
import { type Conversation, isUnread, nameOf } from "./conversation.ts";
import { offerUndo } from "./undo.ts";

interface Hooks {
  client: ConversationsClient;
  access: Access;
  /** A conversation was changed. */
  onChange: (conversation: Conversation) => void;
  /** A change or a deletion was undone. */
  onUndo: (id: string) => void;
  /** A conversation will be deleted, or no longer. */
  onDelete: (id: string, isDeleted: boolean) => void;
  onError: (error: unknown) => void;
}

/** An action on a conversation, as a button or a menu shows it. */
export interface Action {
  icon: string;
  /** What it does. */
  verb: string;
  /** Whether it turns something off. */
  on: boolean;
  /** Why it is not possible. Null if it is. */
  problem: string | null;
  run: () => void;
}

export interface Actions {
  /** The actions on a conversation: pin, mute, archive and delete. */
  of: (conversation: Conversation) => Action[];
  /** Marks a conversation as unread. */
  markAsUnread: (conversation: Conversation) => Action;
}

export function createActions({ client, access, onChange, onUndo, onDelete, onError }: Hooks): Actions {
  const change = pauseLive(async (conversation: Conversation, changes: ConversationChanges, done: string) => {
    const before = Object.fromEntries(
      Object.keys(changes).map((name) => [name, conversation[name as keyof Conversation]]),
    ) as ConversationChanges;
    try {
      const after = await client.conversations.update(conversation.id, changes);
      onChange(after);
      offerUndo(`${done}: ${nameOf(after)}.`, () => void undo(after.id, before));
    } catch (error) {
      onError(error);
    }
  });

  const undo = pauseLive(async (id: string, before: ConversationChanges) => {
    try {
      onChange(await client.conversations.update(id, before));
      onUndo(id);
      announce("Undone.");
    } catch (error) {
      onError(error);
    }
  });

  /** The API can't undo a deletion, so the request is sent when the toast closes or the page unloads. */
  function remove(conversation: Conversation): void {
    const { id } = conversation;
    onDelete(id, true);
    offerUndo(
      `${nameOf(conversation)} and its messages will be deleted permanently.`,
      () => {
        onDelete(id, false);
        onUndo(id);
        announce("Nothing was deleted.");
      },
      () => {
        client.conversations.delete(id).catch((error) => {
          onDelete(id, false);
          onError(error);
        });
      },
    );
  }

  function of(conversation: Conversation): Action[] {
    const { is_pinned, is_muted, archived_at } = conversation;
    const problem = access("conversations:write");
    const act = (changes: ConversationChanges, done: string) => () => void change(conversation, changes, done);
    return [
      is_pinned
        ? { icon: "pin", verb: "Unpin", on: true, problem, run: act({ is_pinned: false }, "Unpinned") }
        : { icon: "pin", verb: "Pin", on: false, problem, run: act({ is_pinned: true }, "Pinned") },
      is_muted
        ? { icon: "mute", verb: "Unmute", on: true, problem, run: act({ is_muted: false }, "Unmuted") }
        : { icon: "mute", verb: "Mute", on: false, problem, run: act({ is_muted: true }, "Muted") },
      archived_at === null
        ? { icon: "archive", verb: "Archive", on: false, problem, run: () => act({ archived_at: now() }, "Archived")() }
        : { icon: "archive", verb: "Unarchive", on: true, problem, run: act({ archived_at: null }, "Unarchived") },
      { icon: "delete", verb: "Delete", on: false, problem, run: () => remove(conversation) },
    ];
  }

  function markAsUnread(conversation: Conversation): Action {
    const problem = access("conversations:write");
    const run = () => void change(conversation, { last_opened_at: null }, "Marked as unread");
    return { icon: "unread", verb: "Mark as unread", on: isUnread(conversation), problem, run };
  }

  return { of, markAsUnread };
}
