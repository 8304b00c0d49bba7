// Charts: groups of bars, as an SVG for light and dark pages.
import { median } from "./figures.ts";
import type { Results } from "./results.ts";

const WIDTH = 860;
const LEFT = 190;
const RIGHT = 70;
const TOP = 92;
const BAR = 13;

export interface Chart {
  /** For those who cannot see it. */
  title: string;
  head: string;
  note: string;
  series: { name: string; label: string; colour: string }[];
  /** The values by the names of the series. */
  groups: { title: string; values: Record<string, number> }[];
}

/** The chart of the results: bars of CPU time per request. */
export const chart = (results: Results): string =>
  draw({
    title: "CPU time per request: this Worker, the floor, Hono + zod + Drizzle",
    head: "CPU time per request, in microseconds",
    note: "inside workerd with a local D1, everything included; shorter is better",
    series: [
      { name: "ours", label: "this Worker", colour: "#e8590c" },
      { name: "floor", label: "floor: plain JavaScript, no checks", colour: "#868e96" },
      { name: "hono", label: "Hono + zod + Drizzle", colour: "#4c6ef5" },
    ],
    groups: results.cases.map(({ title, workers }) => ({
      title,
      values: Object.fromEntries(Object.entries(workers).map(([name, { cpu }]) => [name, median(cpu)])),
    })),
  });

/** Draws a chart. Bars far longer than the others are cut, and the cut is visible: the scale is for the other bars. */
export function draw({ title, head, note, series, groups: given }: Chart): string {
  const GROUP = series.length * BAR + 14;
  const groups = given.map(({ title, values }) => ({
    title,
    bars: series.flatMap(({ name, colour }) => {
      const value = values[name];
      return value === undefined ? [] : [{ colour, value }];
    }),
  }));
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value)).toSorted((a, b) => a - b);
  const typical = median(values);
  const scale = Math.max(...values.filter((value) => value <= 4 * typical)) * 1.02;
  const plot = WIDTH - LEFT - RIGHT;
  const height = TOP + groups.length * GROUP + 34;
  const x = (value: number) => (Math.min(value, scale) / scale) * plot;

  const step = [10, 20, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000].find((size) => scale / size <= 8) ?? 20_000;
  const ticks = Array.from({ length: Math.floor(scale / step) + 1 }, (_, at) => at * step);
  const grid = ticks.map(
    (value) =>
      `<line class="grid" x1="${f(LEFT + x(value))}" x2="${f(LEFT + x(value))}" y1="${TOP - 6}" y2="${height - 30}"/>` +
      `<text class="dim" x="${f(LEFT + x(value))}" y="${height - 14}" text-anchor="middle">${n(value)}</text>`,
  );
  const drawnGroups = groups.map(({ title, bars }, at) => {
    const top = TOP + at * GROUP;
    const drawn = bars.map(({ colour, value }, bar) => {
      const y = top + bar * BAR;
      const cut = value > scale;
      const width = x(value);
      const edge = LEFT + width;
      const gap = cut ? `<path d="M${f(edge - 22)} ${y - 1} l-4 ${BAR} h5 l4 -${BAR} z" class="paper"/>` : "";
      return (
        `<rect x="${LEFT}" y="${y}" width="${f(width)}" height="${BAR - 2}" rx="1.5" fill="${colour}"/>${gap}` +
        `<text class="value" x="${f(edge + 5)}" y="${y + BAR - 4}">${n(value)}</text>`
      );
    });
    const middle = top + (bars.length * BAR) / 2 + 3;
    return `<text class="name" x="${LEFT - 10}" y="${middle}" text-anchor="end">${title}</text>${drawn.join("")}`;
  });
  let at = LEFT;
  const legend = series.map(({ label, colour }) => {
    const entry =
      `<rect x="${at}" y="58" width="11" height="11" rx="1.5" fill="${colour}"/>` +
      `<text x="${at + 17}" y="68">${label}</text>`;
    at += 40 + label.length * 6.6;
    return entry;
  });
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-labelledby="title">
<title id="title">${title}</title>
<style>
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
  .head { font-size: 17px; font-weight: 600 } .name { font-weight: 500 }
  .dim { fill: #57606a } .value { font-size: 10.5px; fill: #57606a }
  .grid { stroke: #d0d7de; stroke-width: 1 } .paper { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .dim, .value { fill: #9198a1 } .grid { stroke: #30363d } .paper { fill: #0d1117 }
  }
</style>
<rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>
<text class="head" x="20" y="30">${head}</text>
<text class="dim" x="20" y="47">${note}</text>
${legend.join("\n")}
${grid.join("\n")}
${drawnGroups.join("\n")}
</svg>
`;
}

const f = (value: number) => value.toFixed(1);
const n = (value: number) => Math.round(value).toLocaleString("en");
