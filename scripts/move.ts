// Moves an account to another database: `npm run databases -- move`. Everything is copied while the account goes on.
// Then its requests wait for as long as it takes to copy the last changes. Each step can be repeated: after an
// interruption the same command goes on where the copy stands.
import { isDeepStrictEqual } from "node:util";
import { type Database, numberOf, query, type Row, type Statement, text } from "./d1.ts";
import { Failure, step } from "./shared.ts";

/** An account in one database, by its number there. */
type Side = { database: Database; id: number };

/** How far the copy is: `accounts.arrival` of the account in the target. It is written with the rows that it stands
 * for. */
type Progress = {
  /** The number of the source, and that of the account there. */
  from: number;
  account: number;
  /** The number of the last event whose changes the copy has. At first that of the newest one when the copy began. */
  seq: number;
  /** The last expiry time of the idempotency keys that are copied. */
  keys: number;
  /** The tables that are copied. The number of rows, and the key of the last one: null at the end of the table. */
  tables: Record<string, { rows: number; last: (string | number)[] | null }>;
};

/** A row of `accounts` with the name of the account that is to move. */
type Found = Side & { movedTo: number | null; arrival: Progress | null };

/** The tables that have rows of an account, each with its key after the account. */
export const KEYS = {
  conversations: ["id"],
  messages: ["conversation_id", "id"],
  events: ["seq"],
  idempotency_keys: ["key"],
  tokens: ["id"],
  webhooks: ["id"],
  webhook_attempts: ["webhook_id", "slot"],
} as const;
type Table = keyof typeof KEYS;

/** The tables that are copied while the account goes on, in an order in which each row finds what it refers to. */
const LARGE = ["conversations", "messages", "events", "idempotency_keys"] as const;

/** A page of a table: D1 takes 2 MB for one parameter. */
const PAGE_ROWS = 2000;
const PAGE_BYTES = 500_000;
/** How many events name the objects that are copied again in one call. */
const PAGE_EVENTS = 200;
/** How many rows one statement deletes. */
const DELETED_ROWS = 1000;

/** The account's requests wait only when there are fewer changes left than this. */
const FEW_EVENTS = 100;
const MAX_ROUNDS = 1000;
/** How often the last step is tried again, if the sweep let the requests go on before it was done. */
const MAX_HOLDS = 3;
/** How far the clock of a database may jump back. Keys have no order but that of their expiry time. */
const CLOCK_SECONDS = 300;
const HELD_CLOCK_SECONDS = 10;
const KEYS_DIFFER = "idempotency keys";
/** Keys that expire sooner may be deleted during the comparison. */
const KEPT_SECONDS = 60;
/** The scopes of a token while its account is held, and after it has moved (src/moved.rs). */
const HELD = 128;
/** What tells the columns of an account that stay in its database. */
const OWN_COLUMNS = ["id", "name", "moved_to", "held_at", "arrival"];

/** Ends this process after so many calls: how the tests interrupt a move at each of its steps. */
const KILLED_AFTER = Number(process.env.KILL_MOVE_AFTER_CALLS);
let calls = 0;

async function call(database: Database, ...statements: Statement[]): Promise<Row[][]> {
  const rows = await query(database, ...statements);
  if (++calls === KILLED_AFTER) process.kill(process.pid, "SIGKILL");
  return rows;
}

const statement = (sql: string, ...parameters: (string | number | null)[]): Statement => ({ sql, parameters });

/** Moves the account with this name, or goes on with its move. Returns what to tell. */
export async function move(databases: Database[], name: string, to: Database): Promise<string> {
  const rows = await find(databases, name);
  const present = rows.find(({ movedTo, arrival }) => movedTo === null && arrival === null);
  const arriving = rows.find(({ arrival }) => arrival !== null);
  if (present === undefined && arriving === undefined) throw new Failure(`There is no account '${name}'.`);
  if (arriving !== undefined && arriving.database !== to) {
    const { binding } = arriving.database;
    throw new Failure(
      `A move of '${name}' to ${binding} was begun. End it with --to ${binding}` +
        `${present === undefined ? "" : ", or undo it with --cancel"}.`,
    );
  }
  if (present?.database === to) {
    await clean(databases, name, to);
    return `The account '${name}' is in ${to.binding}.`;
  }

  let told = "The copy was complete.";
  let target: Side;
  if (present === undefined) target = arriving!;
  else {
    const columns = await columnsOf(present.database, to);
    const mover = new Mover(present, await arrive(present, to, name, rows), columns);
    target = mover.target;
    await mover.copy();
    const milliseconds = await mover.switch();
    told = `${mover.summary()} Requests of the account waited for ${(milliseconds / 1000).toFixed(2)} s.`;
  }
  await step(`Begin in ${to.binding}`, () => complete(target));
  await clean(databases, name, to);
  return `The account '${name}' has moved to ${to.binding}. ${told}`;
}

