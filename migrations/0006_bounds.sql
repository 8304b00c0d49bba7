-- Deletion in steps, quotas, and a revocation that nothing undoes.

-- A conversation that was deleted while it had more than a thousand messages: no statement shows or counts it, nor its
-- messages, which are deleted in steps, and it with the last of them (src/sweep.rs).
ALTER TABLE conversations ADD COLUMN is_removed INTEGER NOT NULL DEFAULT 0 CHECK (is_removed IN (0, 1));

-- Those that are being removed. Partial: the others have no entry to keep up to date.
CREATE INDEX conversations_removed ON conversations (account_id, id) WHERE is_removed;

-- A token that was revoked is never valid again, also when the clock jumps back. One that was rotated ends later, at
-- `revoked_at`, and can be revoked before.
ALTER TABLE tokens ADD COLUMN is_revoked INTEGER NOT NULL DEFAULT 0 CHECK (is_revoked IN (0, 1));
UPDATE tokens SET is_revoked = 1 WHERE revoked_at <= unixepoch();

-- The first second at which the token opens nothing any more: one comparison tells whether it is valid.
ALTER TABLE tokens DROP COLUMN valid_until;
ALTER TABLE tokens ADD COLUMN valid_until INTEGER NOT NULL GENERATED ALWAYS AS (
  iif(is_revoked, 0, min(coalesce(expires_at, 253402300800), coalesce(revoked_at, 253402300800)))
) VIRTUAL;

-- The valid tokens of an account, which its quota bounds, are one range.
CREATE INDEX tokens_by_end ON tokens (account_id, valid_until);

-- The token that took its place when it was rotated.
ALTER TABLE tokens ADD COLUMN successor_id TEXT;

-- Whether the account is beyond its quota, which the sweep finds out: a write learns it from the row of its token.
ALTER TABLE tokens ADD COLUMN is_full INTEGER NOT NULL DEFAULT 0 CHECK (is_full IN (0, 1));

-- The quota: valid tokens, objects (conversations and messages), and bytes of the messages' texts in UTF-8. The
-- operator changes it with `npm run accounts`.
ALTER TABLE accounts ADD COLUMN max_tokens INTEGER NOT NULL DEFAULT 100 CHECK (max_tokens >= 0);
ALTER TABLE accounts ADD COLUMN max_objects INTEGER NOT NULL DEFAULT 2000000 CHECK (max_objects >= 0);
ALTER TABLE accounts ADD COLUMN max_bytes INTEGER NOT NULL DEFAULT 1000000000 CHECK (max_bytes >= 0);

-- What the account uses, as the sweep counted it (src/sweep/): everything up to these ids. New ids come after them.
ALTER TABLE accounts ADD COLUMN objects INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN counted_conversation_id TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN counted_message_id TEXT NOT NULL DEFAULT '';

-- A second count, from the start up to these ids, which sees what was deleted or updated. When it is done, it takes the
-- place of the first.
ALTER TABLE accounts ADD COLUMN recounted_objects INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN recounted_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN recounted_conversation_id TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN recounted_message_id TEXT NOT NULL DEFAULT '';

-- When the sweep counts the account next, and from when on it also counts it from the start.
ALTER TABLE accounts ADD COLUMN count_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN recount_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX accounts_by_count_at ON accounts (count_at);

-- While this is true, creations are refused.
ALTER TABLE accounts ADD COLUMN is_full INTEGER GENERATED ALWAYS AS (
  objects >= max_objects OR bytes >= max_bytes
) VIRTUAL;

-- The account's tokens follow, no matter which statement changes the use or the quota. A recount repairs those that
-- differ.
CREATE TRIGGER accounts_counted AFTER UPDATE OF objects, bytes, max_objects, max_bytes ON accounts
WHEN NEW.is_full <> OLD.is_full OR NEW.recount_at <> OLD.recount_at
BEGIN
  UPDATE tokens SET is_full = NEW.is_full WHERE account_id = NEW.id AND is_full <> NEW.is_full;
END;

-- An account that becomes full is counted from the start at once: what was deleted since then may make room.
CREATE TRIGGER accounts_full AFTER UPDATE OF objects, bytes, max_objects, max_bytes ON accounts
WHEN NEW.is_full > OLD.is_full
BEGIN
  UPDATE accounts SET count_at = unixepoch(), recount_at = 0 WHERE id = NEW.id;
END;

-- While an account is full, what is deleted makes room at once, also in a count that is under way.
CREATE TRIGGER conversations_uncounted AFTER DELETE ON conversations
WHEN (SELECT is_full AND OLD.id <= counted_conversation_id FROM accounts WHERE id = OLD.account_id)
BEGIN
  UPDATE accounts
  SET objects = objects - 1, recounted_objects = recounted_objects - (OLD.id <= recounted_conversation_id)
  WHERE id = OLD.account_id;
END;

CREATE TRIGGER messages_uncounted AFTER DELETE ON messages
WHEN (SELECT is_full AND OLD.id <= counted_message_id FROM accounts WHERE id = OLD.account_id)
BEGIN
  UPDATE accounts
  SET
    objects = objects - 1,
    bytes = bytes - octet_length(OLD.message),
    recounted_objects = recounted_objects - (OLD.id <= recounted_message_id),
    recounted_bytes = recounted_bytes - iif(OLD.id <= recounted_message_id, octet_length(OLD.message), 0)
  WHERE id = OLD.account_id;
END;
