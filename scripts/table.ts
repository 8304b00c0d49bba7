// Tables on a terminal.

/** Prints rows in aligned columns, with the names of the columns above. */
export function printTable(rows: Record<string, string>[]) {
  const lines = [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row))];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  for (const line of lines)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    );
}