/** Undoes a move that is not complete. */
export async function cancel(databases: Database[], name: string): Promise<string> {
  const rows = await find(databases, name);
  const present = rows.find(({ movedTo, arrival }) => movedTo === null && arrival === null);
  const arriving = rows.find(({ arrival }) => arrival !== null);
  if (present === undefined && arriving !== undefined) {
    const { binding } = arriving.database;
    throw new Failure(`The account '${name}' has moved already. To end the move: --to ${binding}`);
  }
  if (present === undefined) throw new Failure(`There is no account '${name}'.`);
  await release(present);
  if (arriving === undefined) return `The account '${name}' is not being moved. It is in ${present.database.binding}.`;
  await step(`Delete the copy in ${arriving.database.binding}`, async (onLine) => {
    await deleteRows(arriving, onLine);
    // An account that was here before leaves its row, and those of its tokens: they lead to where it is.
    await call(
      arriving.database,
      `DELETE FROM tokens WHERE account_id = ${arriving.id} AND held_scopes IS NULL`,
      `UPDATE accounts SET arrival = NULL WHERE id = ${arriving.id} AND moved_to IS NOT NULL`,
      `DELETE FROM accounts WHERE id = ${arriving.id} AND moved_to IS NULL`,
    );
  });
  return `The move of '${name}' is undone. The account is in ${present.database.binding}.`;
}

/** All rows of `accounts` with this name. */
async function find(databases: Database[], name: string): Promise<Found[]> {
  const found = await Promise.all(
    databases.map(async (database) => {
      const [rows] = await call(database, `SELECT id, moved_to, arrival FROM accounts WHERE name = ${text(name)}`);
      return rows!.map((row) => ({
        database,
        id: Number(row.id),
        movedTo: row.moved_to as number | null,
        arrival: row.arrival === null ? null : (JSON.parse(String(row.arrival)) as Progress),
      }));
    }),
  );
  return found.flat();
}

/** The columns of each table that are stored, which must be the same in both databases. */
async function columnsOf(source: Database, target: Database): Promise<Record<string, string[]>> {
  const tables = [...Object.keys(KEYS), "accounts"];
  const [columns, others] = await Promise.all(
    [source, target].map(async (database) => {
      const all = await call(database, ...tables.map((table) => `PRAGMA table_xinfo(${table})`));
      // `hidden` tells columns that are generated.
      return all.map((columns) => columns.filter(({ hidden }) => hidden === 0).map((column) => String(column.name)));
    }),
  );
  if (!isDeepStrictEqual(columns, others)) {
    throw new Failure(`${source.binding} and ${target.binding} have different tables: run \`npm run deploy\`.`);
  }
  return Object.fromEntries(tables.map((table, n) => [table, columns![n]!.filter((name) => name !== "account_id")]));
}

/** The account in the target, and how far its copy is. An account that was here before gets its row again. */
async function arrive(source: Side, to: Database, name: string, rows: Found[]): Promise<Side & { progress: Progress }> {
  const from = numberOf(source.database.binding)!;
  const row = rows.find(({ database }) => database === to);
  if (row?.arrival) {
    if (row.arrival.from !== from || row.arrival.account !== source.id) {
      throw new Failure(`${to.binding} has a copy of '${name}' from another database. Undo that move with --cancel.`);
    }
    return { database: to, id: row.id, progress: row.arrival };
  }
  if (row) await step(`Delete what '${name}' left in ${to.binding}`, (onLine) => deleteRows(row, onLine));
  const [[newest], [keys]] = await call(
    source.database,
    `SELECT max(seq) AS seq FROM events WHERE account_id = ${source.id}`,
    `SELECT max(expires_at) AS at FROM idempotency_keys WHERE account_id = ${source.id}`,
  );
  const progress: Progress = {
    from,
    account: source.id,
    seq: Number(newest!.seq ?? -1),
    keys: Number(keys!.at ?? 0),
    tables: {},
  };
  const [, [created]] = await call(
    to,
    statement(
      `INSERT INTO accounts (name, created_at, arrival) VALUES (?1, unixepoch(), ?2)
       ON CONFLICT (name) DO UPDATE SET arrival = excluded.arrival`,
      name,
      JSON.stringify(progress),
    ),
    statement("SELECT id FROM accounts WHERE name = ?1", name),
  );
  return { database: to, id: Number(created!.id), progress };
}

