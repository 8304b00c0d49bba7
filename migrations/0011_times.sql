-- When an object was created, its id tells: it begins with the milliseconds. So `since` and `until` of a list are a
-- range of ids, and need no index of their own. Ids of other objects tell nothing: those that the API's own page
-- shows, those of an operator's own SQL, and those that are made after an id of the far future. An account that has
-- such objects is found by a partial index, which costs the others nothing.

-- Whether the id tells another second than `created_at`.
ALTER TABLE conversations ADD COLUMN is_undated INTEGER GENERATED ALWAYS AS (
  created_at <> (
      (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 1, 1)) - 1) * 56800235584
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 2, 1)) - 1) * 916132832
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 3, 1)) - 1) * 14776336
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 4, 1)) - 1) * 238328
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 5, 1)) - 1) * 3844
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 6, 1)) - 1) * 62
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 7, 1)) - 1)
    ) / 1000
) VIRTUAL;
CREATE INDEX conversations_undated ON conversations (account_id) WHERE is_undated;

ALTER TABLE messages ADD COLUMN is_undated INTEGER GENERATED ALWAYS AS (
  created_at <> (
      (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 1, 1)) - 1) * 56800235584
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 2, 1)) - 1) * 916132832
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 3, 1)) - 1) * 14776336
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 4, 1)) - 1) * 238328
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 5, 1)) - 1) * 3844
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 6, 1)) - 1) * 62
      + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(id, 7, 1)) - 1)
    ) / 1000
) VIRTUAL;
CREATE INDEX messages_undated ON messages (account_id) WHERE is_undated;
