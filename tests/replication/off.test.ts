// Without READ_REPLICATION, as the Worker is shipped, bookmarks are neither read nor sent. That no response has one is
// asserted on every response, in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { raw, textOf } from "../support/http.ts";
import { COLLECTION } from "../support/paths.ts";
import { config } from "../support/server.ts";

test("wrangler.toml turns replicas off", () => {
  assert.ok(![true, "true"].includes(config.vars?.READ_REPLICATION as never));
});

test("a bookmark is not read, whatever it is", async () => {
  const alice = await account();
  for (const bookmark of ["x", "", `9999.${"0".repeat(59)}`]) {
    const headers = { Authorization: `Bearer ${alice.token}`, "X-D1-Bookmark": bookmark };
    assert.equal((await raw(textOf("GET", COLLECTION, headers))).status, 200);
  }
});
