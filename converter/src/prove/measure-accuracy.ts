/** Top-1 accuracy of the source and of variants on labelled data, in the runtimes that run them. */
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { Dataset } from "../data/dataset.ts";
import type { Sample, SourceTruth } from "../runtimes/source-truth.ts";
import { asReals, type VariantOpener } from "../runtimes/variant-runner.ts";
import { type AccuracyEstimate, pairedDrop, topIndex, wilson } from "./accuracy.ts";

/** Samples that a source runtime gets at once. */
const batch = 64;

/** What the command line prints (design: cli.md), with the interval and a line for each runtime. */
export interface Accuracy {
  readonly metric: "top1";
  readonly source: number;
  /** Of the worst runtime, with its 95 % Wilson interval. */
  readonly variant: number;
  readonly low: number;
  readonly high: number;
  readonly drop: number;
  /** 95 %: the source's Wilson interval, and that of the drop, which is paired. */
  readonly sourceInterval: { readonly low: number; readonly high: number };
  readonly dropInterval: { readonly low: number; readonly high: number };
  readonly samples: number;
  readonly runtimes: readonly { readonly runtime: string; readonly value: number }[];
}

/** The labels. @throws QUANT_CALIBRATION_DATA for data without labels */
export function labelsOf(dataset: Dataset): readonly number[] {
  if (dataset.labels) return dataset.labels;
  throw new FlotillaError(
    "QUANT_CALIBRATION_DATA",
    `"${dataset.name}" has no labels, so accuracy cannot be measured. Add an array "labels", or a sub-folder per class.`,
    { details: { name: dataset.name } },
  );
}

/** With a 1 for every sample that it gets right. */
export interface SourceAccuracy extends AccuracyEstimate {
  readonly right: Uint8Array;
}

/** @throws QUANT_CALIBRATION_DATA for a label beyond the model's classes */
export async function sourceAccuracy(truth: SourceTruth, dataset: Dataset): Promise<SourceAccuracy> {
  const labels = labelsOf(dataset);
  const right = new Uint8Array(dataset.count);
  for (let start = 0; start < dataset.count; start += batch) {
    const samples: Sample[] = [];
    for (let at = start; at < Math.min(start + batch, dataset.count); at++) samples.push(await dataset.sample(at));
    const answers = await truth.run(samples);
    for (const [at, [scores]] of answers.entries()) {
      const label = labels[start + at] ?? -1;
      if (scores && label >= scores.data.length) throw noSuchClass(dataset, start + at, label, scores.data.length);
      if (scores && topIndex(asReals(scores)) === label) right[start + at] = 1;
    }
  }
  return { ...wilson(sumOf(right), dataset.count), right };
}

export interface VariantAccuracyRequest {
  /** Those that do not load the variant are left out. */
  readonly openers: readonly VariantOpener[];
  /** Stop after the first that loads it. */
  readonly firstOnly: boolean;
  readonly dataset: Dataset;
  readonly source: SourceAccuracy;
  readonly progress?: (done: number, total: number) => void;
}

/** @throws PROOF_UNAVAILABLE when no runtime loads the variant */
export async function variantAccuracy(request: VariantAccuracyRequest): Promise<Accuracy> {
  const { openers, firstOnly, dataset, source, progress } = request;
  const labels = labelsOf(dataset);
  const estimates: { readonly runtime: string; readonly estimate: AccuracyEstimate; readonly right: Uint8Array }[] = [];
  for (const [place, opener] of openers.entries()) {
    if (firstOnly && estimates.length > 0) break;
    const variant = await opener.open().catch(onlyUnloadable);
    if (!variant) continue;
    const right = new Uint8Array(dataset.count);
    for (let at = 0; at < dataset.count; at++) {
      const [scores] = await variant.run(await dataset.sample(at));
      if (scores && topIndex(scores) === labels[at]) right[at] = 1;
      progress?.(place * dataset.count + at + 1, openers.length * dataset.count);
    }
    variant.close();
    estimates.push({ runtime: variant.label(), estimate: wilson(sumOf(right), dataset.count), right });
  }
  const [worst] = [...estimates].sort((a, b) => a.estimate.value - b.estimate.value);
  if (!worst) throw new FlotillaError("PROOF_UNAVAILABLE", "No runtime here runs the variant.");
  const { value, low, high } = worst.estimate;
  const lost = worst.right.filter((is, at) => is === 0 && source.right[at] === 1).length;
  const won = worst.right.filter((is, at) => is === 1 && source.right[at] === 0).length;
  return {
    metric: "top1",
    source: source.value,
    variant: value,
    low,
    high,
    drop: source.value - value,
    sourceInterval: { low: source.low, high: source.high },
    dropInterval: pairedDrop(lost, won, dataset.count),
    samples: dataset.count,
    runtimes: estimates.map(({ runtime, estimate }) => ({ runtime, value: estimate.value })),
  };
}

const sumOf = (right: Uint8Array): number => right.reduce((sum, one) => sum + one, 0);

function onlyUnloadable(thrown: unknown): null {
  const error = asFlotillaError(thrown);
  if (error.code === "UNSUPPORTED_RUNTIME") return null;
  throw error;
}

const noSuchClass = ({ name }: Dataset, sample: number, label: number, classes: number): FlotillaError =>
  new FlotillaError(
    "QUANT_CALIBRATION_DATA",
    `Sample ${sample} of "${name}" is labelled ${label} and the model tells ${classes} classes, from 0 to ${classes - 1}.`,
    { details: { name, sample, label, classes } },
  );
