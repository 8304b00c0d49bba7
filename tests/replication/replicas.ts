// Read replicas in the hands of a test (tests/workers/replicated.js).

import type { Answer } from "../support/audit.ts";
import type { Headers } from "../support/http.ts";
import { origin } from "../support/server.ts";

export const REPLICAS = ["COPY_1", "COPY_2"] as const;
export const COPIES = ["primary", ...REPLICAS] as const;
export type Copy = (typeof COPIES)[number];

const control = async (body: object): Promise<void> => {
  const response = await fetch(origin, {
    method: "POST",
    headers: { "x-test-replicas": "1" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  await response.body?.cancel();
};

/** Keeps the state that the primary is in, under a name. */
export const remember = (name: string) => control({ remember: name });

/** Brings a replica to a state that was kept. */
export const bring = (copy: Copy, to: string) => control({ bring: copy, to });

let states = 0;

/** Brings replicas to the state that the primary is in. */
export async function catchUp(...copies: Copy[]): Promise<void> {
  states += 1;
  await remember(`state ${states}`);
  for (const copy of copies) await bring(copy, `state ${states}`);
}

export const bookmarkOf = ({ headers }: Answer): string => String(headers["x-d1-bookmark"]);

/** The headers of a request next to a copy, that must see the state of this bookmark. Without one it has none. */
export const near = (copy: Copy, bookmark = "", outage: readonly Copy[] = []): Headers => ({
  "x-test-nearest": copy,
  "x-d1-bookmark": bookmark,
  ...(outage.length > 0 && { "x-test-outage": outage.join(",") }),
});
