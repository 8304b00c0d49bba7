// The floor: plain JavaScript that sends the same statements to D1 in the same single call and returns the same bytes.
// It has the same limits, log fields and entity tags, but no framework, and it checks nothing: every request is valid,
// and the hash of the one token is known (TOKEN_HASH). The benchmark gives it the SQL that src/ sends (STATEMENTS,
// texts by case), and compares the statements and parameters of both before it measures anything.

export default {
  async fetch(request, env) {
    const { TOKEN_HASH, STATEMENTS } = env;
    const url = new URL(request.url);
    const path = url.pathname;
    const single = path.startsWith("/v1/conversations/");
    const exchange = {
      id: newId(),
      method: request.method,
      route: single ? "/v1/conversations/:id" : path,
      account: null,
      token: null,
      calls: 0,
      milliseconds: 0,
      read: 0,
      written: 0,
    };
    if (!request.headers.get("authorization").endsWith(env.TOKEN_END)) return unauthorized(exchange, request, env, url);
    if (!(await env.ACCOUNT_LIMIT.limit({ key: TOKEN_HASH })).success) return answer(exchange, 429, "{}", {});
    /** Runs all statements of a case in one call. Returns the rows of the one that answers. */
    const send = async (name, scope, ...parameters) => {
      const statements = STATEMENTS[name].map((sql, at) =>
        env.DB.prepare(sql).bind(TOKEN_HASH, scope, ...parameters[at]),
      );
      const results = await env.DB.batch(statements);
      for (const { meta } of results) {
        exchange.milliseconds += meta.duration;
        exchange.read += meta.rows_read;
        exchange.written += meta.rows_written;
      }
      exchange.calls = 1;
      const rows = results.find(({ results }) => results.length > 0).results;
      exchange.account = rows[0].account;
      exchange.token = rows[0].token;
      return rows;
    };

    if (path === "/v1/messages") {
      const { conversation_id, message } = await request.json();
      const { id } = exchange;
      const touch = [null, null, id, conversation_id, null];
      const [{ position, tag, object }] = await send("send", 8, touch, [...touch, message], touch.slice(0, -1));
      return answer(exchange, 201, object, { location: `/v1/messages/${position}`, etag: `"${tag}"` });
    }
    if (single) {
      const id = path.slice("/v1/conversations/".length);
      if (request.method === "GET") {
        const [{ tag, object }] = await send("retrieve", 1, [id]);
        return answer(exchange, 200, object, { etag: `"${tag}"` });
      }
      const { is_muted } = await request.json();
      const subject = [id, exchange.id, null, 0, null];
      const attributes = [null, is_muted ? 1 : 0, 0, null, 0, null];
      const [{ tag, object }] = await send("update", 2, [...subject, ...attributes], subject);
      return answer(exchange, 200, object, { etag: `"${tag}"` });
    }
    if (request.method === "POST") {
      const { contact_id } = await request.json();
      const identity = [null, null, exchange.id];
      const [{ position, tag, object }] = await send("create", 2, [...identity, contact_id, null], identity);
      return answer(exchange, 201, object, { location: `/v1/conversations/${position}`, etag: `"${tag}"` });
    }

    const query = url.searchParams;
    const limit = Number(query.get("limit") ?? 10);
    const after = query.get("starting_after");
    const page = [limit + 1, after ?? "{", null, null];
    const flags = ["pinned", "muted", "archived"].filter((flag) => query.has(flag));
    const rows = flags.length > 0 ? await send("sparse", 1, page) : await send("list", 1, page);
    return list(exchange, rows, limit, after, url, flags);
  },
};

function list(exchange, rows, limit, after, url, flags) {
  // A row without an object only says whose account it is.
  const found = rows.filter(({ object }) => object !== null);
  const more = found.length > limit;
  if (more) found.pop();
  const kept = ["muted", "archived", "pinned"].filter((flag) => flags.includes(flag)).map((flag) => `${flag}=true&`);
  const link = (rel, cursor, { position }) =>
    `<${url.origin}${url.pathname}?${kept.join("")}limit=${limit}&${cursor}=${position}>; rel="${rel}"`;
  const links = [];
  if (more) links.push(link("next", "starting_after", found.at(-1)));
  if (after !== null && found.length > 0) links.push(link("prev", "ending_before", found[0]));
  const body = `{"has_more":${more},"data":[${found.map(({ object }) => object).join(",")}]}`;
  return answer(exchange, 200, body, links.length > 0 ? { link: links.join(", ") } : {});
}

async function unauthorized(exchange, request, env, url) {
  const { success } = await env.ADDRESS_LIMIT.limit({ key: request.headers.get("cf-connecting-ip") ?? "" });
  if (!success) return answer(exchange, 429, "{}", {});
  const body = JSON.stringify({
    type: "invalid_request",
    code: "token_invalid",
    message:
      "The token is malformed, unknown, expired or revoked. " +
      "Send a valid one in the header `Authorization: Bearer {token}`.",
    param: null,
    documentation_url: `${url.origin}/#token_invalid`,
    request_id: exchange.id,
  });
  const headers = { "www-authenticate": 'Bearer realm="conversations", error="invalid_token"' };
  return answer(exchange, 401, body, headers, "token_invalid");
}

/** The response, and the request's line in the log. */
function answer(exchange, status, body, headers, code) {
  const { id, method, route, account, token, calls, milliseconds, read, written } = exchange;
  console.log(
    JSON.stringify({
      request_id: id,
      method,
      route,
      status,
      account,
      token,
      d1_calls: calls,
      d1_ms: milliseconds,
      rows_read: read,
      rows_written: written,
      code,
    }),
  );
  return new Response(body, {
    status,
    headers: {
      "access-control-allow-origin": "*",
      "access-control-expose-headers":
        "Allow, ETag, Idempotent-Replayed, Link, Location, RateLimit-Policy, Retry-After, Server-Timing, " +
        "WWW-Authenticate, X-Request-Id",
      "cache-control": status >= 400 || route === "/v1/messages" ? "private, no-store" : "private, no-cache",
      "x-content-type-options": "nosniff",
      "x-request-id": id,
      ...(status !== 401 && {
        "server-timing": `d1;dur=${milliseconds.toFixed(3)};desc="${read} rows read, ${written} written"`,
      }),
      "content-type": "application/json; charset=utf-8",
      ...headers,
    },
  });
}

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Seven base62 characters of milliseconds, nine random ones. */
function newId() {
  let id = "";
  for (let rest = Date.now(), at = 0; at < 7; at += 1, rest = Math.floor(rest / 62)) id = DIGITS[rest % 62] + id;
  for (const byte of crypto.getRandomValues(new Uint8Array(9))) id += DIGITS[byte % 62];
  return id;
}
