// A caller that goes away: it sends requests to the API through its service binding and aborts each once the API is at
// work on it. Over the network wrangler's own proxy stands between, which hides that a caller has gone.

interface Env {
  API: { fetch: typeof fetch };
}

/** A request to be aborted, `count` times. */
export interface Left {
  count: number;
  method: string;
  path: string;
  headers: Record<string, string>;
  /** What comes of its body, which never ends. Without it there is no body. */
  body?: string;
  /** Where the API is at that time: it has asked a limiter and reads the body, it waits for D1, or it may not have
   * begun. */
  at: "body" | "D1" | "start";
}

const ORIGIN = "https://conversations.internal";

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const left = (await request.json()) as Left;
    await Promise.all(Array.from({ length: left.count }, () => leave(env.API, left, crypto.randomUUID())));
    return env.API.fetch(ORIGIN, { headers: { "x-test-memory": "1" } });
  },
};

/** Sends one request and aborts it. */
async function leave(api: Env["API"], { method, path, headers, body, at }: Left, name: string) {
  const connection = new AbortController();
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(body));
      connection.signal.addEventListener("abort", () => controller.error(connection.signal.reason));
    },
  });
  const answered = api.fetch(ORIGIN + path, {
    method,
    headers: { ...headers, ...(at !== "start" && { [at === "D1" ? "x-test-gate" : "x-test-arrived"]: name }) },
    body: body === undefined ? undefined : stream,
    signal: connection.signal,
  });
  const tell = (what: string) => api.fetch(ORIGIN, { headers: { [what]: name } });
  if (at !== "start") await tell("x-test-reached");
  connection.abort();
  await answered.then(
    (response) => response.body?.cancel(),
    () => {},
  );
  if (at === "D1") await tell("x-test-open");
}
