// Measures requests on Workers that run side by side: in rounds, in which each Worker has a short block, in random
// order.
import type { Case } from "./cases.ts";
import { median } from "./figures.ts";
import type { Measured } from "./results.ts";
import { clock, type World } from "./world.ts";

/** A Worker that a case is measured on: its name in the results, the one of its isolates without their number, and the
 * status of every response. */
export interface Contender {
  name: string;
  worker: string;
  status: number;
}

export interface Settings {
  /** Isolates of each Worker. Two isolates of the same Worker can differ by a few per cent for their whole life. */
  copies: number;
  rounds: number;
  blockMs: number;
  warmUpMs: number;
}

/** The list in random order. In a fixed order, periodic work such as garbage collection could always hit the same
 * Worker. */
function shuffled<T>(list: T[]): T[] {
  const left = [...list];
  return list.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]!);
}

/** CPU and wall time of each case on each Worker, in microseconds per request, for each round: the median of its
 * isolates. */
export async function measure(
  world: World,
  cases: Case[],
  contendersOf: (one: Case) => Contender[],
  { copies, rounds, blockMs, warmUpMs }: Settings,
  onLine: (line: string) => void,
): Promise<Measured[]> {
  const runners = cases.flatMap((one) =>
    contendersOf(one).flatMap(({ worker, ...rest }) =>
      Array.from({ length: copies }, (_, copy) => ({
        ...rest,
        worker: `${worker}_${copy}`,
        key: one.key,
        sent: 0,
        count: 0,
        cpu: [] as number[],
        wall: [] as number[],
      })),
    ),
  );
  const time = clock();
  const block = async (runner: (typeof runners)[number], count: number) => {
    await world.collect();
    const [cpu, wall] = [time.cpu(), performance.now()];
    await world.run(runner.worker, runner.key, count, runner.sent, runner.status);
    runner.sent += count;
    return { cpu: (time.cpu() - cpu) / count, wall: (1000 * (performance.now() - wall)) / count };
  };

  for (const runner of runners) {
    onLine(`warm-up: ${runner.key} ${runner.name}`);
    const end = performance.now() + warmUpMs;
    let last = { cpu: 0, wall: 0 };
    // Even counts: every second update undoes the one before.
    for (let count = 2; runner.sent < 10 || performance.now() < end; count = Math.min(100, count * 2)) {
      last = await block(runner, count);
      if (last.wall * count > 1000 * warmUpMs) break;
    }
    runner.count = Math.min(1000, Math.max(2, 2 * Math.round((blockMs * 500) / last.wall)));
  }
  for (let round = 0; round < rounds; round += 1) {
    onLine(`round ${round + 1} of ${rounds}`);
    for (const runner of shuffled(runners)) {
      const { cpu, wall } = await block(runner, runner.count);
      runner.cpu.push(cpu);
      runner.wall.push(wall);
    }
  }
  return cases.map(({ key, title }) => ({
    key,
    title,
    workers: Object.fromEntries(
      [
        ...Map.groupBy(
          runners.filter((runner) => runner.key === key),
          ({ name }) => name,
        ),
      ].map(([name, isolates]) => {
        const each = Array.from({ length: rounds }, (_, round) => round);
        return [
          name,
          {
            cpu: each.map((round) => median(isolates.map(({ cpu }) => cpu[round]!))),
            wall: each.map((round) => median(isolates.map(({ wall }) => wall[round]!))),
            count: isolates.reduce((sum, { count }) => sum + count, 0),
          },
        ];
      }),
    ),
  }));
}
