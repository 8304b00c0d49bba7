-- Webhooks: endpoints, each a URL and a position in the log of changes, and their last attempts.

CREATE TABLE webhooks (
  account_id       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  id               TEXT    NOT NULL CHECK (length(id) = 16 AND id NOT GLOB '*[^0-9A-Za-z]*'),
  url              TEXT    NOT NULL CHECK (length(url) BETWEEN 1 AND 1000),
  -- One bit for each type of event (src/webhooks/input.rs). Null: all types, also those to come.
  types            INTEGER CHECK (types BETWEEN 1 AND 255),
  description      TEXT,
  created_at       INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799),
  -- The scopes of the token that set the URL: what it may not read is not sent there.
  scopes           INTEGER NOT NULL,
  -- The request that made the last change, first the creation. Deliveries don't count as changes.
  changed_by       TEXT    NOT NULL,

  -- Secrets are derived from the Worker's WEBHOOK_KEY and a salt, which is the id of the request that asked for one.
  -- For a while after a rotation the one from before signs too.
  salt             TEXT    NOT NULL,
  previous_salt    TEXT,
  previous_until   INTEGER,

  is_enabled       INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
  disabled_reason  TEXT CHECK (disabled_reason IN ('requested', 'gone', 'failing', 'position_expired')),
  -- The last event that was delivered, or that is of a type not asked for: its number in the log, and its id.
  seq              INTEGER NOT NULL,
  last_event_id    TEXT    NOT NULL,
  -- How many attempts have failed since the last success, when the first of them was, and when the next one is due.
  failures         INTEGER NOT NULL DEFAULT 0,
  failing_since    INTEGER,
  next_attempt_at  INTEGER,
  -- How many attempts there were.
  attempts         INTEGER NOT NULL DEFAULT 0,
  -- The id of a ping that is to be sent.
  ping_id          TEXT,
  PRIMARY KEY (account_id, id),
  CHECK (is_enabled = (disabled_reason IS NULL))
) STRICT, WITHOUT ROWID;

-- Those that get events. The sweep looks at each of them.
CREATE INDEX webhooks_enabled ON webhooks (account_id) WHERE is_enabled;

-- An endpoint as the API shows it. `behind` is how many events of its types are not delivered yet, up to 1000: where it
-- asks for some types only, among the next 1000 events of the log. Then these rows are read, else one. The tag has
-- two parts: that of the settings, which is the request that made them, and that of the state, which deliveries change.
CREATE VIEW webhooks_shown AS
SELECT
  account_id, id, changed_by, salt, seq, last_event_id, is_enabled,
  changed_by || printf(
    '-%x.%x.%x.%x.%x',
    is_enabled, seq, failures, coalesce(next_attempt_at, 0),
    (SELECT max(seq) FROM events WHERE events.account_id = webhooks.account_id)
  ) AS tag,
  json_object(
    'id', id,
    'url', url,
    'types', json(
      '[' || rtrim(
        iif(types & 1, '"conversation.created",', '')
          || iif(types & 2, '"conversation.updated",', '')
          || iif(types & 4, '"conversation.deleted",', '')
          || iif(types & 8, '"message.created",', '')
          || iif(types & 16, '"message.updated",', '')
          || iif(types & 32, '"message.deleted",', ''),
        ','
      ) || iif(types IS NULL, NULL, ']')
    ),
    'description', description,
    'status', iif(is_enabled, 'enabled', 'disabled'),
    'disabled_reason', disabled_reason,
    'last_event_id', last_event_id,
    'behind', iif(
      types IS NULL,
      min(1000, max(0, coalesce((SELECT max(seq) FROM events WHERE events.account_id = webhooks.account_id), 0) - seq)),
      (
        SELECT min(1000, count(*)) FROM events -- PRIMARY KEY (account_id, seq)
        WHERE events.account_id = webhooks.account_id
          AND events.seq BETWEEN webhooks.seq + 1 AND webhooks.seq + 1000
          AND webhooks.types
            & iif(message_id IS NULL, 1, 8) * CASE change WHEN 'created' THEN 1 WHEN 'updated' THEN 2 ELSE 4 END
      )
    ),
    'failing_since', failing_since,
    'next_attempt_at', next_attempt_at,
    'created_at', created_at
  ) AS object
FROM webhooks;

-- The last hundred attempts of each endpoint: the next one takes the slot of the oldest. So an attempt writes one row.
CREATE TABLE webhook_attempts (
  account_id INTEGER NOT NULL,
  webhook_id TEXT    NOT NULL,
  slot       INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 99),
  -- Counts the attempts of the endpoint from 1.
  number     INTEGER NOT NULL,
  event_id   TEXT    NOT NULL,
  type       TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  -- Of the response. Null where none came.
  status     INTEGER,
  -- Why there was no response, or no whole one.
  error      TEXT,
  -- Milliseconds.
  duration   INTEGER NOT NULL,
  PRIMARY KEY (account_id, webhook_id, slot)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER webhooks_deleted AFTER DELETE ON webhooks
BEGIN
  DELETE FROM webhook_attempts WHERE account_id = OLD.account_id AND webhook_id = OLD.id;
END;

-- While an endpoint gets events, the account's changes are watched: each write rings the bell. Tokens that are made
-- later follow.
CREATE TRIGGER webhooks_watch_created AFTER INSERT ON webhooks
BEGIN
  UPDATE tokens SET is_watched = 1
  WHERE account_id = NEW.account_id AND valid_until > unixepoch() AND NOT is_watched;
END;

CREATE TRIGGER webhooks_watch_enabled AFTER UPDATE OF is_enabled ON webhooks WHEN NEW.is_enabled > OLD.is_enabled
BEGIN
  UPDATE tokens SET is_watched = 1
  WHERE account_id = NEW.account_id AND valid_until > unixepoch() AND NOT is_watched;
END;

CREATE TRIGGER tokens_watch AFTER INSERT ON tokens
WHEN NOT NEW.is_watched AND EXISTS (
  SELECT 1 FROM webhooks INDEXED BY webhooks_enabled WHERE account_id = NEW.account_id AND is_enabled
)
BEGIN
  UPDATE tokens SET is_watched = 1 WHERE hash = NEW.hash;
END;

-- How many endpoints the account may have.
ALTER TABLE accounts ADD COLUMN max_webhooks INTEGER NOT NULL DEFAULT 50 CHECK (max_webhooks >= 0);

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
        || iif(scopes & 64, 'webhooks:write ', '')
    ),
    'created_at', created_at,
    'expires_at', expires_at,
    'revoked_at', revoked_at
  )
) VIRTUAL;
