// The types of the application: its bindings, and what the handlers find in their context.
import type { drizzle } from "drizzle-orm/d1";

export interface Limiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}
export interface Limit {
  limit: number;
  period: number;
}

type Database = ReturnType<typeof drizzle>;

/** The context of the handlers. */
export interface App {
  Bindings: {
    DB: Parameters<typeof drizzle>[0];
    ACCOUNT_LIMIT: Limiter;
    ADDRESS_LIMIT: Limiter;
    LIMITS: { account: Limit; address: Limit };
  };
  Variables: { db: Database; accountId: number; requestId: string };
}
