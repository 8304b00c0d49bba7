// Operations and objects as HTML.

import {
  type Body,
  elementOf,
  type Field,
  FORM_TYPE,
  JSON_TYPE,
  type Operation,
  type Reply,
  type Schema,
} from "./description.ts";
import { code, escapeHtml, markdown } from "./markdown.ts";
import { LANGUAGES, samplesOf } from "./samples.ts";

/** Headers that most responses have. They have a section of their own. */
export type CommonHeaders = ReadonlyMap<string, Field>;

/** The section of an operation. */
export function operationSection(operation: Operation, common: CommonHeaders): string {
  const { id, summary, description, sameAs } = operation;
  const heading = `<h3 id="${id}" data-route="${operation.method} ${escapeHtml(operation.path)}"><a href="#${id}">${escapeHtml(summary)}</a></h3>\n${route(operation)}`;
  if (sameAs !== null)
    return `<section class="operation">\n${heading}<p>Does the same as <a href="#${sameAs}">the operation above</a>.</p>\n</section>\n`;
  return `<section class="operation">
<div class="text">
${heading}${markdown(description)}${inputs(operation)}${replies(operation, common)}</div>
<div class="examples">
${operation.isIncoming ? "" : samples(operation)}${exampleReply(operation)}</div>
</section>
`;
}

/** The section of an object. */
export function objectSection([name, fields]: [string, Field[]], names: ReadonlySet<string>): string {
  return `<section class="object">\n<h3 id="${name}"><a href="#${name}">${name}</a></h3>\n${list(fields, names)}</section>\n`;
}

/** A list of fields: attributes, parameters or headers. */
export function list(fields: Field[], objects: ReadonlySet<string> = new Set()): string {
  const entries = fields.map(({ name, description, isRequired, schema }) => {
    // In an object almost all attributes are always present, so the others are marked.
    const mark = objects.size === 0 ? (isRequired ? " <b>required</b>" : "") : isRequired ? "" : " <b>optional</b>";
    return `<dt><code>${name}</code> <span>${typeOf(schema, objects)}</span>${mark}</dt><dd>${markdown(description)}</dd>\n`;
  });
  return `<dl>\n${entries.join("")}</dl>\n`;
}

/** A method and a path. */
export const route = ({ method, path, isIncoming }: Operation): string =>
  `<p class="route">${methodLabel(method)} <code>${isIncoming ? "the URL of your endpoint" : escapeHtml(path)}</code></p>\n`;

export const methodLabel = (method: string): string => `<b class="${method.toLowerCase()}">${method}</b>`;

function inputs({ parameters, bodies }: Operation): string {
  const { path, query, header } = parameters;
  return [
    path.length > 0 ? `<h4>Path</h4>\n${list(path)}` : "",
    query.length > 0 ? `<h4>Query</h4>\n${list(query)}` : "",
    bodies.map(bodyDetails).join(""),
    header.length > 0 ? `${details(`Request headers ${names(header)}`, list(header))}` : "",
  ].join("");
}

const BODY_TITLES: Record<string, string> = { [JSON_TYPE]: "Body as JSON", [FORM_TYPE]: "Body as a form" };

function bodyDetails({ type, description, fields }: Body, index: number): string {
  const title = `${BODY_TITLES[type]} <code>${type}</code>`;
  return details(title, `${markdown(description)}${list(fields)}`, index === 0);
}

function replies({ replies }: Operation, common: CommonHeaders): string {
  const succeed = replies.filter(({ status }) => status < "400");
  const fail = replies.filter(({ status }) => status >= "400");
  const body = `<p>The body is an ${objectLink("Error")}. Its <a href="#errors">code</a> says what is wrong.</p>\n`;
  const errors = `${body}<dl>\n${fail.map((reply) => replyEntry(reply, common)).join("")}</dl>\n`;
  const title = `Errors ${fail.map(({ status }) => `<code>${status}</code>`).join(" ")}`;
  return `<h4>Responses</h4>
<dl>
${succeed.map((reply) => replyEntry(reply, common)).join("")}</dl>
${fail.length === 0 ? "" : details(title, errors)}`;
}

