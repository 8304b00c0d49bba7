// What is measured: the requests of each case, which are the same for every Worker, and the goals.
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
  kind: keyof typeof GOALS;
  /** The status of every response. */
  status: number;
  /** Sent in turn, from the first again after the last. */
  requests: Request[];
}

/** CPU time at most, as multiples of the floor's and of Hono's. */
export const GOALS = {
  read: { title: "Reads", floor: 1.1, hono: 0.6 },
  write: { title: "Writes", floor: 1.13, hono: 0.68 },
  unauthorized: { title: "401", floor: 1.2, hono: 0.6 },
};

// The benchmark's only token: a constant in place of the random part, and its checksum.
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

/** A hundred of the thousand conversations, evenly spread. */
const some = Array.from({ length: 100 }, (_, at) => conversationId((at * 37 + 11) % 1000));
/** A hundred of which none is muted: each update changes something, also the first one. */
const unmuted = Array.from({ length: 100 }, (_, at) => conversationId(at * 10 + 4));
const LIST = "/v1/conversations";
const TEXT = "I'll be there at eight, the usual table by the window. Shall I bring the drawings along?";
/** About 2,000 bytes of UTF-8, with characters of one to four bytes and a few that JSON escapes. */
const LONG_TEXT = Array.from(
  { length: 8 },
  (_, at) =>
    `${at + 1}. Zoë's café opens at eight; "the usual table" is ours until noon. Coffee is 3,50 €, the walk takes\n` +
    "ten minutes, or five by tram № 7. Bring the drawings along, please: 図面 A and B, not the façade 🙂 of last May.",
).join("\n\n");

const sparse = request("GET", `${LIST}?archived=true&muted=true`);
const deep = request("GET", `${LIST}?starting_after=${conversationId(15)}`);

// Writes come last: what they add must not change the other cases.
export const CASES: Case[] = [
  {
    key: "retrieve",
    title: "Retrieve",
    kind: "read",
    database: "thousand",
    status: 200,
    requests: some.map((id) => request("GET", `${LIST}/${id}`)),
  },
  {
    key: "list10",
    title: "List of 10",
    kind: "read",
    database: "thousand",
    status: 200,
    requests: [request("GET", LIST)],
  },
  {
    key: "list100",
    title: "List of 100",
    kind: "read",
    database: "thousand",
    status: 200,
    requests: [request("GET", `${LIST}?limit=100`)],
  },
  {
    key: "sparse-1k",
    title: "Sparse filter, 1,000",
    kind: "read",
    database: "thousand",
    status: 200,
    requests: [sparse],
  },
  {
    key: "sparse-1m",
    title: "Sparse filter, 1,000,000",
    kind: "read",
    database: "million",
    status: 200,
    requests: [sparse],
  },
  {
    key: "deep-1k",
    title: "Deep page, 1,000",
    kind: "read",
    database: "thousand",
    status: 200,
    requests: [deep],
  },
  {
    key: "deep-1m",
    title: "Deep page, 1,000,000",
    kind: "read",
    database: "million",
    status: 200,
    requests: [deep],
  },
  {
    key: "unauthorized",
    title: "401, malformed token",
    kind: "unauthorized",
    database: "thousand",
    status: 401,
    requests: [{ ...request("GET", LIST), headers: { Authorization: `Bearer ${TOKEN.slice(0, -1)}0` } }],
  },
  {
    key: "update",
    title: "Update",
    kind: "write",
    database: "thousand",
    status: 200,
    requests: unmuted.flatMap((id) => [true, false].map((is_muted) => request("PUT", `${LIST}/${id}`, { is_muted }))),
  },
  {
    key: "create",
    title: "Create",
    kind: "write",
    database: "thousand",
    status: 201,
    requests: some.map((_, at) => request("POST", LIST, { contact_id: `contact${at}` })),
  },
  {
    key: "send",
    title: "Send a message",
    kind: "write",
    database: "thousand",
    status: 201,
    requests: some.map((id) => request("POST", "/v1/messages", { conversation_id: id, message: TEXT })),
  },
  {
    key: "send-2k",
    title: "Send a message of 2 KB",
    kind: "write",
    database: "thousand",
    status: 201,
    requests: some.map((id) => request("POST", "/v1/messages", { conversation_id: id, message: LONG_TEXT })),
  },
];

/** Pairs of cases whose ratio shows how the cost grows with the table, and the goal for it. */
export const GROWTH = [
  { title: "Sparse filter, 1,000,000 : 1,000", small: "sparse-1k", large: "sparse-1m", goal: 1.2 },
  { title: "Deep page, 1,000,000 : 1,000", small: "deep-1k", large: "deep-1m", goal: 1.2 },
];

/** Requests to the endpoints, in an order in which all succeed. `{id}` is the id of the last object created. */
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
  request("GET", "/v1/events?limit=10"),
];
