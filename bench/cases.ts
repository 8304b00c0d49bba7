// What is measured: the requests of each case, the same for every Worker, and the goals they have to meet.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { conversationId } from "./data.ts";

export type Database = "thousand" | "million";

export interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface Case {
  key: string;
  title: string;
  database: Database;
  /** The status of every answer. */
  status: number;
  /** Sent in turn, again and again. */
  requests: Request[];
  /** At most this many times the floor's, and the peer's, CPU. */
  goal?: { floor?: number; peer?: number; empty?: number };
}

// The benchmark's one token: any random part will do, the rest is its checksum.
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const random = "bench0bench0bench0bench0bench0";
let checksum = "";
for (let rest = crc32(random), i = 0; i < 6; i += 1, rest = Math.floor(rest / 62))
  checksum = BASE62[rest % 62] + checksum;
export const TOKEN = `self_${random}${checksum}`;
export const TOKEN_HASH = createHash("sha256").update(TOKEN).digest("hex");

const request = (method: string, path: string, body?: object): Request => ({
  method,
  path,
  headers: {
    Authorization: `Bearer ${TOKEN}`,
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
  },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

/** A hundred conversations spread over the thousand. */
const some = Array.from({ length: 100 }, (_, at) => conversationId((at * 37 + 11) % 1000));
const LIST = "/v1/conversations";
const TEXT = "I'll be there at eight, the usual table by the window. Shall I bring the drawings along?";

const sparse = request("GET", `${LIST}?archived=true&muted=true`);
const deep = request("GET", `${LIST}?starting_after=${conversationId(15)}`);
const READS = { floor: 1.05, peer: 0.6 };

// Reads first: what the writes add comes after everything that is compared.
export const CASES: Case[] = [
  {
    key: "retrieve",
    title: "Retrieve",
    database: "thousand",
    status: 200,
    goal: READS,
    requests: some.map((id) => request("GET", `${LIST}/${id}`)),
  },
  {
    key: "list10",
    title: "List of 10",
    database: "thousand",
    status: 200,
    goal: READS,
    requests: [request("GET", LIST)],
  },
  {
    key: "list100",
    title: "List of 100",
    database: "thousand",
    status: 200,
    goal: READS,
    requests: [request("GET", `${LIST}?limit=100`)],
  },
  { key: "sparse-1k", title: "Sparse filter, 1,000", database: "thousand", status: 200, requests: [sparse] },
  {
    key: "sparse-1m",
    title: "Sparse filter, 1,000,000",
    database: "million",
    status: 200,
    requests: [sparse],
    goal: READS,
  },
  { key: "deep-1k", title: "Deep page, 1,000", database: "thousand", status: 200, requests: [deep] },
  { key: "deep-1m", title: "Deep page, 1,000,000", database: "million", status: 200, requests: [deep], goal: READS },
  {
    key: "unauthorized",
    title: "401, malformed token",
    database: "thousand",
    status: 401,
    goal: { empty: 1.2 },
    requests: [{ ...request("GET", LIST), headers: { Authorization: `Bearer ${TOKEN.slice(0, -1)}0` } }],
  },
  {
    key: "update",
    title: "Update",
    database: "thousand",
    status: 200,
    requests: some.flatMap((id) => [true, false].map((is_muted) => request("PUT", `${LIST}/${id}`, { is_muted }))),
  },
  {
    key: "create",
    title: "Create",
    database: "thousand",
    status: 201,
    requests: some.map((_, at) => request("POST", LIST, { contact_id: `contact${at}` })),
  },
  {
    key: "send",
    title: "Send a message",
    database: "thousand",
    status: 201,
    requests: some.map((id) => request("POST", "/v1/messages", { conversation_id: id, message: TEXT })),
  },
];

/** Pairs of cases whose ratio tells how cost grows with the table, and the goal for it. */
export const GROWTH = [
  { title: "Sparse filter, 1,000,000 : 1,000", small: "sparse-1k", large: "sparse-1m", goal: 1.2 },
  { title: "Deep page, 1,000,000 : 1,000", small: "deep-1k", large: "deep-1m", goal: 1.2 },
];

/** One request of every endpoint, in an order in which all succeed. `{id}` is the id of the last object created. */
export const ENDPOINTS: Request[] = [
  request("GET", LIST),
  request("GET", `${LIST}?archived=true&muted=true`),
  request("POST", LIST, { contact_id: "endpoint" }),
  request("GET", `${LIST}/${some[0]}`),
  request("PUT", `${LIST}/${some[0]}`, { is_muted: true }),
  request("PATCH", `${LIST}/${some[0]}`, { is_muted: false }),
  request("DELETE", `${LIST}/${conversationId(999)}`),
  request("GET", "/v1/messages"),
  request("GET", `/v1/messages?conversation_id=${some[0]}`),
  request("POST", "/v1/messages", { conversation_id: some[0], message: TEXT }),
  request("GET", "/v1/messages/{id}"),
  request("PUT", "/v1/messages/{id}", { message: "Corrected" }),
  request("PATCH", "/v1/messages/{id}", { read_at: 1 }),
  request("DELETE", "/v1/messages/{id}"),
];
