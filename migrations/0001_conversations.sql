-- Accounts, the tokens that open them, conversations and their messages.
-- Timestamps are whole Unix seconds, 0 to 253402300799. Ids are 16 base62 characters that sort by time of creation
-- (src/id.rs). Every key starts with the account: no statement can reach a row without naming its owner.

CREATE TABLE accounts (
  id         INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799)
) STRICT;

-- A token's secret is never stored, only its SHA-256. The hash is the key, so finding a caller is one row read.
CREATE TABLE tokens (
  hash        TEXT    NOT NULL PRIMARY KEY CHECK (length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*'),
  id          TEXT    NOT NULL UNIQUE CHECK (length(id) = 16 AND id NOT GLOB '*[^0-9A-Za-z]*'),
  account_id  INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  -- One bit a scope: 1 conversations:read, 2 conversations:write; the whole list is in src/auth.rs.
  scopes      INTEGER NOT NULL CHECK (scopes BETWEEN 1 AND 255),
  created_at  INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799),
  expires_at  INTEGER CHECK (expires_at BETWEEN 0 AND 253402300799),
  revoked_at  INTEGER CHECK (revoked_at BETWEEN 0 AND 253402300799),
  -- The first second at which the token opens nothing any more: one comparison tells whether it is good.
  valid_until INTEGER NOT NULL GENERATED ALWAYS AS (
    min(coalesce(expires_at, 253402300800), coalesce(revoked_at, 253402300800))
  ) VIRTUAL
) STRICT, WITHOUT ROWID;

-- The tokens of one account: `npm run token -- list`, and the cascade from accounts.
CREATE INDEX tokens_by_account ON tokens (account_id, id);

-- Clustered by (account_id, id): a page of conversations, newest first, is one range of the table itself.
CREATE TABLE conversations (
  account_id        INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  id                TEXT    NOT NULL CHECK (length(id) = 16 AND id NOT GLOB '*[^0-9A-Za-z]*'),
  contact_id        TEXT    CHECK (length(contact_id) BETWEEN 1 AND 64 AND contact_id NOT GLOB '*[^0-9A-Za-z_-]*'),
  group_id          TEXT    CHECK (length(group_id) BETWEEN 1 AND 64 AND group_id NOT GLOB '*[^0-9A-Za-z_-]*'),
  pinned_message_id TEXT,
  is_pinned         INTEGER NOT NULL DEFAULT 0 CHECK (is_pinned IN (0, 1)),
  is_muted          INTEGER NOT NULL DEFAULT 0 CHECK (is_muted IN (0, 1)),
  last_active_at    INTEGER CHECK (last_active_at BETWEEN 0 AND 253402300799),
  last_opened_at    INTEGER CHECK (last_opened_at BETWEEN 0 AND 253402300799),
  created_at        INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799),
  archived_at       INTEGER CHECK (archived_at BETWEEN 0 AND 253402300799),
  -- The three filters of a list in one number, 0 to 7: what a filter asks for is a set of states, and each state a
  -- range of an index.
  state             INTEGER NOT NULL GENERATED ALWAYS AS (
    is_pinned + 2 * is_muted + 4 * (archived_at IS NOT NULL)
  ) VIRTUAL,
  -- The conversation as the API shows it: SQLite writes the JSON, the Worker passes it on as it is.
  object            TEXT GENERATED ALWAYS AS (
    json_object(
      'id', id,
      'contact_id', contact_id,
      'group_id', group_id,
      'pinned_message_id', pinned_message_id,
      'is_pinned', json(iif(is_pinned, 'true', 'false')),
      'is_muted', json(iif(is_muted, 'true', 'false')),
      'last_active_at', last_active_at,
      'last_opened_at', last_opened_at,
      'created_at', created_at,
      'archived_at', archived_at
    )
  ) VIRTUAL,
  PRIMARY KEY (account_id, id),
  CHECK (contact_id IS NOT NULL OR group_id IS NOT NULL),
  -- Only a message of this conversation can be pinned, no matter which statement writes the row.
  FOREIGN KEY (account_id, id, pinned_message_id) REFERENCES messages (account_id, conversation_id, id)
) STRICT, WITHOUT ROWID;

-- Clustered by conversation: its messages are one range, read and deleted together.
CREATE TABLE messages (
  account_id      INTEGER NOT NULL,
  conversation_id TEXT    NOT NULL,
  id              TEXT    NOT NULL CHECK (length(id) = 16 AND id NOT GLOB '*[^0-9A-Za-z]*'),
  contact_id      TEXT    CHECK (length(contact_id) BETWEEN 1 AND 64 AND contact_id NOT GLOB '*[^0-9A-Za-z_-]*'),
  message         TEXT    NOT NULL CHECK (length(message) BETWEEN 1 AND 10000 AND instr(message, char(0)) = 0),
  read_at         INTEGER CHECK (read_at BETWEEN 0 AND 253402300799),
  created_at      INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799),
  updated_at      INTEGER CHECK (updated_at BETWEEN 0 AND 253402300799),
  PRIMARY KEY (account_id, conversation_id, id),
  FOREIGN KEY (account_id, conversation_id) REFERENCES conversations (account_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The flag filters, alone and combined, in order of creation.
CREATE INDEX conversations_by_state ON conversations (account_id, state, id);

-- The conversations of a contact, and those narrowed by flags. Partial: the others have no entry to keep up to date.
CREATE INDEX conversations_by_contact ON conversations (account_id, contact_id, id)
  WHERE contact_id IS NOT NULL;
CREATE INDEX conversations_by_contact_state ON conversations (account_id, contact_id, state, id)
  WHERE contact_id IS NOT NULL;

-- The same for a group.
CREATE INDEX conversations_by_group ON conversations (account_id, group_id, id)
  WHERE group_id IS NOT NULL;
CREATE INDEX conversations_by_group_state ON conversations (account_id, group_id, state, id)
  WHERE group_id IS NOT NULL;

-- Contact and group together. The first holds every conversation: a creation with `distinct=true` looks here for one
-- with the same contact and the same group, either of which may be missing.
CREATE INDEX conversations_by_contact_and_group ON conversations (account_id, contact_id, group_id, id);
CREATE INDEX conversations_by_contact_and_group_state ON conversations (account_id, contact_id, group_id, state, id)
  WHERE contact_id IS NOT NULL AND group_id IS NOT NULL;
