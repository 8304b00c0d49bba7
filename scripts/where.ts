// The options of the tools that say which database they work on, and that database.
import { misuse } from "./cli.ts";
import { type Database, localDatabase, migrate } from "./d1.ts";

/** The deployed database, or the local one in another state folder. Default: the local one of `npm start`. */
export const WHERE = { remote: { type: "boolean" }, "persist-to": { type: "string" } } as const;

/** The database that the options name. Only the local one is migrated here: `npm run deploy` migrates the other. */
export async function open(values: { remote?: boolean; "persist-to"?: string }): Promise<Database> {
  if (values.remote) {
    if (values["persist-to"] !== undefined) misuse("--persist-to and --remote exclude each other");
    return { remote: true };
  }
  const database = localDatabase(values["persist-to"]);
  await migrate(database);
  return database;
}
