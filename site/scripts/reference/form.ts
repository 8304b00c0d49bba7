// The request form of an operation. The page loads it when a reader clicks "Try it".

import operations from "made:operations";
import { h } from "../shared/dom.ts";
import { collectIds, forgetId, newestId, offeredIds } from "./ids.ts";
import type { Input, TryOperation } from "./operation.ts";
import { createDisplay } from "./reply.ts";
import { curlOf, type Entry, makeRequest, type Request, send } from "./request.ts";
import { currentToken, tokenField } from "./token.ts";

const TYPE_NAMES: Record<string, string> = {
  "application/json": "JSON",
  "application/x-www-form-urlencoded": "Form",
};

/** Opens the form of the button's operation, or closes it. */
export function toggleForm(button: HTMLButtonElement): void {
  const id = button.dataset.try!;
  const section = button.closest("section")!;
  const open = section.querySelector<HTMLFormElement>("form");
  button.setAttribute("aria-expanded", String(open === null));
  button.textContent = open === null ? "Close" : "Try it";
  if (open !== null) {
    open.dispatchEvent(new Event("close"));
    open.remove();
    return;
  }
  const form = createForm(id, operations[id]!);
  section.append(form);
  form.querySelector<HTMLElement>("input, select, textarea, button")!.focus();
}

/** A field of the form. */
interface FieldControl {
  element: HTMLElement;
  /** What it holds, or null if it is not to be sent. */
  entry: () => Entry | null;
}

function createForm(id: string, operation: TryOperation): HTMLFormElement {
  const { path, methods, needsToken, resource, warning } = operation;
  const create = (inputs: Input[], place: string) =>
    inputs.map((input) => createField(input, `${id}-${place}-${input.name}`));
  const fields = {
    path: create(operation.pathInputs, "path"),
    query: create(operation.query, "query"),
    headers: create(operation.headers, "header"),
  };
  const bodies = operation.bodies.map(({ type, inputs }) => ({
    type,
    fields: create(inputs, TYPE_NAMES[type] ?? type),
  }));
  const method = choice(`${id}-method`, "Method", methods);
  const bodyType = choice(
    `${id}-type`,
    "Body as",
    bodies.map(({ type }) => type),
    TYPE_NAMES,
  );
  const bodyGroups = bodies.map(({ fields }) => group("Body", fields));
  const command = h("code");
  const display = createDisplay();
  const sendButton = h("button", { class: warning === null ? "primary" : "danger" }, "Send");
  const stopButton = h("button", { type: "button", hidden: true, click: () => running?.abort() }, "Stop");
  let running: AbortController | null = null;

  const form = h(
    "form",
    {
      class: "try",
      "aria-label": "Request",
      novalidate: true,
      input: update,
      change: update,
      submit: onSubmit,
      close: () => running?.abort(),
    },
    ...(needsToken ? [tokenField(`${id}-token`)] : []),
    ...(methods.length > 1 ? [method.element] : []),
    group("Path", fields.path),
    group("Query", fields.query),
    ...(bodies.length > 1 ? [bodyType.element] : []),
    ...bodyGroups,
    headerGroup(fields.headers, operation.headers),
    h("p", { class: "caption" }, "Request"),
    h("pre", { class: "command" }, command),
    ...(needsToken ? [h("p", { class: "hint" }, "$TOKEN is the token in the field above.")] : []),
    ...(warning === null ? [] : [h("p", { class: "warning" }, warning)]),
    h("p", { class: "actions" }, sendButton, stopButton),
    display.element,
  );

  function request(): Request {
    const entries = (list: FieldControl[]) => list.map(({ entry }) => entry()).filter((entry) => entry !== null);
    const body = bodies.find(({ type }) => type === bodyType.value());
    const given = { path: entries(fields.path), query: entries(fields.query), headers: entries(fields.headers) };
    return makeRequest(
      method.value(),
      path,
      needsToken,
      { ...given, body: entries(body?.fields ?? []) },
      body?.type ?? null,
    );
  }

  function update(): void {
    for (const [index, { type }] of bodies.entries()) bodyGroups[index]!.hidden = type !== bodyType.value();
    command.textContent = curlOf(request());
  }

  async function onSubmit(event: Event): Promise<void> {
    event.preventDefault();
    const empty = fields.path.map(({ entry }) => entry()!).find(({ value }) => value === "");
    display.clear();
    if (empty !== undefined) return display.say(`Enter the ${empty.input.name} first: it is part of the path.`, "bad");
    running?.abort();
    const controller = new AbortController();
    running = controller;
    stopButton.hidden = false;
    display.say("Waiting for the response…");
    const started = performance.now();
    const sent = request();
    try {
      const response = await send(sent, currentToken(), controller.signal);
      const body = await display.show(response, started);
      if (response.ok) remember(sent, body, response.status);
    } catch (error) {
      if (!controller.signal.aborted) display.say(`The request failed: ${(error as Error).message}`, "bad");
      else if (running === controller) display.say("Stopped.");
    } finally {
      if (running === controller) stopButton.hidden = true;
    }
  }

  /** Offers the ids in a response in the forms that need them. */
  function remember({ method }: Request, body: unknown, status: number): void {
    if (method === "DELETE") forgetId(resource, fields.path[0]!.entry()!.value);
    // An attempt and a ping have ids of their own, which no field takes.
    else if (!/\/(?:attempts|ping)$/.test(path)) collectIds(resource, body, status === 201);
  }

  update();
  return form;
}

function group(title: string, fields: FieldControl[]): HTMLElement {
  return h(
    "fieldset",
    { hidden: fields.length === 0 },
    h("legend", {}, title),
    ...fields.map(({ element }) => element),
  );
}

/** Few requests need headers, so they are folded, unless the reader chooses the kind of response with one. */
function headerGroup(fields: FieldControl[], inputs: Input[]): HTMLElement {
  const open = inputs.some(({ name }) => name === "Accept");
  const elements = fields.map(({ element }) => element);
  return h("details", { hidden: fields.length === 0, open }, h("summary", {}, "Headers"), ...elements);
}

/** A field with its name. An optional one is sent only if its box is checked, which typing does. */
function createField(input: Input, id: string): FieldControl {
  const { name, isRequired, isSent, values, isLong, resource } = input;
  const fresh = name === "Idempotency-Key" ? crypto.randomUUID() : resource === null ? undefined : newestId(resource);
  const value = fresh ?? input.value;
  const control =
    values.length > 0 && input.type !== "array"
      ? h(
          "select",
          { id },
          ...[...(input.isNullable ? [""] : []), ...values].map((each) => h("option", { value: each }, each)),
        )
      : isLong
        ? h("textarea", { id, rows: "2" })
        : h("input", {
            id,
            type: "text",
            autocomplete: "off",
            spellcheck: "false",
            list: resource === null ? undefined : offeredIds(resource),
          });
  control.value = value;
  control.required = isRequired;
  const box = h("input", { type: "checkbox", "aria-label": `Send ${name}` });
  box.checked = isSent;
  control.addEventListener("input", () => (box.checked = true));
  const element = h(
    "div",
    { class: "field" },
    isRequired ? h("span", { class: "required", title: "Required" }, "•") : box,
    h("label", { for: id }, name),
    control,
  );
  return { element, entry: () => (isRequired || box.checked ? { input, value: control.value } : null) };
}

/** A choice of one of several values. */
function choice(id: string, label: string, values: string[], names: Record<string, string> = {}) {
  const select = h("select", { id }, ...values.map((value) => h("option", { value }, names[value] ?? value)));
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), select), value: () => select.value };
}