class Mover {
  readonly source: Side;
  readonly target: Side;
  readonly #progress: Progress;
  readonly #columns: Record<string, string[]>;

  constructor(source: Side, { progress, ...target }: Side & { progress: Progress }, columns: Record<string, string[]>) {
    this.source = source;
    this.target = target;
    this.#progress = progress;
    this.#columns = columns;
  }

  /** Copies what there is, and then what has changed since, until few changes are left. */
  async copy(): Promise<void> {
    for (const table of LARGE) {
      await step(`Copy ${table.replace("_", " ")}`, (onLine) => this.#copyTable(table, onLine));
    }
    await step("Copy pins", () => this.#copyTable("conversations", () => {}, "pins"));
    await step("Copy what has changed", async (onLine) => {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const copied = await this.#copyChanges();
        await this.#copyKeys(CLOCK_SECONDS);
        if (copied < FEW_EVENTS) return;
        onLine(`${copied} changes`);
      }
      throw new Failure("The account changes faster than it is copied. Try again when it changes less.");
    });
  }

  /** Lets the requests of the account wait, copies the last changes, and makes the target the account's database.
   * Returns for how many milliseconds requests waited. */
  async switch(): Promise<number> {
    return step(`Switch from ${this.source.database.binding} to ${this.target.database.binding}`, async (onLine) => {
      for (let hold = 1; ; hold++) {
        const begin = performance.now();
        const heldAt = await this.#hold();
        let difference: string | undefined;
        try {
          await this.#copyRest();
          difference = await this.#difference(heldAt);
          if (difference === undefined && (await this.#commit(heldAt))) return performance.now() - begin;
        } catch (error) {
          // If even this fails, the sweep does it after a minute.
          await release(this.source).catch(() => {});
          throw error;
        }
        await release(this.source);
        // Then all are copied again.
        if (difference === KEYS_DIFFER) await this.#write({ keys: 0 }, []);
        if (hold === MAX_HOLDS) {
          throw new Failure(
            difference === undefined
              ? "The last step took more than a minute, so nothing was switched. Run the command again."
              : `The copy differs (${difference}), so nothing was switched. Run the command again, or use --cancel.`,
          );
        }
        onLine(
          difference === undefined ? "It took too long, once more" : `The copy differs (${difference}), once more`,
        );
      }
    });
  }

  /** What was copied while the account went on. */
  summary(): string {
    const copied = LARGE.map((table) => {
      const rows = this.#progress.tables[table]?.rows ?? 0;
      return `${rows.toLocaleString("en")} ${table.replace("_", " ")}`;
    });
    return `Copied: ${copied.join(", ")}, and what changed in that time.`;
  }

  /** Copies a table in pages, from where the copy stands. */
  async #copyTable(table: (typeof LARGE)[number], onLine: (line: string) => void, name: string = table): Promise<void> {
    const key = KEYS[table];
    const columns = this.#columns[table]!;
    let { rows, last }: Progress["tables"][string] = this.#progress.tables[name] ?? { rows: 0, last: [] };
    while (last !== null) {
      const conditions = [
        last.length > 0 && `(${key}) > (${key.map((_, n) => `?${n + 2}`)})`,
        // Later ones are copied with the changes that they stand for.
        table === "events" && `seq <= ${this.#progress.seq}`,
        name === "pins" && "pinned_message_id IS NOT NULL",
      ].filter(Boolean);
      const [page] = await call(
        this.source.database,
        statement(
          firstPage(
            `SELECT ${key}, json_array(${columns}) AS row FROM ${table}
             WHERE ${["account_id = ?1", ...conditions].join(" AND ")}`,
            key,
          ),
          this.source.id,
          ...last,
        ),
      );
      const json = page!.map(({ row }) => String(row));
      const lastRow: (string | number)[] | undefined = json.length > 0 ? JSON.parse(json.at(-1)!) : undefined;
      last = lastRow === undefined ? null : key.map((column) => lastRow[columns.indexOf(column)]!);
      rows += json.length;
      const newest = table === "events" ? Number(last?.[0] ?? this.#progress.seq) : this.#lastEvent();
      await this.#write({ tables: { ...this.#progress.tables, [name]: { rows, last } } }, [
        ...this.#upsert(table, json),
        this.#deleteEventsAfter(newest),
      ]);
      onLine(rows.toLocaleString("en"));
    }
  }

  /** The number of the last event that the target has. */
  #lastEvent(): number {
    const events = this.#progress.tables.events;
    if (events === undefined) return -2;
    return events.last === null ? this.#progress.seq : Number(events.last[0] ?? -2);
  }

