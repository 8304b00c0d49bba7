// The page at `/`: the API's description, rendered by Scalar. What a reader does on it stays between the page and this
// Worker: everything of Scalar's that would speak to somebody else is off, and the page's policy forbids it besides.
export {};

declare const Scalar: { createApiReference(element: string, configuration: object): unknown };

const description = await (await fetch("/openapi.json")).json();
description.info.description = description.info.description
  // The guides' commands name the very deployment they are read on.
  .replaceAll("{origin}", location.origin)
  // Scalar's menu drops a heading's underscores, unless the whole of it is emphasised.
  .replace(/^## (\w+)$/gm, "## *$1*");

// A first try sends what is needed. Everything optional waits to be ticked, as not all of it goes together.
const { paths, components } = description;
const inPlace = Object.values<any>(paths).flatMap((path) =>
  Object.values<any>(path).flatMap((operation) => operation.parameters ?? []),
);
for (const parameter of [...inPlace, ...Object.values<any>(components.parameters)]) {
  if (parameter.$ref !== undefined || parameter.required || parameter.name === "limit") continue;
  const { example, ...schema } =
    parameter.schema.$ref === undefined
      ? parameter.schema
      : components.schemas[parameter.schema.$ref.split("/").at(-1)];
  const value = example ?? schema.default;
  if (value === undefined) continue;
  parameter.schema = schema;
  parameter.examples = { default: { value, "x-disabled": true } };
}

// One token is asked for, at the top of the page. Which scopes it needs, each operation says in words.
description.security = [{ token: [] }];
for (const path of Object.values<any>(paths))
  for (const operation of Object.values<any>(path)) if (operation.security?.length) delete operation.security;

Scalar.createApiReference("#reference", {
  content: description,
  servers: [{ url: location.origin }],
  // `documentation_url` of an error is `/#` and its code, so that is the anchor of the code's heading. Scalar's anchors
  // are its ids without the name of the document.
  slug: "api",
  generateHeadingSlug: ({ slug }: { slug: string }) =>
    `api/${slug === "introduction" ? "description/introduction" : slug.replaceAll("-", "_")}`,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  withDefaultFonts: false,
  showDeveloperTools: "never",
  hideClientButton: true,
});
