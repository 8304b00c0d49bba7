// The page at `/`: the API description, rendered by Scalar. The page sends requests only to this Worker. Every feature
// of Scalar that calls another server is off, and the page's security policy forbids such requests too.
export {};

declare const Scalar: { createApiReference(element: string, configuration: object): unknown };

const description = await (await fetch("/openapi.json")).json();
description.info.description = description.info.description
  // The commands in the guides use the URL of this deployment.
  .replaceAll("{origin}", location.origin)
  // Scalar's menu drops the underscores of a heading, unless the whole heading is emphasized.
  .replace(/^## (\w+)$/gm, "## *$1*");

// The request form sends only required parameters at first. The reader selects the others: some exclude each other.
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

// The page asks for one token, at its top. The description of each operation names the scope.
description.security = [{ token: [] }];
for (const path of Object.values<any>(paths))
  for (const operation of Object.values<any>(path)) if (operation.security?.length) delete operation.security;

Scalar.createApiReference("#reference", {
  content: description,
  servers: [{ url: location.origin }],
  // The `documentation_url` of an error is `/#` and its code, so the heading of the code needs that anchor. Scalar
  // makes the anchor from the heading's id, without the name of the document.
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
