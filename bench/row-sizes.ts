// The size of a row in the database, with its indexes: `node bench/row-sizes.ts`. It adds 100,000 rows of each kind to
// an empty database and divides the growth that D1 reports. docs/SCALING.md has the figures.
import { fileURLToPath } from "node:url";
import "../tests/quiet.ts";

const { createTestHarness } = await import("wrangler");

const ROWS = 100_000;
const root = fileURLToPath(new URL("..", import.meta.url));
const server = createTestHarness({ root, workers: [{ configPath: "wrangler.toml" }] });
await server.listen();
const worker = server.getWorker<{ DB: any }>();
await worker.applyD1Migrations("DB");
const { DB } = await worker.getEnv();
const run = (sql: string, ...params: unknown[]) =>
  DB.prepare(sql)
    .bind(...params)
    .run();
const bytes = async (): Promise<number> => (await run("SELECT 1")).meta.size_after;

const NUMBERS = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${ROWS})`;
/** Random hexadecimal text. */
const random = (digits: number) => `substr(lower(hex(randomblob(${digits}))), 1, ${digits})`;
/** An id whose first characters grow with n, as those of real ids grow with time. */
const id = `printf('V%06d', n) || ${random(9)}`;

// Without the triggers that log changes: an event is measured by itself.
for (const change of ["conversations_log_created", "messages_log_created"]) await run(`DROP TRIGGER ${change}`);
await run("INSERT INTO accounts (id, name, created_at) VALUES (1, 'measured', 0)");

async function measure(what: string, sql: string): Promise<void> {
  const before = await bytes();
  const { meta } = await run(`${NUMBERS} ${sql}`);
  console.log(
    `${what}: ${Math.round(((await bytes()) - before) / ROWS)} bytes, ${meta.rows_written / ROWS} rows written`,
  );
}

const conversation = (contact: string, group: string) =>
  `INSERT INTO conversations (account_id, id, contact_id, group_id, created_at, last_active_ms, last_opened_ms,
                               last_received_ms, changed_by)
   SELECT 1, ${id}, ${contact}, ${group}, 1795387096, 1795387096000, 1795387096000, 1795387096000, ${id} FROM numbers`;
await measure("conversation with a contact", conversation(random(16), "NULL"));
await measure("conversation with a group", conversation("NULL", random(16)));
await measure("conversation with both", conversation(random(16), random(16)));

const text = (characters: number) =>
  `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
   SELECT 1, (SELECT min(id) FROM conversations), ${id}, ${random(characters)}, 1795387096 FROM numbers`;
await measure("message of 100 characters", text(100));
await measure("message of 1,000 characters", text(1000));

const event = (message: string) =>
  `INSERT INTO events (account_id, seq, change, conversation_id, message_id, request_id, created_at, newest_id_times)
   SELECT 1, coalesce((SELECT max(seq) FROM events), 0) + n, 'created', ${id}, ${message}, ${id}, 1795387096,
     'V000001V000001'
   FROM numbers`;
await measure("event of a conversation", event("NULL"));
await measure("event of a message", event(id));

// The object is the message, as a response has it.
const object = `json_object('object', 'message', 'id', ${id}, 'conversation_id', ${id}, 'message', ${random(100)},
  'contact_id', ${random(16)}, 'created_at', 1795387096, 'read_at', NULL)`;
await measure(
  "idempotency key of a message of 100 characters",
  `INSERT INTO idempotency_keys (account_id, key, fingerprint, request_id, outcome, position, tag, object, expires_at)
   SELECT 1, ${random(36)}, ${random(64)}, ${id}, 'created', ${id}, ${id}, ${object}, 1795387096 + n FROM numbers`,
);

await server.close();
