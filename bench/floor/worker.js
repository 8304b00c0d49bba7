// The floor: plain JavaScript that does this project's D1 work in the same single call and answers the same bytes, with
// no framework and no checks. It believes whatever it is sent, knows its one token's hash beforehand (TOKEN_HASH) and
// gets the SQL that src/ sends from the benchmark itself (STATEMENTS, texts by case), which also makes sure before any
// measurement that both send the same statements with the same parameters.

const MISSING_TOKEN = JSON.stringify({
  type: "invalid_request",
  code: "token_invalid",
  message:
    "The token is not valid: it is malformed, unknown, expired or revoked. Send a good one as Authorization: Bearer {token}.",
  param: null,
  documentation_url: "https://api.self.chat/#token_invalid",
  request_id: "0000000000000000",
});

export default {
  async fetch(request, env) {
    const { TOKEN_HASH, STATEMENTS } = env;
    if (!request.headers.get("authorization").endsWith(env.TOKEN_END)) {
      return answer(401, MISSING_TOKEN, {
        "www-authenticate": 'Bearer realm="conversations", error="invalid_token"',
      });
    }
    const url = new URL(request.url);
    const path = url.pathname;
    const now = Math.floor(Date.now() / 1000);

    /** All statements of a case in one call; the text that the last of them answers with. */
    const send = async (name, scope, ...parameters) => {
      const statements = STATEMENTS[name].map((sql, at) =>
        env.DB.prepare(sql).bind(TOKEN_HASH, now, scope, ...parameters[at]),
      );
      const results = await env.DB.batch(statements);
      return results.at(-1).results[0].answer;
    };

    if (path === "/v1/messages") {
      const { conversation_id, message } = await request.json();
      const id = newId();
      const object = await send("send", 8, [id, conversation_id, null, message], [conversation_id, null], [id]);
      return answer(201, object, { location: `/v1/messages/${id}` });
    }
    if (path !== "/v1/conversations") {
      const id = path.slice("/v1/conversations/".length);
      if (request.method === "GET") return answer(200, await send("retrieve", 1, [id]), {});
      const { is_muted } = await request.json();
      const changes = [id, 0, null, null, is_muted ? 1 : 0, 0, null, 0, null];
      const [, object] = (await send("update", 2, changes, [id, null])).split("\t");
      return answer(200, object, {});
    }
    if (request.method === "POST") {
      const { contact_id } = await request.json();
      const id = newId();
      const [, object] = (await send("create", 2, [id, contact_id, null], [id])).split("\t");
      return answer(201, object, { location: `/v1/conversations/${id}` });
    }

    const query = url.searchParams;
    const limit = Number(query.get("limit") ?? 10);
    const after = query.get("starting_after");
    const page = [limit + 1, after ?? "{", null, null];
    const flags = ["pinned", "muted", "archived"].filter((flag) => query.has(flag));
    const lines = flags.length > 0
      ? await send("sparse", 1, [...page, ...states(flags)])
      : await send("list", 1, page);
    return list(lines, limit, after, url, flags);
  },
};

/** The values of `conversations.state` that have all these flags; four in all, null for none. */
function states(flags) {
  const bits = { pinned: 1, muted: 2, archived: 4 };
  const wanted = flags.reduce((sum, flag) => sum + bits[flag], 0);
  const states = [0, 1, 2, 3, 4, 5, 6, 7].filter((state) => (state & wanted) === wanted);
  return [0, 1, 2, 3].map((at) => states[at] ?? null);
}

function list(lines, limit, after, url, flags) {
  const rows = lines === null ? [] : lines.split("\n").map((line) => line.split("\t"));
  const more = rows.length > limit;
  if (more) rows.pop();
  const kept = ["muted", "archived", "pinned"].filter((flag) => flags.includes(flag)).map((flag) => `${flag}=true&`);
  const link = (rel, cursor, [position]) =>
    `<${url.origin}${url.pathname}?${kept.join("")}limit=${limit}&${cursor}=${position}>; rel="${rel}"`;
  const links = [];
  if (more) links.push(link("next", "starting_after", rows.at(-1)));
  if (after !== null && rows.length > 0) links.push(link("prev", "ending_before", rows[0]));
  const body = `{"has_more":${more},"data":[${rows.map(([, object]) => object).join(",")}]}`;
  return answer(200, body, links.length > 0 ? { link: links.join(", ") } : {});
}

function answer(status, body, headers) {
  return new Response(body, {
    status,
    headers: {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "Allow, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id",
      "x-request-id": "0000000000000000",
      "cache-control": "private, no-cache",
      "content-type": "application/json; charset=utf-8",
      ...headers,
    },
  });
}

let counter = 0;

/** An id that sorts behind those before it: milliseconds and a count, both in base36, in capitals. */
function newId() {
  counter += 1;
  const time = Date.now().toString(36).toUpperCase().padStart(9, "0");
  return `Z${time}${counter.toString(36).toUpperCase().padStart(6, "0")}`;
}