  /** Copies the objects again that newer events name, as they are now, and then these events. Returns how many. */
  async #copyChanges(): Promise<number> {
    for (let copied = 0; ; ) {
      const { seq } = this.#progress;
      const named = `SELECT conversation_id, message_id FROM events WHERE account_id = ?1 AND seq > ?2
        ORDER BY seq LIMIT ${PAGE_EVENTS}`;
      const [events, conversationRows, messageRows] = await call(
        this.source.database,
        statement(
          `SELECT seq, conversation_id, message_id, json_array(${this.#columns.events}) AS row FROM events
           WHERE account_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ${PAGE_EVENTS}`,
          this.source.id,
          seq,
        ),
        statement(
          `SELECT id, json_array(${this.#columns.conversations}) AS row FROM conversations
           WHERE account_id = ?1 AND id IN (SELECT conversation_id FROM (${named}))`,
          this.source.id,
          seq,
        ),
        statement(
          `SELECT id, json_array(${this.#columns.messages}) AS row FROM messages
           WHERE account_id = ?1 AND (conversation_id, id) IN (${named})`,
          this.source.id,
          seq,
        ),
      );
      if (events!.length === 0) return copied;
      if (seq >= 0 && events![0]!.seq !== seq + 1) {
        throw new Failure("The copy is older than the log of changes. Use --cancel, and then begin again.");
      }
      const gone = (column: string, existing: Row[]) => {
        const ids = new Set(existing.map(({ id }) => id));
        const all = events!.map((event) => event[column]!).filter((id) => id !== null && id !== "" && !ids.has(id));
        return JSON.stringify([...new Set(all)]);
      };
      const newest = Number(events!.at(-1)!.seq);
      const conversations = conversationRows!.map(({ row }) => String(row));
      await this.#write({ seq: newest }, [
        ...this.#upsert("conversations", conversations),
        ...this.#upsert(
          "messages",
          messageRows!.map(({ row }) => String(row)),
        ),
        statement(
          `DELETE FROM messages INDEXED BY messages_by_id
           WHERE account_id = ?1 AND id IN (SELECT value FROM json_each(?2))`,
          this.target.id,
          gone("message_id", messageRows!),
        ),
        // Now their messages are there.
        ...this.#upsert(
          "conversations",
          conversations.filter((row) => this.#pin(row) !== null),
        ),
        // The sweep deletes them, in steps.
        statement(
          `UPDATE conversations SET is_removed = 1, pinned_message_id = NULL
           WHERE account_id = ?1 AND id IN (SELECT value FROM json_each(?2))`,
          this.target.id,
          gone("conversation_id", conversationRows!),
        ),
        this.#deleteEventsAfter(seq),
        ...this.#upsert(
          "events",
          events!.map(({ row }) => String(row)),
        ),
        this.#deleteEventsAfter(newest),
      ]);
      copied += events!.length;
    }
  }

  #pin = (row: string) => JSON.parse(row)[this.#columns.conversations!.indexOf("pinned_message_id")];

  /** Copies the idempotency keys that may be new. The clock may have jumped back by so many seconds. */
  async #copyKeys(seconds: number): Promise<void> {
    const columns = this.#columns.idempotency_keys!;
    for (let last: [number, string] = [this.#progress.keys - seconds, ""]; ; ) {
      const [page] = await call(
        this.source.database,
        statement(
          firstPage(
            `SELECT expires_at, key, json_array(${columns}) AS row
             FROM idempotency_keys INDEXED BY idempotency_keys_by_expiry
             WHERE account_id = ?1 AND (expires_at, key) > (?2, ?3)`,
            ["expires_at", "key"],
          ),
          this.source.id,
          ...last,
        ),
      );
      const rows = page!.map(({ row }) => String(row));
      if (rows.length === 0) return;
      const newest = JSON.parse(rows.at(-1)!);
      last = [newest[columns.indexOf("expires_at")], newest[columns.indexOf("key")]];
      const keys = Math.max(this.#progress.keys, last[0]);
      await this.#write({ keys }, this.#upsert("idempotency_keys", rows));
    }
  }

  /** From here on requests of the account wait. Returns since when. */
  async #hold(): Promise<number> {
    const { database, id } = this.source;
    const [[held]] = await call(
      database,
      // Each hold has its own time, so that none is taken for another.
      `UPDATE accounts SET held_at = max(unixepoch(), coalesce(held_at, 0) + 1) WHERE id = ${id} RETURNING held_at`,
      `UPDATE tokens SET held_scopes = scopes, scopes = ${HELD} WHERE account_id = ${id} AND held_scopes IS NULL`,
      `UPDATE webhooks SET is_held = 1 WHERE account_id = ${id}`,
    );
    return Number(held!.held_at);
  }

  /** Copies everything that is left. */
  async #copyRest(): Promise<void> {
    await this.#copyChanges();
    // Every second more would be keys to copy while requests wait. `#difference` finds out if these are too few.
    await this.#copyKeys(HELD_CLOCK_SECONDS);
    const accountColumns = this.#columns.accounts!.filter((column) => !OWN_COLUMNS.includes(column));
    const { database, id } = this.source;
    const [webhooks, attempts, tokens, account] = await call(
      database,
      ...(["webhooks", "webhook_attempts", "tokens"] as const).map((table) => this.#all(table, id)),
      `SELECT json_array(${accountColumns}) AS row FROM accounts WHERE id = ${id}`,
    );
    const rows = (page: Row[] | undefined) => page!.map(({ row }) => String(row));
    await call(
      this.target.database,
      `DELETE FROM webhooks WHERE account_id = ${this.target.id}`,
      ...this.#upsert("webhooks", rows(webhooks)),
      ...this.#upsert("webhook_attempts", rows(attempts)),
      `UPDATE webhooks SET is_held = 1 WHERE account_id = ${this.target.id}`,
      ...this.#upsert("tokens", rows(tokens)),
      statement(
        `UPDATE accounts SET ${accountColumns.map((column, n) => `${column} = ?1 ->> '$[${n}]'`)} WHERE id = ?2`,
        rows(account)[0]!,
        this.target.id,
      ),
    );
  }

  /** What the copy lacks or has too much of. Undefined if nothing. */
  async #difference(heldAt: number): Promise<string | undefined> {
    const [source, target] = await Promise.all(
      [this.source, this.target].map(async ({ database, id }) => {
        const removed = `SELECT id FROM conversations INDEXED BY conversations_removed
          WHERE account_id = ${id} AND is_removed`;
        const last = `FROM events WHERE account_id = ${id} ORDER BY seq DESC LIMIT ${PAGE_EVENTS}`;
        const [[counts], ...lists] = await call(
          database,
          `SELECT
             (SELECT count(*) FROM conversations WHERE account_id = ${id} AND NOT is_removed) AS conversations,
             (
               SELECT count(*) FROM messages WHERE account_id = ${id} AND conversation_id NOT IN (${removed})
             ) AS messages,
             (
               SELECT count(*) FROM conversations
               WHERE account_id = ${id} AND pinned_message_id IS NOT NULL
             ) AS pins,
             (
               SELECT count(*) FROM idempotency_keys
               WHERE account_id = ${id} AND expires_at > ${heldAt + KEPT_SECONDS}
             ) AS "${KEYS_DIFFER}",
             (
               SELECT json_array(${this.#columns.events}) FROM events
               WHERE account_id = ${id} ORDER BY seq DESC LIMIT 1
             ) AS "the newest event"`,
          // Old ones may just have been deleted on one side, never one in the middle.
          `SELECT max(seq) - min(seq) + 1 - count(*) AS row FROM events WHERE account_id = ${id}`,
          // What changed last has been copied while requests waited.
          `SELECT json_array(${this.#columns.conversations}) AS row FROM conversations
           WHERE account_id = ${id} AND NOT is_removed AND id IN (SELECT conversation_id ${last}) ORDER BY id`,
          `SELECT json_array(${this.#columns.messages}) AS row FROM messages
           WHERE account_id = ${id} AND conversation_id NOT IN (${removed})
             AND (conversation_id, id) IN (SELECT conversation_id, message_id ${last})
           ORDER BY id`,
          ...(["tokens", "webhooks", "webhook_attempts"] as const).map((table) => this.#all(table, id)),
        );
        const [gaps, conversations, messages, tokens, webhooks, attempts] = lists.map((rows) =>
          rows.map(({ row }) => row),
        );
        return {
          ...counts,
          "the log": gaps,
          "the last conversations": conversations,
          "the last messages": messages,
          tokens,
          webhooks,
          attempts,
        } as Record<string, unknown>;
      }),
    );
    return Object.keys(source!).find((what) => !isDeepStrictEqual(source![what], target![what]));
  }

  /** Makes the target the account's database, unless the sweep has let requests go on. */
  async #commit(heldAt: number): Promise<boolean> {
    const { database, id } = this.source;
    const [switched] = await call(
      database,
      `UPDATE accounts SET moved_to = ${numberOf(this.target.database.binding)}, held_at = NULL
       WHERE id = ${id} AND held_at = ${heldAt} RETURNING id`,
    );
    return switched!.length > 0;
  }

  /** All rows of a small table, as they are when the account is not held. */
  #all(table: Table, id: number): Statement {
    const known: Record<string, string> = {
      scopes: `coalesce(held_scopes, scopes)`,
      held_scopes: "NULL",
      is_held: "0",
      // These follow from other tables, and are not the account's own.
      is_watched: "0",
      is_full: "(SELECT is_full FROM accounts WHERE id = account_id)",
    };
    const values = this.#columns[table]!.map((column) =>
      column === "scopes" && table !== "tokens" ? column : (known[column] ?? column),
    );
    return `SELECT json_array(${values}) AS row FROM ${table} WHERE account_id = ${id} ORDER BY ${KEYS[table]}`;
  }

  /** Writes rows to the target, whether or not they are there already. */
  #upsert(table: Table, rows: string[]): Statement[] {
    const columns = this.#columns[table]!;
    const at = (column: string) => `value ->> '$[${columns.indexOf(column)}]'`;
    const values = columns.map((column) => {
      // Only what is there can be pinned.
      if (column !== "pinned_message_id") return at(column);
      return `(SELECT id FROM messages WHERE account_id = ?2 AND conversation_id = ${at("id")} AND id = ${at(column)})`;
    });
    const conflict = table === "tokens" ? "hash" : `account_id, ${KEYS[table]}`;
    // Whether a token is watched follows from what is in this database.
    const updated = columns.filter((column) => column !== "is_watched");
    const updates = updated.map((column) => {
      // A token that was here before the account came back must find nothing until the account is complete.
      if (table === "tokens" && column === "scopes")
        return `scopes = iif(tokens.scopes = ${HELD}, ${HELD}, excluded.scopes)`;
      if (table === "tokens" && column === "held_scopes")
        return `held_scopes = iif(tokens.scopes = ${HELD}, excluded.scopes, NULL)`;
      return `${column} = excluded.${column}`;
    });
    // Messages of a conversation that was made after its table was copied come with the changes.
    const condition =
      table === "messages"
        ? `EXISTS (
             SELECT 1 FROM conversations WHERE account_id = ?2 AND id = ${at("conversation_id")} AND NOT is_removed
           )`
        : "TRUE";
    return pages(rows).map((page) =>
      statement(
        `INSERT INTO ${table} (account_id, ${columns}) SELECT ?2, ${values} FROM json_each(?1) WHERE ${condition}
         ON CONFLICT (${conflict}) DO UPDATE SET ${updates}`,
        page,
        this.target.id,
      ),
    );
  }

  /** To write rows logs events, by triggers. They are not the account's. */
  #deleteEventsAfter(seq: number): Statement {
    return `DELETE FROM events WHERE account_id = ${this.target.id} AND seq > ${seq}`;
  }

  /** Writes rows to the target, and how far the copy is now. */
  async #write(progress: Partial<Progress>, statements: Statement[]): Promise<void> {
    const next = { ...this.#progress, ...progress };
    const { database, id } = this.target;
    await call(
      database,
      ...statements,
      statement("UPDATE accounts SET arrival = ?1 WHERE id = ?2 AND arrival IS NOT NULL", JSON.stringify(next), id),
    );
    Object.assign(this.#progress, next);
  }
}

