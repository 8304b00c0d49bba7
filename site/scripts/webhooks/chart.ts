// The chart of attempts: a bar for each, its height the duration on a logarithmic scale.

import type { Attempt } from "../../../clients/typescript/src/index.ts";
import { h, plural, svg } from "../shared/dom.ts";
import { durationOf, isDelivered, resultOf } from "./words.ts";

const BARS = 50;
const [LEFT, WIDTH, TOP, BASE, BOTTOM] = [52, 400, 8, 96, 110];
const SLOT = WIDTH / BARS;
/** A little more than the timeout of an attempt. */
const LONGEST_MS = 20_000;
const LINES_MS = [10, 100, 1000, 10_000];

const heightOf = (milliseconds: number): number =>
  ((BASE - TOP) * Math.log10(Math.min(Math.max(milliseconds, 1), LONGEST_MS))) / Math.log10(LONGEST_MS);

/** The children of the figure. `attempts` has the newest first. */
export function chart(attempts: Attempt[]): Element[] {
  const shown = attempts.slice(0, BARS);
  const lines = LINES_MS.map((milliseconds) => {
    const y = BASE - heightOf(milliseconds);
    const label = milliseconds < 1000 ? `${milliseconds} ms` : `${milliseconds / 1000} s`;
    return svg(
      "g",
      { class: "scale" },
      svg("line", { x1: LEFT, x2: LEFT + WIDTH, y1: y, y2: y }),
      svg("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, label),
    );
  });
  return [
    svg(
      "svg",
      { viewBox: `0 0 ${LEFT + WIDTH} ${BOTTOM}`, role: "img", "aria-labelledby": "chart-summary" },
      ...lines,
      ...shown.map((attempt, at) => bar(attempt, LEFT + WIDTH - (at + 1) * SLOT)),
      svg("line", { class: "base", x1: LEFT, x2: LEFT + WIDTH, y1: BASE, y2: BASE }),
    ),
    h(
      "figcaption",
      {},
      h("p", { id: "chart-summary" }, summary(shown)),
      h("p", { class: "hint" }, "Duration of each attempt, the newest on the right. A hollow bar with a cross failed."),
    ),
  ];
}

function bar(attempt: Attempt, x: number): SVGElement {
  const height = Math.max(heightOf(attempt.duration), 2);
  const title = svg("title", {}, `${resultOf(attempt)}, ${durationOf(attempt.duration)}`);
  const rect = { x: x + 1.5, y: BASE - height, width: SLOT - 3, height };
  if (isDelivered(attempt)) return svg("g", { class: "delivered" }, title, svg("rect", rect));
  const [left, middle, size] = [x + SLOT / 2, BASE + 7, 3];
  const cross = `M${left - size} ${middle - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}`;
  return svg("g", { class: "failed" }, title, svg("rect", rect), svg("path", { d: cross }));
}

/** The chart in words. */
function summary(attempts: Attempt[]): string {
  const durations = attempts.map(({ duration }) => duration).toSorted((a, b) => a - b);
  const failed = attempts.filter((attempt) => !isDelivered(attempt)).length;
  const [median, longest] = [durations[Math.floor(durations.length / 2)]!, durations.at(-1)!];
  return (
    `${attempts.length === 1 ? "The last attempt" : `The last ${plural(attempts.length, "attempt")}`}: ` +
    `${attempts.length - failed} delivered, ${failed} failed. ` +
    `Median ${durationOf(median)}, longest ${durationOf(longest)}.`
  );
}
