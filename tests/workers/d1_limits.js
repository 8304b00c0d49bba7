// The limits in D1's documentation ("Limits"), which local D1 doesn't enforce as a whole. observed.js holds every call
// of every test to them.

/** Of the smallest plan, in bytes where nothing else is said. */
export const LIMITS = {
  /** A batch counts as one. */
  queriesPerInvocation: 50,
  statement: 100_000,
  parameters: 100,
  functionArguments: 32,
  pattern: 50,
  /** Of a string or a table row. */
  value: 2_000_000,
  result: 50_000_000,
  milliseconds: 30_000,
};

const bytes = (value) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)).length;
const sum = (values) => values.reduce((total, value) => total + bytes(value ?? null), 0);

const exceeded = (limits) => Object.keys(limits).filter((name) => limits[name]);

/** The most arguments that a function or a list in parentheses has in a statement. */
function mostArguments(sql) {
  let most = 0;
  const open = [];
  for (const [token] of sql.replace(/'(?:[^']|'')*'|--.*/g, "''").matchAll(/[(),]/g)) {
    if (token === "(") open.push(1);
    else if (token === ")") most = Math.max(most, open.pop() ?? 0);
    else if (open.length > 0) open[open.length - 1] += 1;
  }
  return most;
}

/** What a statement and its parameters exceed. */
export function excessOfStatement({ sql, params }) {
  const patterns = [...sql.matchAll(/\b(?:LIKE|GLOB)\s+(\S+)/gi)].map(([, pattern]) => pattern);
  return exceeded({
    statement: bytes(sql) > LIMITS.statement,
    parameters: params.length > LIMITS.parameters,
    functionArguments: mostArguments(sql) > LIMITS.functionArguments,
    pattern: patterns.some((pattern) => !pattern.startsWith("'") || bytes(pattern) - 2 > LIMITS.pattern),
    // Together they are at most a row that is written.
    value: sum(params) > LIMITS.value,
  });
}

/** What the result of a statement exceeds. */
export function excessOfResult({ results, meta }) {
  const rows = results.map((row) => sum(Object.values(row)));
  return exceeded({
    value: rows.some((size) => size > LIMITS.value),
    result: rows.reduce((total, size) => total + size, 0) > LIMITS.result,
    milliseconds: meta.duration > LIMITS.milliseconds,
  });
}
