// `npm run bench:moves`: measures how long requests of an account wait when it moves to another database, while it is
// written to. Prints the results and writes them to moves.json and README.md.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { step } from "../../scripts/shared.ts";
import { freePort, stateFolder } from "../../tests/scripts/processes.ts";
import { Project } from "../../tests/scripts/project.ts";
import { publishPart, table } from "../report.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
const quick = values.quick ?? false;
/** The accounts: how many messages each has, and the databases to which it moves in turn. */
const ACCOUNTS = [
  { messages: 100, route: ["DB_1", "DB_2", "DB"] },
  { messages: quick ? 10_000 : 100_000, route: quick ? ["DB_1"] : ["DB_1", "DB_2", "DB"] },
  ...(quick ? [] : [{ messages: 1_000_000, route: ["DB_1"] }]),
];
const MESSAGES_PER_CONVERSATION = 100;
const WRITERS = 4;

type Move = { messages: number; to: string; waited: number; gap: number; writes: number; seconds: number };
const moves: Move[] = [];

using project = new Project(3);
using state = stateFolder();
const { query, localDatabase } = await project.d1();
for (const { messages, route } of ACCOUNTS) {
  const name = `with ${messages} messages`;
  const token = (await run("token", "create", "--account", name, "--database", "DB")).trim();
  const conversation = await step(`store ${messages.toLocaleString("en")} messages`, () => fill(name, messages));
  const port = await freePort();
  await using server = project.start(port, state.path);
  await server.until("stdout", "Press Ctrl-C to stop");
  for (const to of route) {
    const title = `move ${messages.toLocaleString("en")} messages to ${to}`;
    moves.push({
      messages,
      to,
      ...(await step(title, () => measure(`http://127.0.0.1:${port}`, token, conversation, name, to))),
    });
  }
}
const how = { writers: WRITERS, messagesPerConversation: MESSAGES_PER_CONVERSATION };
await publishPart("moves", rendered(), { ...how, moves }, ["wrangler", "workerd"], !quick, "bench:moves");

/** Runs a command of the project to its end. */
async function run(script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await project.run(script, [...args, "--persist-to", state.path]);
  if (code !== 0) throw new Error(`${script} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Stores messages for an account, and returns one of their conversations. */
async function fill(name: string, messages: number): Promise<string> {
  const account = `(SELECT id FROM accounts WHERE name = '${name}')`;
  const numbers = (to: number) =>
    `(WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ${to}) SELECT n FROM n)`;
  const conversations = messages / MESSAGES_PER_CONVERSATION;
  await query(
    localDatabase(state.path),
    `INSERT INTO conversations (account_id, id, contact_id, created_at)
     SELECT ${account}, printf('%016d', n), 'contact', 0 FROM ${numbers(conversations)}`,
    `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
     SELECT ${account}, printf('%016d', n % ${conversations}), printf('%016d', n), 'See you at eight.', 0
     FROM ${numbers(messages)}`,
  );
  return "0".repeat(16);
}

/** Moves the account while writers send messages, until each has sent one after the move. */
async function measure(url: string, token: string, conversation: string, name: string, to: string) {
  let isOver = false;
  const written: number[] = [];
  const write = async () => {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ conversation_id: conversation, message: "See you at eight." });
    for (;;) {
      const wasOver = isOver;
      const sent = { method: "POST", headers: { ...headers, "Idempotency-Key": randomUUID() }, body };
      const response = await fetch(`${url}/v1/messages`, sent);
      const text = await response.text();
      if (response.status === 201) written.push(performance.now());
      else if (response.status !== 503) throw new Error(`${response.status} ${text}`);
      if (wasOver && response.status === 201) return;
    }
  };
  const writers = Array.from({ length: WRITERS }, write);
  const begin = performance.now();
  const told = await run("databases", "move", name, "--to", to);
  const seconds = (performance.now() - begin) / 1000;
  isOver = true;
  await Promise.all(writers);
  const waited = Number(/waited for (\d+\.\d\d) s/.exec(told)![1]);
  const gap = Math.max(...written.slice(1).map((time, n) => time - written[n]!)) / 1000;
  return { waited, gap: Number(gap.toFixed(2)), writes: written.length, seconds: Number(seconds.toFixed(0)) };
}

/** The results as a Markdown table. */
function rendered(): string {
  const rows = moves.map(({ messages, to, waited, gap, writes, seconds }) => [
    messages.toLocaleString("en"),
    to,
    `${waited.toFixed(2)} s`,
    `${gap.toFixed(2)} s`,
    writes.toLocaleString("en"),
    `${seconds} s`,
  ]);
  const names = [
    "messages",
    "to",
    "requests waited",
    "longest time between two 201",
    "messages sent in that time",
    "whole command",
  ];
  return table([names, ...rows], "rlrrrr");
}
