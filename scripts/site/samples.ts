// Code samples of an operation: with our own client first, then in other languages. All make the same request.

import { type Body, FORM_TYPE, JSON_TYPE, type Operation } from "./description.ts";

/** The languages in the order of the page, each with its title. */
export const LANGUAGES = { typescript: "TypeScript", curl: "curl", fetch: "fetch", python: "Python" } as const;

export type Language = keyof typeof LANGUAGES;

/** The request of a sample. */
interface Example {
  method: string;
  path: string;
  query: Record<string, string>;
  needsToken: boolean;
  json: unknown;
  form: Record<string, unknown> | null;
}

/** The samples of an operation. Without a method of the client there is none in TypeScript. */
export function samplesOf(operation: Operation): Partial<Record<Language, string>> {
  const example = exampleOf(operation);
  const call = CLIENT[operation.id];
  return {
    ...(call && { typescript: typescript(call(argumentsOf(operation, example))) }),
    curl: curl(example),
    fetch: fetched(example),
    python: python(example),
  };
}

function exampleOf(operation: Operation): Example {
  const { method, parameters, bodies, needsToken } = operation;
  const body = (type: string): Body | undefined => bodies.find((each) => each.type === type);
  const shown = parameters.query.filter(({ name, isRequired }) => isRequired || name === "limit");
  return {
    method,
    path: operation.path.replace("{id}", operation.exampleId),
    query: Object.fromEntries(shown.map(({ name, schema }) => [name, String(schema.example)])),
    needsToken,
    json: body(JSON_TYPE)?.example ?? null,
    form: (body(FORM_TYPE)?.example as Record<string, unknown>) ?? null,
  };
}

// ---- our own client

interface Arguments {
  id: string;
  query: string;
  body: string;
  /** The attributes of the body apart: which objects, and what changes in them. */
  ids: string;
  changes: string;
}

function argumentsOf({ exampleId }: Operation, { query, json }: Example): Arguments {
  const { ids, ...changes } = (json ?? {}) as Record<string, unknown>;
  return {
    id: JSON.stringify(exampleId),
    query: `{ ${Object.entries(query).map(([name, value]) => `${name}: ${value}`)} }`,
    body: literal(json ?? {}),
    ids: literal(ids ?? []),
    changes: literal(changes),
  };
}

const each = (variable: string, list: string) =>
  `for await (const ${variable} of ${list}) {\n  console.log(${variable});\n}`;

/** The call of each operation, by its id. */
const CLIENT: Record<string, (given: Arguments) => string> = {
  listConversations: ({ query }) => each("conversation", `client.conversations.list(${query})`),
  createConversation: ({ body }) => `const conversation = await client.conversations.create(${body});`,
  retrieveConversation: ({ id }) => `const conversation = await client.conversations.retrieve(${id});`,
  updateConversation: ({ id, body }) => `const conversation = await client.conversations.update(${id}, ${body});`,
  updateConversations: ({ ids, changes }) =>
    `const { data, missing } = await client.conversations.updateMany(${ids}, ${changes});`,
  deleteConversation: ({ id }) => `await client.conversations.delete(${id});`,
  listMessages: ({ query }) => each("message", `client.messages.list(${query})`),
  createMessage: ({ body }) => `const message = await client.messages.create(${body});`,
  retrieveMessage: ({ id }) => `const message = await client.messages.retrieve(${id});`,
  updateMessage: ({ id, body }) => `const message = await client.messages.update(${id}, ${body});`,
  deleteMessage: ({ id }) => `await client.messages.delete(${id});`,
  listEvents: ({ query }) => {
    const [page, stream] = [`client.events.list(${query})`, "client.events.stream()"];
    return `${each("event", page)}\n\n// As they happen:\n${each("event", stream)}`;
  },
  listWebhooks: ({ query }) => each("webhook", `client.webhooks.list(${query})`),
  createWebhook: ({ body }) => `const { id, secret } = await client.webhooks.create(${body});`,
  retrieveWebhook: ({ id }) => `const webhook = await client.webhooks.retrieve(${id});`,
  updateWebhook: ({ id, body }) => `const webhook = await client.webhooks.update(${id}, ${body});`,
  deleteWebhook: ({ id }) => `await client.webhooks.delete(${id});`,
  rotateWebhook: ({ id, body }) => `const { secret } = await client.webhooks.rotate(${id}, ${body});`,
  pingWebhook: ({ id }) => `const ping = await client.webhooks.ping(${id});`,
  listAttempts: ({ id, query }) => each("attempt", `client.webhooks.attempts(${id}, ${query})`),
  retrieveCurrentToken: () => "const token = await client.token.retrieve();",
  listTokens: ({ query }) => each("token", `client.tokens.list(${query})`),
  createToken: ({ body }) => `const { id, token } = await client.tokens.create(${body});`,
  retrieveToken: ({ id }) => `const token = await client.tokens.retrieve(${id});`,
  revokeToken: ({ id }) => `await client.tokens.delete(${id});`,
  rotateToken: ({ id, body }) => `const { token } = await client.tokens.rotate(${id}, ${body});`,
};

