import net from "node:net";
import test from "node:test";
import { account } from "/work/main/tests/support/accounts.ts";
import { FORM, textOf } from "/work/main/tests/support/http.ts";
import { COLLECTION, MESSAGES } from "/work/main/tests/support/paths.ts";
import { hostname, origin, port } from "/work/main/tests/support/server.ts";
const alice = await account();
const authorized = { Authorization: `Bearer ${alice.token}` };
const bytes = textOf("POST", COLLECTION + "?" + "x".repeat(8000), { ...authorized, "Content-Length": "1000" });
function sendAndClose(bytes: string) {
  return new Promise<void>((resolve) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes, () => socket.resetAndDestroy()));
    socket.on("close", () => resolve());
    socket.on("error", () => {});
  });
}
async function memory() { return Number(await (await fetch(origin, { headers: { "x-test-memory": "1" } })).text()); }
test("probe", async () => {
  for (let round = 0; round < 24; round++) {
    let left = 1500; const t = Date.now();
    await Promise.all(Array.from({ length: 8 }, async () => { for (; left > 0; left--) await sendAndClose(bytes); }));
    console.log(round, await memory(), Date.now() - t);
  }
  await new Promise((r) => setTimeout(r, 20000));
  for (let round = 0; round < 1; round++) {
    let left = 1500; 
    await Promise.all(Array.from({ length: 8 }, async () => { for (; left > 0; left--) await sendAndClose(bytes); }));
    console.log(round, await memory());
  }
});
