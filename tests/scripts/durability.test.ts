// `npm run durability` with a few kills, and a check that it would report a lost write.
import assert from "node:assert/strict";
import { test } from "node:test";
import { npmRun } from "./processes.ts";

test("acknowledged writes and their events survive kill -9 during writes, and no write is half done", {
  timeout: 400_000,
}, async () => {
  const { code, stdout, stderr } = await npmRun("durability", "--kills", "3");
  assert.equal(code, 0, stdout + stderr);
  const [, acknowledged] =
    /^3 kills, (\d+) acknowledged writes, lost 0; unanswered: \d+ done, \d+ not done, 0 half done/m.exec(stdout)!;
  assert.ok(Number(acknowledged) >= 150, stdout);
});

test("an acknowledged message that was deleted from the database is reported as lost", {
  timeout: 300_000,
}, async () => {
  const { code, stdout, stderr } = await npmRun("durability", "--kills", "1", "--lose");
  assert.equal(code, 1, stdout + stderr);
  assert.match(stdout, /^LOST client\d, \w{16}\n {2}acknowledged: {"id":.*\n {2}found: +nothing$/m, stdout + stderr);
  assert.match(stdout, /^1 kills, \d+ acknowledged writes, lost [12];/m);
});

test("an event that was deleted from the log is reported as lost", { timeout: 300_000 }, async () => {
  const { code, stdout, stderr } = await npmRun("durability", "--kills", "1", "--lose-event");
  assert.equal(code, 1, stdout + stderr);
  assert.match(
    stdout,
    /^LOST EVENT (conversation|message)\.(created|updated|deleted) \w{16} (\w{16})? of /m,
    stdout + stderr,
  );
  assert.match(stdout, /^1 kills, \d+ acknowledged writes, lost 0;/m);
});

test("invalid options are refused", async () => {
  for (const kills of ["0", "many"]) {
    const { code, stdout, stderr } = await npmRun("durability", "--kills", kills);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, new RegExp(`--kills is '${kills}'`));
  }
});