const typescript = (call: string): string =>
  `import { ConversationsClient } from "conversations-client";

const client = new ConversationsClient({
  baseUrl: "{origin}",
  token: process.env.TOKEN!,
});
${call}`;

// ---- the others

const pathAndQuery = ({ path, query }: Example): string => {
  const search = new URLSearchParams(query).toString();
  return search === "" ? path : `${path}?${search}`;
};

function curl({ method, path, query, needsToken, form }: Example): string {
  const isGet = method === "GET";
  const pairs = Object.entries(isGet ? query : (form ?? {}));
  // curl sends a GET without data, and a POST with data, by itself.
  const by = isGet ? (pairs.length > 0 ? "-G " : "") : method === "POST" && pairs.length > 0 ? "" : `-X ${method} `;
  const lines = [
    `curl ${by}{origin}${path}`,
    ...(needsToken ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...pairs.map(
      ([name, value]) => `${/[&+%\s]/.test(String(value)) ? "--data-urlencode" : "-d"} ${shell(`${name}=${value}`)}`,
    ),
  ];
  return lines.join(" \\\n  ");
}

/** A word of a shell command. */
const shell = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function fetched(example: Example): string {
  const headers = [
    ...(example.needsToken ? [`Authorization: "Bearer " + process.env.TOKEN`] : []),
    ...(example.json === null ? [] : ['"Content-Type": "application/json"']),
  ];
  const options = [
    ...(example.method === "GET" ? [] : [`  method: "${example.method}",`]),
    ...(headers.length === 0 ? [] : [`  headers: {\n${headers.map((each) => `    ${each},\n`).join("")}  },`]),
    ...(example.json === null ? [] : [`  body: JSON.stringify(${literal(example.json, "  ")}),`]),
  ];
  const given = options.length === 0 ? "" : `, {\n${options.join("\n")}\n}`;
  const shown = example.method === "DELETE" ? "response.status" : "await response.json()";
  return `const response = await fetch("{origin}${pathAndQuery(example)}"${given});\nconsole.log(${shown});`;
}

function python(example: Example): string {
  const headers = `    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},`;
  const lines = [
    `    "{origin}${example.path}",`,
    ...(example.needsToken ? [headers] : []),
    ...(Object.keys(example.query).length === 0 ? [] : [`    params=${pythonLiteral(example.query)},`]),
    ...(example.json === null ? [] : [`    json=${pythonLiteral(example.json)},`]),
  ];
  const shown = example.method === "DELETE" ? "response.status_code" : "response.json()";
  const imports = example.needsToken ? "import os\nimport requests" : "import requests";
  return `${imports}\n\nresponse = requests.${example.method.toLowerCase()}(\n${lines.join("\n")}\n)\nprint(${shown})`;
}

/** A value as TypeScript writes it. An object has a line for each attribute. */
function literal(value: unknown, indent = ""): string {
  if (Array.isArray(value)) return `[${value.map((each) => literal(each, indent)).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const pairs = Object.entries(value).map(([name, each]) => `${indent}  ${name}: ${literal(each, `${indent}  `)},\n`);
  return pairs.length === 0 ? "{}" : `{\n${pairs.join("")}${indent}}`;
}

/** A value as Python writes it. */
function pythonLiteral(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}: ${pythonLiteral(each)}`)
    .join(", ")}}`;
}
