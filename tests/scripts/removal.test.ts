// Deletion in steps, on a server that is killed in the midst of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { localDatabase, query } from "../../scripts/d1.ts";
import { freePort, Server, stateFolder, tokenIn } from "./processes.ts";

const MESSAGES = 2500;

test("kill -9 during deletions leaves each conversation whole or hides it whole; the sweep deletes the rest", {
  timeout: 240_000,
}, async () => {
  using state = stateFolder();
  const database = localDatabase(state.path);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let server = new Server(port, state.path);
  try {
    let token = tokenIn(await server.greeting());
    const call = async (method: string, path: string, body?: object) => {
      const response = await fetch(url + path, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
        body: body && JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? null : JSON.parse(text) };
    };
    for (let kill = 1; kill <= 2; kill += 1) {
      const ids: string[] = [];
      for (let n = 0; n < 4; n += 1)
        ids.push((await call("POST", "/v1/conversations", { contact_id: `large-${kill}` })).body.id);
      await query(
        database,
        `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${MESSAGES})
         SELECT account_id, id, substr(id, 1, 2) || printf('%05d', n) || substr(id, 8), 'Hello', 0
         FROM conversations JOIN numbers WHERE contact_id = 'large-${kill}'`,
      );
      const acknowledged = new Set<string>();
      const deletions = ids.map(async (id) => {
        if ((await call("DELETE", `/v1/conversations/${id}`)).status === 204) acknowledged.add(id);
      });
      await Promise.race(deletions);
      await server.signal("SIGKILL");
      await Promise.allSettled(deletions);
      assert.ok(acknowledged.size > 0);

      server = new Server(port, state.path);
      token = tokenIn(await server.greeting());
      for (const id of ids) {
        const { status } = await call("GET", `/v1/conversations/${id}`);
        const { body } = await call("GET", `/v1/messages?conversation_id=${id}&limit=100`);
        const [[stored]] = await query(
          database,
          `SELECT count(*) AS messages FROM messages WHERE conversation_id = '${id}'`,
        );
        if (acknowledged.has(id)) assert.equal(status, 404, "an acknowledged deletion is done");
        if (status === 404) assert.deepEqual(body, { has_more: false, data: [] });
        else assert.deepEqual([status, body.data.length, stored!.messages], [200, 100, MESSAGES]);
      }
      const { body } = await call("GET", "/v1/messages?limit=100");
      for (const { conversation_id } of body.data) assert.ok(!acknowledged.has(conversation_id));
    }

    const left = async () =>
      (await query(database, "SELECT count(*) AS n FROM conversations WHERE is_removed"))[0]![0]!.n;
    for (let rings = 0; (await left()) !== 0; rings += 1) {
      assert.ok(rings < 10, "the sweep deletes what is removed");
      assert.equal((await fetch(`${url}/cdn-cgi/handler/scheduled`)).status, 200);
    }
    const [[orphans]] = await query(
      database,
      `SELECT count(*) AS n FROM messages WHERE conversation_id NOT IN (SELECT id FROM conversations)`,
    );
    assert.equal(orphans!.n, 0);
  } finally {
    await server.signal("SIGKILL");
  }
});
