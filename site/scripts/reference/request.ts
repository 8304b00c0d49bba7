// A request as the form shows it and sends it. Both come from one object, so that what is sent is what is shown.

import type { Input } from "./operation.ts";

/** A request, complete but for the token. */
export interface Request {
  method: string;
  /** The path with the query. */
  url: string;
  headers: [name: string, value: string][];
  body: string | null;
  needsToken: boolean;
}

/** An input and what the reader has put into its field. */
export interface Entry {
  input: Input;
  value: string;
}

const JSON_TYPE = "application/json";

/** Makes a request from the fields that are to be sent. */
export function makeRequest(
  method: string,
  path: string,
  needsToken: boolean,
  entries: { path: Entry[]; query: Entry[]; headers: Entry[]; body: Entry[] },
  bodyType: string | null,
): Request {
  const filled = entries.path.reduce(
    (filling, { input, value }) => filling.replace(`{${input.name}}`, encodeURIComponent(value)),
    path,
  );
  const query = encode(entries.query);
  const headers: [string, string][] = entries.headers.map(({ input, value }) => [input.name, value]);
  const hasBody = bodyType !== null && entries.body.length > 0;
  if (hasBody) headers.push(["Content-Type", bodyType]);
  return {
    method,
    url: query === "" ? filled : `${filled}?${query}`,
    headers,
    body: !hasBody ? null : bodyType === JSON_TYPE ? json(entries.body) : encode(entries.body),
    needsToken,
  };
}

const encode = (entries: Entry[]): string =>
  new URLSearchParams(entries.map(({ input, value }): [string, string] => [input.name, value])).toString();

const json = (entries: Entry[]): string =>
  JSON.stringify(Object.fromEntries(entries.map(({ input, value }) => [input.name, jsonValue(input, value)])), null, 2);

/** What is not of the input's type stays a text: the response then says what is wrong. */
function jsonValue({ type, isNullable }: Input, value: string): unknown {
  if (value === "" && isNullable) return null;
  if (type === "array") return value.split(/[\s,]+/).filter((each) => each !== "");
  if (type === "boolean" && /^(true|false)$/.test(value)) return value === "true";
  if (type === "integer" && /^-?\d{1,15}$/.test(value)) return Number(value);
  return value;
}

/** The request as a command. `$TOKEN` stands for the token. */
export function curlOf({ method, url, headers, body, needsToken }: Request): string {
  const shown = needsToken ? ['-H "Authorization: Bearer $TOKEN"'] : [];
  const lines = [
    `curl ${method === "GET" ? "" : `-X ${method} `}${shell(location.origin + url)}`,
    ...shown,
    ...headers.map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
    ...(body === null ? [] : [`--data-raw ${shell(body)}`]),
  ];
  return lines.join(" \\\n  ");
}

const shell = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Sends the request. */
export function send(
  { method, url, headers, body, needsToken }: Request,
  token: string,
  signal: AbortSignal,
): Promise<Response> {
  const authorization: [string, string][] = needsToken && token !== "" ? [["Authorization", `Bearer ${token}`]] : [];
  // Without the browser's cache, every response is the Worker's own.
  return fetch(url, {
    method,
    headers: [...authorization, ...headers],
    body,
    signal,
    cache: "no-store",
    redirect: "manual",
  });
}
