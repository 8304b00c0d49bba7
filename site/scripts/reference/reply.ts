// Shows the response to a request, also one that is a stream.

import { h } from "../shared/dom.ts";

/** How much of a stream stays in view, in characters. */
const MAX_STREAM = 100_000;

/** Where a form shows its responses. */
export interface Display {
  element: HTMLElement;
  /** Says in one line what happens. */
  say: (text: string, kind?: "good" | "bad") => void;
  clear: () => void;
  /** Shows a response as it arrives. Returns its body, if it is JSON. */
  show: (response: Response, started: number) => Promise<unknown>;
}

export function createDisplay(): Display {
  const status = h("p", { class: "status", role: "status" });
  const headers = h("pre");
  const code = h("code");
  const body = h("pre", { class: "body", tabindex: "0", role: "region", "aria-label": "Response body" }, code);
  const headerDetails = h("details", {}, h("summary", {}, "Response headers"), headers);
  const element = h("div", { class: "reply" }, status, headerDetails, body);

  function say(text: string, kind: "good" | "bad" | "" = ""): void {
    status.textContent = text;
    status.className = `status ${kind}`;
  }

  function clear(): void {
    headerDetails.hidden = true;
    body.hidden = true;
    code.textContent = "";
  }

  async function show(response: Response, started: number): Promise<unknown> {
    const head = `${response.status} ${response.statusText}`.trim();
    const kind = response.status < 400 ? "good" : "bad";
    const time = () => `${Math.round(performance.now() - started)} ms`;
    say(`${head} · ${time()}`, kind);
    headers.textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    headerDetails.hidden = false;
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
      text = (text + part.value).slice(-MAX_STREAM);
      code.textContent = text;
      body.hidden = false;
    }
    say(text === "" ? `${head} · ${time()} · no body` : `${head} · ${time()}`, kind);
    if (!response.headers.get("content-type")?.startsWith("application/json")) return null;
    const json: unknown = JSON.parse(text);
    code.textContent = JSON.stringify(json, null, 2);
    return json;
  }

  clear();
  return { element, say, clear, show };
}