/** The first rows of a selection in the order of a key: as many as fit into a page, and one in any case. Each has the
 * column `row`, which is its JSON. */
const firstPage = (selection: string, key: readonly string[]) =>
  `SELECT row FROM (
     SELECT
       ${key}, row,
       sum(octet_length(row)) OVER (ORDER BY ${key} ROWS UNBOUNDED PRECEDING) - octet_length(row) AS before
     FROM (${selection} ORDER BY ${key} LIMIT ${PAGE_ROWS})
   ) WHERE before < ${PAGE_BYTES} ORDER BY ${key}`;

/** Rows, each in JSON, as JSON lists that D1 takes. */
function pages(rows: string[]): string[] {
  const pages: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    if (bytes > PAGE_BYTES) {
      pages.push([]);
      bytes = 0;
    }
    pages.at(-1)!.push(row);
    bytes += Buffer.byteLength(row);
  }
  return pages.map((page) => `[${page}]`);
}

/** Lets the requests of an account go on that is still here. */
async function release({ database, id }: Side): Promise<void> {
  const here = `(SELECT id FROM accounts WHERE id = ${id} AND moved_to IS NULL)`;
  await call(
    database,
    `UPDATE tokens SET scopes = held_scopes, held_scopes = NULL WHERE held_scopes IS NOT NULL AND account_id = ${here}`,
    `UPDATE webhooks SET is_held = 0 WHERE account_id = ${here}`,
    `UPDATE accounts SET held_at = NULL WHERE id = ${here}`,
  );
}

