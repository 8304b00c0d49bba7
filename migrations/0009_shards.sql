-- Many databases: an account can move from one to another, with `npm run databases -- move` (scripts/move.ts).

-- The number of the database that the account has moved to. Then only this row and those of its tokens stay here, and
-- lead the way.
ALTER TABLE accounts ADD COLUMN moved_to INTEGER CHECK (moved_to >= 0);

-- Since when requests of the account wait for the last step of its move. After a minute the sweep lets them go on.
ALTER TABLE accounts ADD COLUMN held_at INTEGER CHECK (held_at BETWEEN 0 AND 253402300799);
CREATE INDEX accounts_held ON accounts (held_at) WHERE held_at IS NOT NULL;

-- Of an account that is arriving from another database: how far the copy is, in JSON. It is not complete, and no
-- request finds it.
ALTER TABLE accounts ADD COLUMN arrival TEXT;

-- While the account is held, and after it has moved, `scopes` is 128: a bit that no endpoint asks for. So no statement
-- finds the account with the token. These are the scopes that it had.
ALTER TABLE tokens ADD COLUMN held_scopes INTEGER CHECK (held_scopes BETWEEN 1 AND 255);

-- Nothing is delivered to an endpoint of an account that is held.
ALTER TABLE webhooks ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0 CHECK (is_held IN (0, 1));
