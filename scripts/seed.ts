// `npm run seed`: fills the local account with an example inbox. A fixed seed makes it the same every time, except that
// its times, and the parts of ids that come from them, are relative to the first seed. Existing rows are not changed.
import { random } from "../tests/random.ts";
import { command, options } from "./cli.ts";
import { localDatabases, migrate, query, text } from "./d1.ts";
import { EXCHANGES, GROUP_EXCHANGES, SLOTS } from "./seed/exchanges.ts";
import { DAY, HOUR, INBOX, MINUTE, type Seeded } from "./seed/inbox.ts";
import { Failure, step } from "./shared.ts";
import { BASE62, base62, databaseOf, PRESENT, TRY_AGAIN } from "./tokens.ts";

const USAGE = `Usage: npm run seed [-- --persist-to DIR]

Fills the local account of npm start with an example inbox, whose times are relative to now. Adds what is missing and
leaves existing conversations and messages unchanged. Also works while npm start runs.

  --persist-to DIR    use the local database in another state folder`;

// --- generation

const below = random(1991);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

/** An id in the API's format, without the seven characters of its time. Each call takes the next ones. */
const tail = () => Array.from({ length: 9 }, () => pick([...BASE62])).join("");
const idOf = (seconds: number, tail: string) => base62(seconds * 1000, 7) + tail;

/** One turn of an exchange. The account itself has no contact id. */
type Turn = { contact_id: string | null; message: string };

function speak(exchange: readonly string[], speakers: (string | null)[]): Turn[] {
  const filled = Object.fromEntries(Object.entries(SLOTS).map(([slot, words]) => [slot, pick(words)]));
  return exchange.map((turn) => ({
    contact_id: speakers["abc".indexOf(turn[0]!)] ?? null,
    message: turn
      .slice(3)
      .replace(/\{(\w+)\}/g, (_, slot: string) => filled[slot]!)
      .replace(/(^|[.!?] )[a-z]/g, (start) => start.toUpperCase()),
  }));
}

/** All speakers, in random order. The first three are a, b and c. */
function speakers(others: string[]): (string | null)[] {
  const all: (string | null)[] = [null, ...others];
  const chosen: (string | null)[] = [];
  while (all.length > 0) chosen.push(...all.splice(below(all.length), 1));
  return chosen;
}

/** Exchanges without end. None is repeated before all of them were used. */
function* talk(others: string[]): Generator<Turn[]> {
  const exchanges = others.length > 1 ? [...GROUP_EXCHANGES, ...EXCHANGES] : EXCHANGES;
  for (let rest = [...exchanges]; ; ) {
    if (rest.length === 0) rest = [...exchanges];
    yield speak(rest.splice(below(rest.length), 1)[0]!, speakers(others));
  }
}

function turnOf(line: string): Turn {
  const [speaker, ...words] = line.split(": ");
  return { contact_id: speaker === "me" ? null : speaker!, message: words.join(": ") };
}

interface Message extends Turn {
  id: string;
  created_at: number;
  read_at: number | null;
  updated_at: number | null;
}

const inMilliseconds = (seconds: number | null) => (seconds === null ? null : 1000 * seconds);

/** A conversation's messages, and the times when it was last opened and when it last received a message. */
function messagesOf({ earlier = 0, others = [], dialogue = [], unread = 0, ...seeded }: Seeded, now: number) {
  if (seeded.active === null) return { messages: [], last_opened_at: null, last_received_at: null };
  const [created, active] = [now - seeded.created, now - seeded.active];
  const exchanges: Turn[][] = [];
  const endless = talk(others);
  for (let count = 0; count < earlier; count += exchanges.at(-1)!.length) exchanges.push(endless.next().value);
  if (dialogue.length > 0) exchanges.push(dialogue.map(turnOf));

  // Exchanges begin between 8 a.m. and 11 p.m., the last one begins at least three hours after the others. Turns follow
  // each other within minutes.
  const morning = Math.ceil(created / DAY) * DAY + 8 * HOUR;
  const days = Math.max(1, Math.floor((active - 3 * HOUR - morning) / DAY));
  const starts = exchanges.map(() => morning + below(days) * DAY + below(15 * HOUR)).sort((a, b) => a - b);
  let time = created;
  const turns = exchanges.flatMap((exchange, n) => {
    time = Math.max(time + 15 * MINUTE, starts[n]!);
    return exchange.map((turn) => {
      time += 20 + below(240);
      return { ...turn, at: time };
    });
  });
  // The last message of the last exchange is the last activity.
  const last = exchanges.at(-1)!.length;
  const shift = active - time;
  for (const turn of turns.slice(-last)) turn.at += shift;

  const last_opened_at = unread === 0 ? active : turns.at(-unread - 1)!.at + 10;
  return {
    last_opened_at,
    last_received_at: turns.findLast(({ contact_id }) => contact_id !== null)?.at ?? null,
    messages: turns.map(
      ({ at, ...turn }): Message => ({
        id: idOf(at, tail()),
        ...turn,
        created_at: at,
        read_at: at <= last_opened_at ? Math.min(at + below(600), last_opened_at) : null,
        updated_at: below(40) === 0 && at < last_opened_at - HOUR ? at + 30 + below(300) : null,
      }),
    ),
  };
}

