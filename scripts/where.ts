// The options of the tools that say which databases they work on, and those databases.
import { misuse } from "./cli.ts";
import { boundDatabases, type Database, localDatabases, migrate } from "./d1.ts";

/** The deployed databases, or the local ones in another state folder. Default: the local ones of `npm start`. */
export const WHERE = { remote: { type: "boolean" }, "persist-to": { type: "string" } } as const;

/** All databases where the options say. Only local ones are migrated here: `npm run deploy` migrates the others. */
export async function open(values: { remote?: boolean; "persist-to"?: string }): Promise<Database[]> {
  if (values.remote) {
    if (values["persist-to"] !== undefined) misuse("--persist-to and --remote exclude each other");
    return boundDatabases().map(({ binding }) => ({ binding, remote: true }));
  }
  const databases = localDatabases(values["persist-to"]);
  await Promise.all(databases.map(migrate));
  return databases;
}
