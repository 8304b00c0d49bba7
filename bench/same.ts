// Checks that the Workers do the same work: the floor sends the same statements as this project's Worker, and all
// Workers return the same responses.
import assert from "node:assert/strict";
import { CASES, type Case, ENDPOINTS, type Request, TOKEN_HASH } from "./cases.ts";
import { fill } from "./data.ts";
import { type Answer, start, type World } from "./world.ts";

type Calls = { sql: string; params: unknown[] }[][];

/** The floor's name for the statements of a case. Without an entry it is the key of the case. */
const STATEMENTS: Record<string, string> = {
  list10: "list",
  list100: "list",
  "sparse-1k": "sparse",
  "deep-1k": "list",
  "send-2k": "send",
};

/** Checks that the floor sends the same statements and parameters. Returns the SQL of each case as this project's
 * Worker sends it, and the number of D1 calls of each endpoint. */
export async function checkFloor(ours: string, floor: string, vars: Record<string, unknown>) {
  const world = await start([
    { name: "ours", main: ours, database: "thousand" },
    { name: "floor", main: floor, database: "thousand", vars },
  ]);
  try {
    await fill(world.sql("thousand"), 1000, TOKEN_HASH);
    const calls = async (worker: string, request: Request): Promise<{ answer: Answer; calls: Calls }> => {
      await world.plan("one", [request]);
      const answer = (await world.answers(worker, "one"))[0]!;
      const seen: string | undefined = answer.headers["x-bench-d1"];
      if (seen === undefined) throw new Error(`${worker}: ${answer.status} ${answer.body}`);
      return { answer, calls: JSON.parse(decodeURIComponent(seen)) };
    };

    const statements: Record<string, string[]> = {};
    for (const { key, database, requests } of CASES.filter((one) => one.database === "thousand")) {
      const request = requests[0]!;
      const sent = (await calls("ours", request)).calls;
      const name = STATEMENTS[key] ?? key;
      const texts = (sent[0] ?? []).map(({ sql }) => sql);
      assert.deepEqual(
        texts,
        statements[name] ?? texts,
        `${key}: src/ sends other SQL than for another case of ${name}`,
      );
      statements[name] = texts;
      const headers = { ...request.headers, "x-bench-statements": encodeURIComponent(JSON.stringify(statements)) };
      const floors = (await calls("floor", { ...request, headers })).calls;
      assert.deepEqual(
        floors.map(normal),
        sent.map(normal),
        `bench/floor/worker.js sends other statements than src/ in the case ${key} (${database}): change it`,
      );
    }

    const d1Calls: Record<string, number> = {};
    let created = "";
    for (const endpoint of ENDPOINTS) {
      const { answer, calls: made } = await calls("ours", {
        ...endpoint,
        path: endpoint.path.replace("{id}", created),
      });
      assert.ok(answer.status < 300, `${endpoint.method} ${endpoint.path}: ${answer.status} ${answer.body}`);
      created = /\/(\w+)$/.exec(answer.headers.location ?? "")?.[1] ?? created;
      d1Calls[`${endpoint.method} ${endpoint.path.replace(/\/[UV]\w{15}$/, "/{id}").replace(/=U\w{15}$/, "={id}")}`] =
        made.length;
    }
    return { statements, d1Calls };
  } finally {
    await world.close();
  }
}

/** Statements without the new ids and the time, which differ between requests. */
function normal(call: Calls[number]): Calls[number] {
  const now = Date.now() / 1000;
  return call.map(({ sql, params }) => ({
    sql,
    params: params.map((value) => {
      if (typeof value === "string" && /^[V-Z]\w{15}$/.test(value)) return "(new id)";
      return typeof value === "number" && Math.abs(value - now) < 60 ? "(now)" : value;
    }),
  }));
}

/** Checks that all Workers return the same responses: status, body, entity tag and links. */
export async function checkSame(world: World, cases: Case[], workers: string[]): Promise<void> {
  for (const { key, status, database, requests } of cases) {
    // New objects stay in the database, so there are only two.
    await world.plan("check", status === 201 ? requests.slice(0, 2) : requests);
    const all: Answer[][] = [];
    for (const worker of workers) all.push(await world.answers(`${worker}_${database}_0`, "check"));
    const [expected, ...others] = all;
    others.forEach((answers, which) => {
      answers.forEach((answer, at) => {
        assert.equal(answer.status, status, `${key}, ${workers[which + 1]}: ${answer.body}`);
        assert.deepEqual(
          essence(answer),
          essence(expected![at]!),
          `${key}: ${workers[which + 1]} responds differently`,
        );
      });
    });
  }
}

/** The entity tag, or that it is new: the id of the new object, or of the request. These two are the same text if both
 * were made in the same millisecond. */
function tagOf(newId: string | undefined, headers: Answer["headers"]): string | undefined {
  const { etag } = headers;
  return [newId, headers["x-request-id"]].some((id) => etag === `"${id}"`) ? "(new)" : etag;
}

/** A response without the ids and times of new objects. Bodies are compared byte by byte. */
function essence({ status, headers, body }: Answer) {
  const { id, created_at, request_id } = JSON.parse(body);
  const created = status === 201;
  const differing: string[] = created ? [id, `"created_at":${created_at}`] : status === 401 ? [request_id] : [];
  return {
    status,
    body: differing.reduce((text, part) => text.replace(part, "(differs)"), body),
    minute: created ? Math.floor(created_at / 60) : undefined,
    link: headers.link,
    authenticate: headers["www-authenticate"],
    location: headers.location?.replace(/\w{16}$/, ""),
    etag: tagOf(created ? id : undefined, headers),
  };
}
