-- One clock, the database's, to the millisecond; and a write maintains a third of the indexes.

-- What is generated comes first: it depends on the columns that change. With it go the indexes that end with it.
-- `conversations_by_contact_and_group` stays: it serves the lists of a contact, and a creation with `distinct=true`.
DROP INDEX conversations_by_state;
DROP INDEX conversations_by_contact;
DROP INDEX conversations_by_contact_state;
DROP INDEX conversations_by_group;
DROP INDEX conversations_by_group_state;
DROP INDEX conversations_by_contact_and_group_state;
DROP INDEX conversations_by_inbox;
DROP INDEX conversations_by_recency;
DROP INDEX conversations_by_contact_inbox;
DROP INDEX conversations_by_contact_recency;
DROP INDEX conversations_by_group_inbox;
DROP INDEX conversations_by_group_recency;
DROP INDEX conversations_by_contact_and_group_inbox;
DROP INDEX conversations_by_contact_and_group_recency;
ALTER TABLE conversations DROP COLUMN state;
ALTER TABLE conversations DROP COLUMN inbox_state;
ALTER TABLE conversations DROP COLUMN recency;
ALTER TABLE conversations DROP COLUMN object;

-- Milliseconds since the Unix epoch, up to what seven base62 characters hold (the year 2081). When a contact's message
-- came last decides what is unread. The API shows the first two, in seconds.
ALTER TABLE conversations ADD COLUMN last_active_ms INTEGER CHECK (last_active_ms BETWEEN 0 AND 3521614606207);
ALTER TABLE conversations ADD COLUMN last_opened_ms INTEGER CHECK (last_opened_ms BETWEEN 0 AND 3521614606207);
ALTER TABLE conversations ADD COLUMN last_received_ms INTEGER CHECK (last_received_ms BETWEEN 0 AND 3521614606207);

-- An opening in a second was one at its end, and one in the future is one now, after the last message. So what was read
-- stays read, and what was unread stays unread.
UPDATE conversations SET
  last_active_ms = 1000 * last_active_at,
  last_opened_ms = min(
    1000 * last_opened_at + 999,
    max(CAST(1000 * unixepoch('subsec') AS INTEGER), coalesce(1000 * last_active_at, 0))
  ),
  last_received_ms = 1000 * last_active_at;
ALTER TABLE conversations DROP COLUMN last_active_at;
ALTER TABLE conversations DROP COLUMN last_opened_at;

-- The conversation as the API shows it.
ALTER TABLE conversations ADD COLUMN object TEXT GENERATED ALWAYS AS (
  json_object(
    'id', id,
    'contact_id', contact_id,
    'group_id', group_id,
    'pinned_message_id', pinned_message_id,
    'is_pinned', json(iif(is_pinned, 'true', 'false')),
    'is_muted', json(iif(is_muted, 'true', 'false')),
    'last_active_at', last_active_ms / 1000,
    'last_opened_at', last_opened_ms / 1000,
    'created_at', created_at,
    'archived_at', archived_at
  )
) VIRTUAL;

-- The four filters of a list in one number, 0 to 15: what a filter asks for is a set of states, and each state a range
-- of an index. Unread is a conversation that was never opened, or that a message of a contact reached after it was.
ALTER TABLE conversations ADD COLUMN inbox_state INTEGER GENERATED ALWAYS AS (
  is_pinned + 2 * is_muted + 4 * (archived_at IS NOT NULL)
    + 8 * (last_opened_ms IS NULL OR coalesce(last_received_ms > last_opened_ms, FALSE))
) VIRTUAL;

-- The position in order of activity, as one text that sorts: last_active_ms in seven base62 characters, zeros when
-- never active, then the id. A message's id begins with the same seven characters. (The text has a new name. Under the
-- old one, `recency`, the Worker from before would show half of it.)
ALTER TABLE conversations ADD COLUMN activity TEXT GENERATED ALWAYS AS (
  coalesce(
    substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + last_active_ms / 56800235584 % 62, 1)
    || substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + last_active_ms / 916132832 % 62, 1)
    || substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + last_active_ms / 14776336 % 62, 1)
    || substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + last_active_ms / 238328 % 62, 1)
    || substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + last_active_ms / 3844 % 62, 1)
    || substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + last_active_ms / 62 % 62, 1)
    || substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + last_active_ms % 62, 1),
    '0000000'
  ) || id
) VIRTUAL;

-- Every filter, in both orders: of the account, and of a group.
CREATE INDEX conversations_by_inbox ON conversations (account_id, inbox_state, id);
CREATE INDEX conversations_by_activity ON conversations (account_id, inbox_state, activity);
CREATE INDEX conversations_by_group_inbox ON conversations (account_id, group_id, inbox_state, id)
  WHERE group_id IS NOT NULL;
CREATE INDEX conversations_by_group_activity ON conversations (account_id, group_id, inbox_state, activity)
  WHERE group_id IS NOT NULL;

-- The newest ids that were deleted, of each kind. New ids come after them: else a client that polls `ending_before` the
-- id of a deleted object would miss what is created next, when the clock jumped back or ids ran ahead of it.
ALTER TABLE accounts ADD COLUMN deleted_conversation_id TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN deleted_message_id TEXT NOT NULL DEFAULT '';

CREATE TRIGGER conversations_deleted BEFORE DELETE ON conversations
WHEN NOT EXISTS (SELECT 1 FROM conversations WHERE account_id = OLD.account_id AND id > OLD.id)
BEGIN
  UPDATE accounts SET deleted_conversation_id = max(deleted_conversation_id, OLD.id) WHERE id = OLD.account_id;
END;

-- Also for messages that are deleted with their conversation.
CREATE TRIGGER messages_deleted BEFORE DELETE ON messages
WHEN NOT EXISTS (
  SELECT 1 FROM messages INDEXED BY messages_by_id WHERE account_id = OLD.account_id AND id > OLD.id
)
BEGIN
  UPDATE accounts SET deleted_message_id = max(deleted_message_id, OLD.id) WHERE id = OLD.account_id;
END;
