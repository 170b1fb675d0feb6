/** The corpus as a table for people. */
import type { Verdict } from "./judge.ts";
import { type Target, targets } from "./manifest.ts";
import type { Measurement, TargetMeasurement } from "./measurement.ts";

const columns = [
  { title: "model", width: 34 },
  { title: "format", width: 12 },
  { title: "ops", width: 4 },
  { title: "T", width: 3 },
  { title: "tflite", width: 8 },
  { title: "recorded", width: 8 },
  { title: "tfjs", width: 8 },
  { title: "recorded", width: 8 },
  { title: "s", width: 6 },
  { title: "kB", width: 8 },
  { title: "", width: 8 },
] as const;

export const tableHead = (): string => line(columns.map(({ title }) => title));

export function tableRow(measurement: Measurement, verdict: Verdict): string {
  const { tflite } = measurement.targets;
  const converted = tflite !== "pending" && tflite.bytes > 0 ? tflite : null;
  return line([
    measurement.model,
    measurement.format,
    converted ? `${Object.keys(converted.operators).length}` : "",
    converted ? `${converted.transposes}` : "",
    ...targets.flatMap((target) => parityCells(measurement, target)),
    measurement.seconds.toFixed(1),
    converted ? (converted.bytes / 1000).toFixed(1) : "",
    verdict.status,
  ]);
}

function parityCells(measurement: Measurement, target: Target): [string, string] {
  const found = measurement.targets[target];
  return found === "pending" ? ["pending", ""] : [provenCell(found), figure(found.goldenMaxRel)];
}

function provenCell({ maxRel, error }: TargetMeasurement): string {
  if (maxRel !== null) return figure(maxRel);
  if (!error) return "-";
  return error.code === "PROOF_UNAVAILABLE" ? "no rt" : error.operators.length > 0 ? "refused" : "error";
}

const figure = (value: number | null): string => (value === null ? "" : value === 0 ? "0" : value.toExponential(1));

const line = (cells: readonly string[]): string =>
  columns
    .map(({ width }, at) => (at < 2 ? (cells[at] ?? "").padEnd(width) : (cells[at] ?? "").padStart(width)))
    .join("  ")
    .trimEnd();
