/** Numbers as people read them, and what colour a layer has. */
import type { Range } from "../../quantize/scales.ts";

export const number = (value: number): string => String(Number(value.toPrecision(4)));
export const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
export const points = (share: number): string => `${(share * 100).toFixed(2)} %`;
export const decibels = (value: number | null | undefined): string =>
  value === undefined ? "–" : value === null ? "exact" : `${value.toFixed(1)} dB`;
export const interval = (range: Range | null): string =>
  range === null ? "–" : `${number(range.min)} … ${number(range.max)}`;
export const count = (value: number): string => value.toLocaleString("en").replaceAll(",", "\u202f");

export const bytes = (value: number): string =>
  value < 1024
    ? `${value} B`
    : value < 2 ** 20
      ? `${(value / 1024).toFixed(1)} kB`
      : `${(value / 2 ** 20).toFixed(2)} MB`;

/** Lower bounds in dB, the worst class first. */
const classes = [
  { name: "q0", label: "below 10 dB", from: Number.NEGATIVE_INFINITY },
  { name: "q1", label: "10–20 dB", from: 10 },
  { name: "q2", label: "20–30 dB", from: 20 },
  { name: "q3", label: "30–40 dB", from: 30 },
  { name: "q4", label: "40 dB and more, or exact", from: 40 },
] as const;

export const legend: readonly { readonly name: string; readonly label: string }[] = [
  ...classes,
  { name: "qn", label: "not measured" },
];

export function classOf(db: number | null | undefined): string {
  if (db === undefined) return "qn";
  const value = db ?? Number.POSITIVE_INFINITY;
  return [...classes].reverse().find(({ from }) => value >= from)?.name ?? "q0";
}

/** How tall a bar is, from 0 to 1: noise, so that the worst stand out. */
export const noiseHeight = (db: number | null | undefined): number =>
  db === undefined || db === null ? 0.04 : Math.min(1, Math.max(0.06, (60 - db) / 60));