/** The copy becomes the account. */
async function complete({ database, id }: Side): Promise<void> {
  await call(
    database,
    `UPDATE tokens SET scopes = held_scopes, held_scopes = NULL WHERE held_scopes IS NOT NULL AND account_id = ${id}`,
    `UPDATE webhooks SET is_held = 0 WHERE account_id = ${id}`,
    `UPDATE accounts SET moved_to = NULL, held_at = NULL, arrival = NULL WHERE id = ${id}`,
  );
}

/** Deletes what the account has left where it is no more, but for the rows that lead to where it is. */
async function clean(databases: Database[], name: string, to: Database): Promise<void> {
  const left = (await find(databases, name)).filter(({ movedTo }) => movedTo !== null);
  for (const side of left) {
    await step(`Delete the account's rows in ${side.database.binding}`, (onLine) => deleteRows(side, onLine));
    const number = numberOf(to.binding);
    // Straight there, however often the account has moved.
    await call(
      side.database,
      `UPDATE accounts SET moved_to = ${number} WHERE id = ${side.id} AND moved_to IS NOT NULL`,
    );
  }
}

/** Deletes all rows of an account but its own and those of its tokens. Events come last: deletions log some. */
async function deleteRows({ database, id }: Side, onLine: (line: string) => void): Promise<void> {
  // Then the deletion of a message logs nothing.
  const removed = `UPDATE conversations SET is_removed = 1, pinned_message_id = NULL WHERE (account_id, id) IN (
    SELECT account_id, id FROM conversations WHERE account_id = ${id} AND NOT is_removed LIMIT ${DELETED_ROWS}
  ) RETURNING 1`;
  while ((await call(database, removed))[0]!.length === DELETED_ROWS);
  for (const table of ["webhooks", "messages", "conversations", "idempotency_keys", "events"] as const) {
    const key = `account_id, ${KEYS[table]}`;
    const statement = `DELETE FROM ${table} WHERE (${key}) IN (
      SELECT ${key} FROM ${table} WHERE account_id = ${id} LIMIT ${DELETED_ROWS}
    ) RETURNING 1`;
    for (let deleted = 0, last = DELETED_ROWS; last === DELETED_ROWS; ) {
      last = (await call(database, statement))[0]!.length;
      deleted += last;
      onLine(`${deleted.toLocaleString("en")} ${table.replace("_", " ")}`);
    }
  }
}
