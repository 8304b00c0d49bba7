// The databases that the tests run with. The environment variable TEST_CONFIGURATION chooses, and scripts/test.ts says
// which tests run with which. A test that needs certain databases imports one of the modules that set it.

/** Which databases there are. The API is the same with each. `home` is the number of the one that has the accounts of
 * the tests. */
const CONFIGURATIONS = {
  /** As wrangler.toml has it. */
  single: { databases: 1, home: 0, copies: 0 },
  /** The other two have accounts with the same numbers and contents, under other tokens. */
  three: { databases: 3, home: 2, copies: 0 },
  /** Read replicas, which lag (tests/workers/replicated.js). */
  replicated: { databases: 1, home: 0, copies: 2 },
  /** Several databases with replicas of the one that has the accounts. */
  both: { databases: 3, home: 2, copies: 2 },
};
export const configuration = (process.env.TEST_CONFIGURATION ?? "single") as keyof typeof CONFIGURATIONS;
const { databases, home: homeNumber, copies } = CONFIGURATIONS[configuration];

/** How many read replicas the database of the tests' accounts has. */
export const COPIES = copies;

/** A database, by its number and its binding's name. */
export interface Shard {
  number: number;
  binding: string;
}
export const SHARDS: Shard[] = Array.from({ length: databases }, (_, number) => ({
  number,
  binding: number === 0 ? "DB" : `DB_${number}`,
}));
/** The database that has the accounts of the tests, and the others. */
export const home: Shard = SHARDS[homeNumber]!;
export const others: Shard[] = SHARDS.filter((shard) => shard !== home);

/** What the account of this number is known by outside its database. */
export const keyOf = (account: number): string => (home.number === 0 ? `${account}` : `${home.number}.${account}`);
