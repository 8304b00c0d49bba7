-- What messages drive: unread marks, order by activity, un-pinning. And the messages' own look-ups.

-- The message as the API shows it.
ALTER TABLE messages ADD COLUMN object TEXT GENERATED ALWAYS AS (
  json_object(
    'id', id,
    'conversation_id', conversation_id,
    'contact_id', contact_id,
    'message', message,
    'read_at', read_at,
    'created_at', created_at,
    'updated_at', updated_at
  )
) VIRTUAL;

-- A message by its id alone, and all messages of an account in order of creation.
CREATE UNIQUE INDEX messages_by_id ON messages (account_id, id);

-- The database unpins a deleted message, no matter which statement deletes it: the foreign key of pinned_message_id
-- refuses to let a pin outlive its message, this trigger lets go of it first.
CREATE TRIGGER messages_unpin BEFORE DELETE ON messages
BEGIN
  UPDATE conversations SET pinned_message_id = NULL
  WHERE account_id = OLD.account_id AND id = OLD.conversation_id AND pinned_message_id = OLD.id;
END;

-- `state` and a fourth bit: 8 when the conversation is unread, that is never opened, or active since.
ALTER TABLE conversations ADD COLUMN inbox_state INTEGER GENERATED ALWAYS AS (
  is_pinned + 2 * is_muted + 4 * (archived_at IS NOT NULL)
    + 8 * (last_opened_at IS NULL OR coalesce(last_active_at > last_opened_at, FALSE))
) VIRTUAL;

-- The position in order of activity as one text that sorts: twelve digits of last_active_at + 1, zeros when never
-- active, then the id. Of conversations that were active in the same second, the newer one comes first.
ALTER TABLE conversations ADD COLUMN recency TEXT GENERATED ALWAYS AS (
  printf('%012d', coalesce(last_active_at + 1, 0)) || id
) VIRTUAL;

-- `unread` in order of creation; every filter in order of activity. One pair for each way to narrow a list.
CREATE INDEX conversations_by_inbox ON conversations (account_id, inbox_state, id);
CREATE INDEX conversations_by_recency ON conversations (account_id, inbox_state, recency);

CREATE INDEX conversations_by_contact_inbox ON conversations (account_id, contact_id, inbox_state, id)
  WHERE contact_id IS NOT NULL;
CREATE INDEX conversations_by_contact_recency ON conversations (account_id, contact_id, inbox_state, recency)
  WHERE contact_id IS NOT NULL;

CREATE INDEX conversations_by_group_inbox ON conversations (account_id, group_id, inbox_state, id)
  WHERE group_id IS NOT NULL;
CREATE INDEX conversations_by_group_recency ON conversations (account_id, group_id, inbox_state, recency)
  WHERE group_id IS NOT NULL;

CREATE INDEX conversations_by_contact_and_group_inbox
  ON conversations (account_id, contact_id, group_id, inbox_state, id)
  WHERE contact_id IS NOT NULL AND group_id IS NOT NULL;
CREATE INDEX conversations_by_contact_and_group_recency
  ON conversations (account_id, contact_id, group_id, inbox_state, recency)
  WHERE contact_id IS NOT NULL AND group_id IS NOT NULL;
