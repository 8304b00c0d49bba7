// A Worker that uses the client: over the network, or through its service binding to the API.

import { everything } from "../client/everything.ts";

interface Env {
  API: { fetch: typeof fetch };
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { token, origin } = (await request.json()) as { token: string; origin?: string };
    const binding = {
      baseUrl: "https://conversations.internal",
      fetch: (url: string, init: RequestInit) => env.API.fetch(url, init),
    };
    return Response.json(await everything({ token, ...(origin === undefined ? binding : { baseUrl: origin }) }));
  },
};