function replyEntry({ status, description, headers, contents }: Reply, common: CommonHeaders): string {
  const body = status < "400" ? contents.map(({ type, schema }) => returns(type, schema)).join("") : "";
  const own = headers.filter((header) => common.get(header.name)?.description !== header.description);
  const described = own.length === 0 ? "" : details(`Headers ${names(own)}`, list(own));
  return `<dt><code>${status}</code></dt><dd>${markdown(description)}${body}${described}</dd>\n`;
}

function returns(type: string, schema: Schema): string {
  const element = elementOf(schema);
  if (element !== null)
    return `<p>Returns <code>has_more</code> and <code>data</code>, a list of ${objectLink(element.name!)}.</p>\n`;
  if (type !== JSON_TYPE)
    return `<p>As <code>${type}</code>: ${escapeHtml(schema.name ?? schema.types.join(", "))}.</p>\n`;
  if (schema.name !== null) return `<p>Returns ${objectLink(schema.name)}.</p>\n`;
  return list(schema.fields);
}

const objectLink = (name: string): string => `<a href="#${name}"><code>${name}</code></a>`;

function samples(operation: Operation): string {
  const written = samplesOf(operation);
  const blocks = Object.entries(LANGUAGES).map(([language, title]) => {
    const text = written[language as keyof typeof LANGUAGES];
    // The client has a method for each operation of an account. Other operations need no token and no client.
    const shown = text ?? written.curl!;
    return `<div class="sample ${language}"><p>${text === undefined ? LANGUAGES.curl : title}</p>${code(shown)}</div>\n`;
  });
  return `<div class="samples">
${blocks.join("")}</div>
<p class="actions"><button type="button" data-copy>Copy</button>
<button type="button" data-try="${operation.id}">Try it</button></p>
`;
}

function exampleReply({ replies, isIncoming, bodies }: Operation): string {
  if (isIncoming)
    return `<p class="caption">Body of the request</p>\n${code(JSON.stringify(bodies[0]!.example, null, 2))}\n`;
  const shown = replies.find(({ status }) => status === "201") ?? replies[0];
  const content = shown?.contents.find(({ type }) => type === JSON_TYPE);
  if (content?.schema.example === undefined) return "";
  return `<p class="caption">Response <code>${shown!.status}</code></p>\n${code(JSON.stringify(content.schema.example, null, 2))}\n`;
}

function details(summary: string, content: string, isOpen = false): string {
  return `<details${isOpen ? " open" : ""}><summary>${summary}</summary>\n${content}</details>\n`;
}

const names = (fields: Field[]): string => fields.map(({ name }) => `<code>${name}</code>`).join(" ");

/** A schema in words. Objects of the page are links. */
function typeOf(schema: Schema, objects: ReadonlySet<string>): string {
  const { name, types, values, minimum, maximum, maxLength, isNullable, canBeEmpty, items } = schema;
  const kinds =
    name !== null && objects.has(name)
      ? [objectLink(name)]
      : items !== null
        ? [`list of ${typeOf(items, objects)}`]
        : values.length > 0
          ? [values.map((value) => `<code>${escapeHtml(value)}</code>`).join(", ")]
          : types;
  // The largest timestamp is the end of the year 9999, which says nothing here.
  const isBounded = minimum !== undefined && maximum !== undefined && schema.name !== "Timestamp";
  const notes = [
    [...kinds, ...(isNullable ? ["null"] : []), ...(canBeEmpty ? ["empty"] : [])].join(" or "),
    ...(isBounded ? [`${minimum} to ${maximum}`] : []),
    ...(maxLength === undefined ? [] : [`at most ${maxLength} characters`]),
    ...(schema.default === undefined ? [] : [`default <code>${escapeHtml(String(schema.default))}</code>`]),
  ];
  return notes.join(", ");
}
