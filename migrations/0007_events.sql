-- The log of changes: one event for each change of a conversation or a message, in the transaction of the change.

-- Clustered by account: a page of events is one range, and the newest row tells what the next one's number is. A row is
-- thin: what the event is about is joined when it is read (src/events/sql.rs). `seq` has no gaps.
CREATE TABLE events (
  -- No foreign key: it would read a row of accounts for each event.
  account_id      INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  change          TEXT    NOT NULL CHECK (change IN ('created', 'updated', 'deleted')),
  conversation_id TEXT    NOT NULL,
  -- Null where the conversation itself changed.
  message_id      TEXT,
  -- The request that made the change. Null where none did: `npm run seed`, or an operator's own SQL.
  request_id      TEXT,
  created_at      INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799),
  -- The leading seven characters, which are the time, of the newest id that the account has given to a conversation,
  -- then those of the newest of a message. New ids come after them, also when that object was deleted (src/clock.rs).
  newest_id_times TEXT    NOT NULL,
  PRIMARY KEY (account_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER accounts_deleted AFTER DELETE ON accounts
BEGIN
  DELETE FROM events WHERE account_id = OLD.id;
END;

-- The log of an account that has objects begins with a row that is no event: it says which ids it has given so far.
INSERT INTO events (account_id, seq, change, conversation_id, created_at, newest_id_times)
SELECT id, 0, 'created', '', unixepoch(), substr(conversation_id, 1, 7) || substr(message_id, 1, 7)
FROM (
  SELECT
    id,
    max(
      '0000000',
      deleted_conversation_id,
      coalesce((SELECT max(id) FROM conversations WHERE account_id = accounts.id), '')
    ) AS conversation_id,
    max(
      '0000000',
      deleted_message_id,
      coalesce((SELECT max(id) FROM messages WHERE account_id = accounts.id), '')
    ) AS message_id
  FROM accounts
)
WHERE conversation_id || message_id <> '00000000000000';

-- What `accounts.deleted_conversation_id` and `deleted_message_id` were for, the log says now. The columns stay: the
-- Worker from before reads them.
DROP TRIGGER conversations_deleted;
DROP TRIGGER messages_deleted;

-- The database logs every change itself, no matter which statement makes it. With a request's deletion it is the other
-- way round: a row that is gone can't say which request deleted it, so its event comes first, and deletes it.

-- The request that creates an object is in its `changed_by`.
CREATE TRIGGER conversations_log_created AFTER INSERT ON conversations
BEGIN
  INSERT INTO events (account_id, seq, change, conversation_id, request_id, created_at, newest_id_times)
  VALUES (
    NEW.account_id,
    coalesce((SELECT max(seq) FROM events WHERE account_id = NEW.account_id), 0) + 1,
    'created', NEW.id,
    NEW.changed_by,
    unixepoch(),
    coalesce(
      (
        SELECT max(substr(newest_id_times, 1, 7), substr(NEW.id, 1, 7)) || substr(newest_id_times, 8)
        FROM events WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1
      ),
      substr(NEW.id, 1, 7) || '0000000'
    )
  );
END;

-- An update sets all of these columns, sending a message none of them: what that changes is the message's event. So is
-- what unpins a message that is deleted. A conversation that is being removed has been logged as deleted. Where
-- `changed_by` stays as it is, no request made the change.
CREATE TRIGGER conversations_log_updated
AFTER UPDATE OF pinned_message_id, is_pinned, is_muted, archived_at ON conversations
WHEN NEW.changed_by IS NOT coalesce(OLD.pinned_message_id, '') || '-deleted'
  AND NOT NEW.is_removed
BEGIN
  INSERT INTO events (account_id, seq, change, conversation_id, request_id, created_at, newest_id_times)
  VALUES (
    NEW.account_id,
    coalesce((SELECT max(seq) FROM events WHERE account_id = NEW.account_id), 0) + 1,
    'updated', NEW.id,
    nullif(NEW.changed_by, OLD.changed_by),
    unixepoch(),
    coalesce(
      (SELECT newest_id_times FROM events WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1),
      '00000000000000'
    )
  );
END;

CREATE TRIGGER messages_log_created AFTER INSERT ON messages
BEGIN
  INSERT INTO events (account_id, seq, change, conversation_id, message_id, request_id, created_at, newest_id_times)
  VALUES (
    NEW.account_id,
    coalesce((SELECT max(seq) FROM events WHERE account_id = NEW.account_id), 0) + 1,
    'created', NEW.conversation_id, NEW.id,
    NEW.changed_by,
    unixepoch(),
    coalesce(
      (
        SELECT substr(newest_id_times, 1, 7) || max(substr(newest_id_times, 8), substr(NEW.id, 1, 7))
        FROM events WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1
      ),
      '0000000' || substr(NEW.id, 1, 7)
    )
  );
END;

CREATE TRIGGER messages_log_updated AFTER UPDATE OF message, read_at ON messages
BEGIN
  INSERT INTO events (account_id, seq, change, conversation_id, message_id, request_id, created_at, newest_id_times)
  VALUES (
    NEW.account_id,
    coalesce((SELECT max(seq) FROM events WHERE account_id = NEW.account_id), 0) + 1,
    'updated', NEW.conversation_id, NEW.id,
    nullif(NEW.changed_by, OLD.changed_by),
    unixepoch(),
    coalesce(
      (SELECT newest_id_times FROM events WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1),
      '00000000000000'
    )
  );
END;

-- Where the message was pinned, the trigger `messages_unpin` unpins it first.
CREATE TRIGGER events_delete_message AFTER INSERT ON events
WHEN NEW.change = 'deleted' AND NEW.message_id IS NOT NULL AND NEW.request_id IS NOT NULL
BEGIN
  DELETE FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
  WHERE account_id = NEW.account_id AND conversation_id = NEW.conversation_id AND id = NEW.message_id;
END;

-- Deletes the conversation, and by their foreign key its messages, unless they are too many for one step of
-- src/removal.rs: then hides it. Its pin would keep a message.
CREATE TRIGGER events_delete_conversation AFTER INSERT ON events
WHEN NEW.change = 'deleted' AND NEW.message_id IS NULL AND NEW.request_id IS NOT NULL
BEGIN
  DELETE FROM conversations -- PRIMARY KEY (account_id, id)
  WHERE account_id = NEW.account_id AND id = NEW.conversation_id AND NOT (
    SELECT count(*) > 1000 OR total(bytes) > 1000000 FROM (
      SELECT octet_length(message) AS bytes FROM messages -- PRIMARY KEY (account_id, conversation_id, id)
      WHERE messages.account_id = NEW.account_id AND messages.conversation_id = NEW.conversation_id
      LIMIT 1001
    )
  );
  UPDATE conversations -- PRIMARY KEY (account_id, id)
  SET is_removed = 1, pinned_message_id = NULL
  WHERE account_id = NEW.account_id AND id = NEW.conversation_id;
END;

-- Deletions that no event came before: by the operator's own SQL, and by the Worker from before. The event of a
-- conversation comes before its messages are deleted, which have none of their own.
CREATE TRIGGER conversations_log_deleted BEFORE DELETE ON conversations
WHEN NOT OLD.is_removed AND (
  SELECT change = 'deleted' AND conversation_id = OLD.id AND message_id IS NULL
  FROM events WHERE account_id = OLD.account_id ORDER BY seq DESC LIMIT 1
) IS NOT TRUE
BEGIN
  INSERT INTO events (account_id, seq, change, conversation_id, created_at, newest_id_times)
  VALUES (
    OLD.account_id,
    coalesce((SELECT max(seq) FROM events WHERE account_id = OLD.account_id), 0) + 1,
    'deleted', OLD.id,
    unixepoch(),
    coalesce(
      (SELECT newest_id_times FROM events WHERE account_id = OLD.account_id ORDER BY seq DESC LIMIT 1),
      '00000000000000'
    )
  );
END;

CREATE TRIGGER conversations_log_removed AFTER UPDATE OF is_removed ON conversations
WHEN NEW.is_removed > OLD.is_removed AND (
  SELECT change = 'deleted' AND conversation_id = OLD.id AND message_id IS NULL
  FROM events WHERE account_id = OLD.account_id ORDER BY seq DESC LIMIT 1
) IS NOT TRUE
BEGIN
  INSERT INTO events (account_id, seq, change, conversation_id, created_at, newest_id_times)
  VALUES (
    OLD.account_id,
    coalesce((SELECT max(seq) FROM events WHERE account_id = OLD.account_id), 0) + 1,
    'deleted', OLD.id,
    unixepoch(),
    coalesce(
      (SELECT newest_id_times FROM events WHERE account_id = OLD.account_id ORDER BY seq DESC LIMIT 1),
      '00000000000000'
    )
  );
END;

CREATE TRIGGER messages_log_deleted BEFORE DELETE ON messages
WHEN NOT EXISTS (
    SELECT 1 FROM conversations INDEXED BY conversations_removed
    WHERE account_id = OLD.account_id AND id = OLD.conversation_id AND is_removed
  )
  AND (
    SELECT change = 'deleted' AND conversation_id = OLD.conversation_id AND coalesce(message_id = OLD.id, TRUE)
    FROM events WHERE account_id = OLD.account_id ORDER BY seq DESC LIMIT 1
  ) IS NOT TRUE
BEGIN
  INSERT INTO events (account_id, seq, change, conversation_id, message_id, created_at, newest_id_times)
  VALUES (
    OLD.account_id,
    coalesce((SELECT max(seq) FROM events WHERE account_id = OLD.account_id), 0) + 1,
    'deleted', OLD.conversation_id, OLD.id,
    unixepoch(),
    coalesce(
      (SELECT newest_id_times FROM events WHERE account_id = OLD.account_id ORDER BY seq DESC LIMIT 1),
      '00000000000000'
    )
  );
END;

-- The token as the API shows it, with a scope more.
ALTER TABLE tokens DROP COLUMN object;
ALTER TABLE tokens ADD COLUMN object TEXT GENERATED ALWAYS AS (
  json_object(
    'id', id,
    'name', name,
    'scopes', rtrim(
      iif(scopes & 1, 'conversations:read ', '')
        || iif(scopes & 2, 'conversations:write ', '')
        || iif(scopes & 4, 'messages:read ', '')
        || iif(scopes & 8, 'messages:write ', '')
        || iif(scopes & 16, 'tokens:write ', '')
        || iif(scopes & 32, 'events:read ', '')
    ),
    'created_at', created_at,
    'expires_at', expires_at,
    'revoked_at', revoked_at
  )
) VIRTUAL;

-- Whether the account's changes are watched live. A write learns it from the row of its token, and then rings the
-- account's bell (src/platform/bell.rs).
ALTER TABLE tokens ADD COLUMN is_watched INTEGER NOT NULL DEFAULT 0 CHECK (is_watched IN (0, 1));
