-- Idempotency keys, entity tags, and tokens that are managed through the API.

-- The request that changed a row last; null when none did since the one that made it, whose id the row has for its own.
-- The tag names the state that the row is in: the object's ETag (RFC 9110, section 8.8.3).
ALTER TABLE conversations ADD COLUMN changed_by TEXT;
ALTER TABLE conversations ADD COLUMN tag TEXT GENERATED ALWAYS AS (coalesce(changed_by, id)) VIRTUAL;

ALTER TABLE messages ADD COLUMN changed_by TEXT;
ALTER TABLE messages ADD COLUMN tag TEXT GENERATED ALWAYS AS (coalesce(changed_by, id)) VIRTUAL;

-- Un-pinning changes the conversation, so its tag changes too. The message's id alone has been the tag already: sending
-- the message changed the conversation by that name. But a message is deleted once.
DROP TRIGGER messages_unpin;
CREATE TRIGGER messages_unpin BEFORE DELETE ON messages
BEGIN
  UPDATE conversations SET pinned_message_id = NULL, changed_by = OLD.id || '-deleted'
  WHERE account_id = OLD.account_id AND id = OLD.conversation_id AND pinned_message_id = OLD.id;
END;

-- A token by its id within its account. Unique, so that only its own entry is read.
DROP INDEX tokens_by_account;
CREATE UNIQUE INDEX tokens_by_account ON tokens (account_id, id);

-- The token as the API shows it, and its tag: all that can change of one is when it was revoked.
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
    ),
    'created_at', created_at,
    'expires_at', expires_at,
    'revoked_at', revoked_at
  )
) VIRTUAL;
ALTER TABLE tokens ADD COLUMN tag TEXT GENERATED ALWAYS AS (coalesce(id || '-' || revoked_at, id)) VIRTUAL;

-- What was answered to a POST with an Idempotency-Key, for as long as the key is remembered (src/idempotency.rs).
CREATE TABLE idempotency_keys (
  account_id  INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  key         TEXT    NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  -- SHA-256 of the request's content: the same key with another content is a mistake.
  fingerprint TEXT    NOT NULL CHECK (length(fingerprint) = 64 AND fingerprint NOT GLOB '*[^0-9a-f]*'),
  -- The request that was answered.
  request_id  TEXT    NOT NULL CHECK (length(request_id) = 16 AND request_id NOT GLOB '*[^0-9A-Za-z]*'),
  -- What the statement that answers found; null where it found nothing.
  answer      TEXT,
  expires_at  INTEGER NOT NULL CHECK (expires_at BETWEEN 0 AND 253402300799),
  PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

-- The keys that have expired, oldest first.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
