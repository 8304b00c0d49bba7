-- What was answered to a POST with an Idempotency-Key moves from one packed text into columns, one for each thing that
-- the answering statement finds (src/query.rs). An answer was `outcome TAB tag TAB object`, for a message `tag TAB
-- object`, and for a token that was refused `outcome TAB`.

ALTER TABLE idempotency_keys ADD COLUMN outcome TEXT;
ALTER TABLE idempotency_keys ADD COLUMN position TEXT;
ALTER TABLE idempotency_keys ADD COLUMN tag TEXT;
ALTER TABLE idempotency_keys ADD COLUMN object TEXT;

UPDATE idempotency_keys
SET object = substr(answer, instr(answer, '{')), tag = substr(answer, 1, instr(answer, '{') - 2)
WHERE instr(answer, '{');

UPDATE idempotency_keys
SET position = object ->> 'id'
WHERE object IS NOT NULL;

UPDATE idempotency_keys
SET outcome = substr(tag, 1, instr(tag, char(9)) - 1), tag = substr(tag, instr(tag, char(9)) + 1)
WHERE instr(tag, char(9));

UPDATE idempotency_keys
SET outcome = substr(answer, 1, instr(answer, char(9)) - 1)
WHERE object IS NULL;

-- Of a new token the outcome is its salt, 32 characters. The secret is added to its object outside the database, so the
-- object lacks its closing brace.
UPDATE idempotency_keys
SET object = substr(object, 1, length(object) - 1)
WHERE length(outcome) = 32;

ALTER TABLE idempotency_keys DROP COLUMN answer;