// --- storage

/** The account, unless requests wait until it has moved. */
const LOCAL = `accounts.name = 'local' AND ${PRESENT} AND accounts.held_at IS NULL`;

/** Inserts rows of the account, except those whose key exists. */
function insert(table: string, rows: Record<string, string | number | null>[]): string {
  const columns = Object.keys(rows[0]!);
  return `INSERT INTO ${table} (account_id, ${columns.join(", ")})
SELECT accounts.id, ${columns.map((column) => `value ->> '${column}'`).join(", ")}
FROM accounts, json_each(${text(JSON.stringify(rows))})
WHERE ${LOCAL}
ON CONFLICT DO NOTHING`;
}

/** The statements that insert the inbox as it was at a time. */
function statements(now: number) {
  const conversations: Record<string, string | number | null>[] = [];
  const messages: Record<string, string | number | null>[] = [];
  for (const [n, seeded] of INBOX.entries()) {
    const { contact_id, group_id, is_pinned, is_muted, archived, pins, dialogue = [] } = seeded;
    const at = seeded.now ?? now;
    const id = seeded.id ?? idOf(at - seeded.created, TAILS[n]!);
    const said = messagesOf(seeded, at);
    conversations.push({
      id,
      contact_id: contact_id ?? null,
      group_id: group_id ?? null,
      pinned_message_id: pins === undefined ? null : said.messages.at(pins - dialogue.length)!.id,
      is_pinned: Number(is_pinned ?? false),
      is_muted: Number(is_muted ?? false),
      last_active_ms: inMilliseconds(seeded.active === null ? null : at - seeded.active),
      last_opened_ms: inMilliseconds(said.last_opened_at),
      last_received_ms: inMilliseconds(said.last_received_at),
      created_at: at - seeded.created,
      archived_at: archived === undefined ? null : at - archived,
    });
    messages.push(...said.messages.map((message) => ({ conversation_id: id, ...message })));
  }

  // A pinned message and its conversation refer to each other: foreign keys must be checked after both are inserted.
  // A statement must be smaller than D1's limit of 100 kB.
  const sql = [
    "PRAGMA defer_foreign_keys = ON",
    `INSERT INTO accounts (name, created_at) VALUES ('local', ${now}) ON CONFLICT DO NOTHING`,
    insert("conversations", conversations),
  ];
  for (let at = 0; at < messages.length; at += 150) sql.push(insert("messages", messages.slice(at, at + 150)));
  sql.push(`SELECT 1 FROM accounts WHERE ${LOCAL}`);
  return { conversations, messages, sql };
}

/** The ends of the conversations' ids. */
const TAILS = INBOX.map(({ id }) => (id === undefined ? tail() : id.slice(7)));

/** Finds the time of the first seed: that of any of its conversations, as long as one is left. */
const AGES = INBOX.flatMap(({ created, now }, n) => (now === undefined ? [{ tail: TAILS[n], age: created }] : []));
const FIRST_SEED = `SELECT conversations.created_at + (value ->> 'age') AS now
FROM accounts
JOIN conversations ON conversations.account_id = accounts.id
JOIN json_each(${text(JSON.stringify(AGES))}) ON value ->> 'tail' = substr(conversations.id, 8)
WHERE ${LOCAL}
LIMIT 1`;

await command(USAGE, async (args) => {
  const { values } = options(args, { "persist-to": { type: "string" } });
  const databases = localDatabases(values["persist-to"]);
  await step(databases.length === 1 ? "Database" : "Databases", () => Promise.all(databases.map(migrate)));
  const inbox = await step("Inbox", async () => {
    const database = (await databaseOf(databases, "local")) ?? databases[0]!;
    const [found = []] = await query(database, FIRST_SEED);
    const inbox = statements(Number(found[0]?.now ?? Math.floor(Date.now() / 1000)));
    const results = await query(database, ...inbox.sql);
    if (results.at(-1)!.length === 0) throw new Failure(`The account 'local' is being moved. ${TRY_AGAIN}`);
    return inbox;
  });
  const { conversations, messages } = inbox;
  console.log(
    `The local account has the inbox: ${conversations.length} conversations, ${messages.length} messages. ` +
      "Existing ones were not changed.",
  );
});
