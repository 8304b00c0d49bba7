// Accounts: each test makes its own, so none has to clean up after itself.

import { ConversationsClient, type NewMessage } from "../../clients/typescript/src/index.ts";
import { home, others, type Shard } from "./configuration.ts";
import { batch, batchIn, insert, type Row, type Statement, sql } from "./database.ts";
import { api, audited } from "./http.ts";
import { origin } from "./server.ts";
import { ALL, hashOf, newToken, randomId } from "./tokens.ts";

const TOKEN = `
INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at, revoked_at, last_used_at)
VALUES (?, ?, ?, 'test', ?, 0, ?, ?, ?)`;

/** The last day that there is. A token with it is never written after a response, so what a test counts and compares
 * does not depend on that. */
export const LAST_DAY = 253402214400;

/** A new token that opens the account. */
export async function grant(
  account: number,
  {
    scopes = ALL,
    expires_at = null as number | null,
    revoked_at = null as number | null,
    last_used_at = LAST_DAY as number | null,
  } = {},
): Promise<string> {
  const token = newToken();
  await sql(TOKEN, hashOf(token), randomId(), account, scopes, expires_at, revoked_at, last_used_at);
  return token;
}

/** Stores an account of a number and a name. */
export const ACCOUNT = "INSERT INTO accounts (id, name, created_at) VALUES (?, ?, 0)";
const CONVERSATIONS = "SELECT * FROM conversations WHERE account_id = ? ORDER BY id";
const MESSAGES = "SELECT * FROM messages WHERE account_id = ? ORDER BY conversation_id, id";

let accounts = 0;
/** A number that no account has in any database. */
export const newNumber = (): number => {
  accounts += 1;
  return accounts;
};

/** A new account, a token that opens it, and the API in its holder's hands. In every other database there is an account
 * of the same number with the same contents. */
export async function account(scopes = ALL, contents: (id: number, shard: Shard) => Statement[] = () => []) {
  const id = newNumber();
  const token = newToken();
  for (const shard of [...others, home]) {
    const opens = shard === home ? token : newToken(shard.number);
    await batchIn(
      shard,
      [ACCOUNT, id, `${shard.binding} ${id}`],
      [TOKEN, hashOf(opens), randomId(), id, scopes, null, null, LAST_DAY],
      ...contents(id, shard),
    );
  }
  const caller = api(token);
  const client = new ConversationsClient({ token: caller.token, baseUrl: origin, fetch: audited(), retries: 0 });
  return {
    id,
    ...caller,

    /** Stores a conversation past the API, with whatever columns matter, and returns its id. In place of the columns
     * in milliseconds it takes `last_active_at`, of a contact's message, and `last_opened_at`, as the API has them. */
    async insert({ last_active_at = null, last_opened_at = null, ...columns }: Row = {}): Promise<string> {
      const values = {
        account_id: id,
        id: randomId(),
        contact_id: "someone",
        created_at: 692233200,
        last_active_ms: last_active_at === null ? null : 1000 * Number(last_active_at),
        last_received_ms: last_active_at === null ? null : 1000 * Number(last_active_at),
        last_opened_ms: last_opened_at === null ? null : 1000 * Number(last_opened_at) + 999,
        ...columns,
      };
      await insert("conversations", values);
      return String(values.id);
    },

    /** Stores a message of one of the account's conversations, and returns its id. */
    async insertMessage(conversation: string, columns: Row = {}): Promise<string> {
      const values = {
        account_id: id,
        conversation_id: conversation,
        id: randomId(),
        message: "Hello",
        created_at: 0,
        ...columns,
      };
      await insert("messages", values);
      return String(values.id);
    },

    /** The API's client, for what a test needs but is not about. */
    client,

    /** Sends a message through the API, which must take it, and returns it. */
    say: (conversation: string, attributes: Partial<NewMessage> = {}) =>
      client.messages.create({ conversation_id: conversation, message: "Hello", ...attributes }),

    /** All the account holds, to be compared with what it held before. */
    async contents(): Promise<{ conversations: Row[]; messages: Row[] }> {
      const [conversations = [], messages = []] = await batch([CONVERSATIONS, id], [MESSAGES, id]);
      return { conversations, messages };
    },

    /** And its tokens, what it has been answered, the log of its changes, and its endpoints but for what deliveries
     * write at their own time. */
    async everything(): Promise<Record<string, Row[]>> {
      const [conversations = [], messages = [], tokens = [], keys = [], events = [], webhooks = []] = await batch(
        [CONVERSATIONS, id],
        [MESSAGES, id],
        ["SELECT * FROM tokens WHERE account_id = ? ORDER BY id", id],
        ["SELECT * FROM idempotency_keys WHERE account_id = ? ORDER BY key", id],
        ["SELECT * FROM events WHERE account_id = ? ORDER BY seq", id],
        [
          `SELECT account_id, id, url, types, description, created_at, scopes, changed_by, salt, previous_salt,
                  previous_until, is_enabled, disabled_reason, seq, last_event_id
           FROM webhooks WHERE account_id = ? ORDER BY id`,
          id,
        ],
      );
      return { conversations, messages, tokens, keys, events, webhooks };
    },
  };
}
export type Account = Awaited<ReturnType<typeof account>>;
