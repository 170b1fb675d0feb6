/**
 * The samples of a search in two halves: one chooses, the other is held back for the proof. Which sample is in which half
 * depends on its number alone, scattered, so that data sorted by class is halved evenly.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Dataset, subset } from "../data/dataset.ts";

/** Fewer than a proof's least number in each half say nothing. */
const leastSamples = 16;

export interface SearchData {
  /** "evaluation": labelled data; "calibration": what ranges were measured on, too. */
  readonly from: "evaluation" | "calibration";
  readonly choosing: Dataset;
  readonly held: Dataset;
}

/** @throws QUANT_CALIBRATION_DATA for too few samples, or for none */
export function splitForSearch(evaluation: Dataset | null, calibration: Dataset | null): SearchData {
  const data = evaluation ?? calibration;
  if (!data || data.count < leastSamples) {
    const found = data?.count ?? 0;
    const name = data?.name ?? "";
    throw new FlotillaError(
      "QUANT_CALIBRATION_DATA",
      `The recipe auto chooses on one half of the data and is checked on the other: it takes ${leastSamples} samples at least, and "${name}" has ${found}.`,
      { details: { name, samples: found, expected: leastSamples } },
    );
  }
  const order = Array.from({ length: data.count }, (_, at) => at).sort((a, b) => scattered(a) - scattered(b) || a - b);
  const half = (first: number, end: number) =>
    subset(
      data,
      order.slice(first, end).sort((a, b) => a - b),
    );
  const middle = data.count >> 1;
  return {
    from: evaluation ? "evaluation" : "calibration",
    choosing: half(0, middle),
    held: half(middle, data.count),
  };
}

/** Knuth's multiplicative hash, with its upper bits mixed in: neighbours and periods fall apart. */
function scattered(index: number): number {
  const mixed = Math.imul(index + 1, 2_654_435_761);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca6b) >>> 0;
}
