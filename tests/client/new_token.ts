// A token of a new account in the database of any Worker of the tests.

import { ALL, hashOf, newToken, randomId } from "../support/tokens.ts";

/** Creates the account, and a token of it with all scopes. */
export async function newTokenIn(worker: { getEnv(): Promise<Record<string, any>> }): Promise<string> {
  const [token, name] = [newToken(), randomId()];
  const { DB } = await worker.getEnv();
  await DB.batch([
    DB.prepare("INSERT INTO accounts (name, created_at) VALUES (?, 0)").bind(name),
    DB.prepare(
      `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at)
       SELECT ?, ?, id, 'test', ?, 0 FROM accounts WHERE name = ?`,
    ).bind(hashOf(token), randomId(), ALL, name),
  ]);
  return token;
}
