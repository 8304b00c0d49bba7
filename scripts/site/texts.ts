// The files for programs that are no pages: the description as YAML, the guides as text for language models, and whom
// to tell of a vulnerability.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The parts of openapi.yaml that a text is made from. */
interface Document {
  info: { title: string; summary: string; description: string };
  paths: Record<string, Record<string, { summary?: string }>>;
}

const CONTACT = "mailto:security@self.chat";

/** Writes the texts to a folder. `source` is openapi.yaml, and `document` what it says. */
export function makeTexts(folder: string, source: string, document: Document) {
  writeFileSync(join(folder, "openapi.yaml"), source);
  writeFileSync(join(folder, "llms.txt"), llmsTxt(document));
  mkdirSync(join(folder, ".well-known"));
  writeFileSync(join(folder, ".well-known", "security.txt"), securityTxt());
}

/** The first moment of a month, ten to eleven months from now. RFC 9116 advises less than a year. It only changes once
 * a month, so that a build with nothing new can be skipped: it is part of what `npm run build` compares. */
export function securityExpiry(now = new Date()): string {
  const expiry = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 11));
  return expiry.toISOString().replace(".000", "");
}

/** https://www.rfc-editor.org/rfc/rfc9116 */
const securityTxt = () => `Contact: ${CONTACT}\nExpires: ${securityExpiry()}\nPreferred-Languages: en\n`;

/** https://llmstxt.org: a title, a summary, the guides, and links to more. */
function llmsTxt({ info, paths }: Document): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { summary }]) =>
      summary === undefined ? [] : [`- \`${method.toUpperCase()} ${path}\`: ${summary}`],
    ),
  );
  return `# ${info.title}

> ${info.summary}

In the examples, \`{origin}\` is the address of this file without its path, and \`{token}\` is your token. Lists of all
endpoints and of further documents are at the end.

${deeper(info.description).trim()}

## Endpoints

${operations.join("\n")}

## Documents

- [API description as JSON](/openapi.json): every endpoint, attribute and response, as OpenAPI 3.1
- [API description as YAML](/openapi.yaml): the same
- [API reference](/): the same for people, with a form to send each request
- [The inbox](/inbox): an example application
- [Webhooks](/webhooks): webhook endpoints and their deliveries
`;
}

/** Markdown whose headings are one level deeper. A comment in a code block is no heading. */
function deeper(markdown: string): string {
  let isCode = false;
  return markdown
    .split("\n")
    .map((line) => {
      if (line.startsWith("```")) isCode = !isCode;
      return !isCode && /^#+ /.test(line) ? `#${line}` : line;
    })
    .join("\n");
}
