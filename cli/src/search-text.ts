/** The search behind `--recipe auto` for people: what was tried, cheapest first, and which operators are dearer than int8. */
import type { SearchReport } from "@flotilla/converter/search/auto-recipe";
import { bytesForPeople, percent, table } from "./output.ts";

/** Rows of one kind of islands that are printed; `--json` has all of them. */
const mostIslands = 40;

const decibels = (value: number | null): string => (value === null ? "identical" : `${value.toFixed(1)} dB`);

const counts = (parts: Readonly<Record<string, number>>, show: (value: number) => string): string =>
  Object.entries(parts)
    .map(([name, value]) => `${show(value)} ${name}`)
    .join(", ");

const millions = (value: number): string => `${(value / 1e6).toFixed(1)} M`;

export function searchText(search: SearchReport): string {
  const { bounds, byDefault, chosenOn, checkedOn, builds, budget, ended, islands } = search;
  const asked = [
    ...(bounds.maxDrop === null ? [] : [`a drop of at most ${bounds.maxDrop}`]),
    ...(bounds.minSqnrDb === null ? [] : [`outputs of at least ${bounds.minSqnrDb} dB`]),
  ].join(" and ");
  const rows = search.table
    .filter(({ pareto, chosen }) => pareto || chosen)
    .map(({ operators, bytes, macs, cost, sqnrDb, drop, meets, chosen }) => [
      chosen ? "taken" : meets ? "meets" : "-",
      bytesForPeople(bytes),
      counts(operators, String),
      counts(macs, millions),
      cost.toFixed(2),
      decibels(sqnrDb),
      drop === null ? "-" : percent(drop),
    ]);
  const lines = [
    `auto looked for ${asked}${byDefault ? " (nothing was asked for)" : ""}: chosen on ${chosenOn.scored} of ${chosenOn.samples} samples, ` +
      `checked on ${checkedOn.samples} others; ${builds} models built.`,
    ...(ended === "budget" ? [`The search ended with its budget of ${budget} models: a cheaper one may exist.`] : []),
    table(["", "size", "operators", "multiply-accumulates", "cost", "SQNR", "drop"], rows),
  ];
  if (islands.length > 0) {
    const shown = islands
      .slice(0, mostIslands)
      .map(({ index, operator, node, precision, gainDb }) => [
        `index:${index}`,
        operator,
        node,
        precision,
        gainDb === null ? "-" : `${gainDb.toFixed(1)} dB`,
      ]);
    lines.push("", "Dearer than int8:", table(["place", "operator", "node", "precision", "gain"], shown));
    if (islands.length > mostIslands) lines.push(`and ${islands.length - mostIslands} more (--json has all)`);
  }
  return lines.join("\n");
}
