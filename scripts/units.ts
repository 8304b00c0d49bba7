// Sizes with units.

export const UNITS: Record<string, number> = { "": 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** Bytes with three digits, such as 1.25 GB. */
export function size(bytes: number): string {
  const unit = (["TB", "GB", "MB", "kB"] as const).find((unit) => bytes >= UNITS[unit]!);
  return unit === undefined ? `${bytes} B` : `${Number((bytes / UNITS[unit]!).toPrecision(3))} ${unit}`;
}
