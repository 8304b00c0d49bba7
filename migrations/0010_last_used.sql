-- When a token was last used, to the day.

-- 00:00 UTC of the day. Null: not since this column exists. Written after the response of the first request of a day
-- (src/last_use.rs), so that no other request writes a row for it.
ALTER TABLE tokens ADD COLUMN last_used_at INTEGER
  CHECK (last_used_at BETWEEN 0 AND 253402300799 AND last_used_at % 86400 = 0);

-- The token as the API shows it, with one attribute more.
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
    'last_used_at', last_used_at,
    'revoked_at', revoked_at
  )
) VIRTUAL;

-- Its tag has two parts: what a request can change of the token, which `If-Match` is about, and the day of the last
-- use.
ALTER TABLE tokens DROP COLUMN tag;
ALTER TABLE tokens ADD COLUMN tag TEXT GENERATED ALWAYS AS (
  coalesce(id || '-' || revoked_at, id) || '.' || coalesce(last_used_at / 86400, 0)
) VIRTUAL;
