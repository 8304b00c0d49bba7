// Where callers and databases are, and how long a round trip takes between two places.
import { misuse } from "../../scripts/cli.ts";

type Point = [latitude: number, longitude: number];

/** Callers can be in these cities. */
export const CITIES: Record<string, Point> = {
  Paris: [48.86, 2.35],
  London: [51.51, -0.13],
  Lagos: [6.52, 3.38],
  "New York": [40.71, -74.01],
  Chicago: [41.88, -87.63],
  Mumbai: [19.08, 72.88],
  Johannesburg: [-26.2, 28.05],
  "San Francisco": [37.77, -122.42],
  "Mexico City": [19.43, -99.13],
  Tokyo: [35.68, 139.69],
  Dubai: [25.2, 55.27],
  "São Paulo": [-23.55, -46.63],
  Singapore: [1.35, 103.82],
  Sydney: [-33.87, 151.21],
};

/** Cloudflare's hints for where a database is. Cloudflare does not name the cities: these stand for them. */
export const REGIONS: Record<string, { name: string; city: string; point: Point }> = {
  weur: { name: "Western Europe", city: "Frankfurt", point: [50.11, 8.68] },
  eeur: { name: "Eastern Europe", city: "Warsaw", point: [52.23, 21.01] },
  enam: { name: "Eastern North America", city: "Ashburn", point: [39.04, -77.49] },
  wnam: { name: "Western North America", city: "San Jose", point: [37.34, -121.89] },
  apac: { name: "Asia-Pacific", city: "Singapore", point: [1.35, 103.82] },
  oc: { name: "Oceania", city: "Sydney", point: [-33.87, 151.21] },
};

/** Callers if the command is told nothing else: per cent of all messages, by city. */
export const PLACES = {
  Paris: 25,
  "New York": 20,
  "San Francisco": 12,
  "São Paulo": 8,
  Mumbai: 10,
  Singapore: 8,
  Tokyo: 7,
  Lagos: 4,
  Sydney: 4,
  Johannesburg: 2,
};

const EARTH_KM = 6371;
/** Light in glass fibre. */
const KM_PER_MS = 200;
/** Cables are not straight. */
const DETOUR = 1.5;
/** No round trip is faster: it has two ends, each with its switches and queues. */
const SHORTEST_MS = 2;

/** Milliseconds of a round trip: twice the great-circle distance. */
export function roundTrip(one: Point, other: Point): number {
  const [from, to] = [one, other].map(([latitude, longitude]) => [radians(latitude), radians(longitude)] as const);
  const [dLatitude, dLongitude] = [to![0] - from![0], to![1] - from![1]];
  const half = Math.sin(dLatitude / 2) ** 2 + Math.cos(from![0]) * Math.cos(to![0]) * Math.sin(dLongitude / 2) ** 2;
  const km = 2 * EARTH_KM * Math.asin(Math.sqrt(half));
  return Math.max(SHORTEST_MS, (2 * km * DETOUR) / KM_PER_MS);
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

export const toRegion = (city: string, region: string) => roundTrip(CITIES[city]!, REGIONS[region]!.point);

/** The region that is nearest to a city. */
export const nearest = (city: string, regions: string[]): string =>
  regions.toSorted((one, other) => toRegion(city, one) - toRegion(city, other))[0]!;

/** Reads `Paris=60,Lagos=40`. Returns shares whose sum is 1. */
export function parsePlaces(text: string): Record<string, number> {
  const entries = text.split(",").map((entry) => {
    const [, city, share] = /^ *([^=]+?) *= *(\d+(?:\.\d+)?) *%? *$/.exec(entry) ?? [];
    if (city === undefined) misuse(`--places has '${entry}', it must be like Paris=60`);
    if (!Object.hasOwn(CITIES, city)) misuse(`Unknown city '${city}'. Known: ${Object.keys(CITIES).join(", ")}`);
    return [city, Number(share)] as const;
  });
  if (new Set(entries.map(([city]) => city)).size < entries.length) misuse("--places names a city twice");
  return shares(Object.fromEntries(entries));
}

/** The same shares, with a sum of 1. */
export function shares(places: Record<string, number>): Record<string, number> {
  const sum = Object.values(places).reduce((total, share) => total + share, 0);
  if (sum <= 0) misuse("--places has no callers");
  return Object.fromEntries(Object.entries(places).map(([city, share]) => [city, share / sum]));
}

/** Reads `weur,enam`. */
export function parseRegions(text: string): string[] {
  const regions = text.split(",").map((region) => region.trim());
  const unknown = regions.find((region) => !Object.hasOwn(REGIONS, region));
  if (unknown !== undefined) misuse(`Unknown region '${unknown}'. Known: ${Object.keys(REGIONS).join(", ")}`);
  return [...new Set(regions)];
}
