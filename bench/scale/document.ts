// What docs/SCALING.md has of the model: three sizes, everything else as the command has it by default.
import { measured } from "./measured.ts";
import { type Result, type Scenario, simulate } from "./model.ts";
import { PLACES, REGIONS, shares } from "./places.ts";
import { chart, largestDifference, latencies, limits, markdown, needs } from "./report.ts";

export const DEFAULTS: Omit<Scenario, "accounts"> = {
  messages: 1_000_000,
  characters: 100,
  perConversation: 50,
  places: shares(PLACES),
  regions: ["weur"],
  keys: 1,
  peak: 3,
  largest: 0.01,
  afterWrite: 0.1,
  lagMs: 800,
};

const SIZES = [10_000, 1_000_000, 100_000_000];
const MESSAGES_OF_ACCOUNT = 50;

/** The scenario, with as many accounts as its messages are for. */
export const sized = (scenario: Omit<Scenario, "accounts">): Scenario => ({
  accounts: Math.max(1, Math.round(scenario.messages / MESSAGES_OF_ACCOUNT)),
  ...scenario,
});

/** The tables of docs/SCALING.md, and its chart. */
export function document(): { tables: string; svg: string } {
  const inputs = measured();
  const run = (messages: number, regions = DEFAULTS.regions): { scenario: Scenario; result: Result } => {
    const scenario = sized({ ...DEFAULTS, messages, regions });
    return { scenario, result: simulate(scenario, inputs) };
  };
  const all = SIZES.map((messages) => run(messages));
  const [small, middle, large] = all.map(({ result }) => result) as [Result, Result, Result];
  const difference = Math.max(largestDifference(small, middle), largestDifference(middle, large));
  const everywhere = run(DEFAULTS.messages, Object.keys(REGIONS)).result;
  return {
    tables: [
      markdown(needs(all)),
      "When each limit is reached, if the number of messages stays the same:",
      markdown(limits(all)),
      "Milliseconds of a request by city, with 1 million messages a day. With 10 thousand and with 100 million, no\n" +
        `figure differs by more than ${Math.ceil(difference)} ms:`,
      markdown(latencies(middle)),
    ].join("\n\n"),
    svg: chart(middle, everywhere),
  };
}
