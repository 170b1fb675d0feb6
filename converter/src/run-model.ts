/**
 * Runs a model on data: a `.tflite` in one of the two runtimes, any other source in its own. What `flotilla run` shows:
 * each output's shape and range, how long runs take, and accuracy where the data has answers.
 */
import { readFile } from "node:fs/promises";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import { type ModelInput, spreadIndices } from "./data/dataset.ts";
import { loadDataset } from "./data/load-dataset.ts";
import type { Preprocessing } from "./data/preparation.ts";
import { type Graph, tensorOf } from "./ir/graph.ts";
import { type OpenedSource, type OpenSourceOptions, openSource } from "./open-source.ts";
import { topIndex } from "./prove/accuracy.ts";
import { runtimeLabel, type Sample } from "./runtimes/source-truth.ts";
import { asReals, openVariant } from "./runtimes/variant-runner.ts";

export const runRuntimes = ["litert", "tflite"] as const;
const warmUps = 2;

export interface RunOptions extends OpenSourceOptions {
  readonly model: string;
  readonly data: string;
  readonly preprocess?: Preprocessing;
  /** Only so many samples, evenly spread; default: all. */
  readonly samples?: number;
  /** For `.tflite`; default "litert". */
  readonly runtime?: (typeof runRuntimes)[number];
}

export interface RunReport {
  readonly model: string;
  /** e.g. "litert 2.5.3 (wasm-relaxed-simd)". */
  readonly runtime: string;
  readonly samples: number;
  /** Of integer outputs the real numbers that they stand for. */
  readonly outputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly min: number;
    readonly max: number;
    readonly mean: number;
  }[];
  /** Nearest-rank percentiles of one run, after two warm-up runs. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number };
  /** null without labels. */
  readonly accuracy: { readonly metric: "top1"; readonly value: number } | null;
}

interface Runner {
  readonly label: string;
  run(sample: Sample): Promise<readonly ArrayLike<number>[]>;
  close(): void;
}

/** @throws IO_NOT_FOUND, FORMAT_*, UNSUPPORTED_*, PROOF_UNAVAILABLE, QUANT_CALIBRATION_* for the data */
export async function runModel(options: RunOptions): Promise<RunReport> {
  const source = await openSource(options.model, options);
  const [graph] = source.model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  const all = await loadDataset(options.data, dataInputs(graph), options.preprocess);
  const taken = spreadIndices(all.count, options.samples ?? all.count);
  const runner = source.format === "tflite" ? await openTfliteRunner(options) : await openTruth(source);
  try {
    const first = await all.sample(taken[0] ?? 0);
    for (let run = 0; run < warmUps; run++) await runner.run(first);
    const ranges = graph.outputs.map(() => ({ min: Infinity, max: -Infinity, sum: 0, count: 0 }));
    const times: number[] = [];
    let correct = 0;
    for (const at of taken) {
      const sample = await all.sample(at);
      const start = performance.now();
      const results = await runner.run(sample);
      times.push(performance.now() - start);
      for (const [place, range] of ranges.entries()) extend(range, results[place] ?? []);
      if (all.labels && topIndex(results[0] ?? []) === all.labels[at]) correct++;
    }
    times.sort((a, b) => a - b);
    const percentile = (share: number) => times[Math.max(0, Math.ceil(share * times.length) - 1)] ?? 0;
    return {
      model: options.model,
      runtime: runner.label,
      samples: taken.length,
      outputs: graph.outputs.map((id, place) => {
        const { min = 0, max = 0, sum = 0, count = 0 } = ranges[place] ?? {};
        const { name, shape } = tensorOf(graph, id);
        return { name, shape, min, max, mean: sum / Math.max(count, 1) };
      }),
      latencyMs: { p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99) },
      accuracy: all.labels ? { metric: "top1", value: correct / taken.length } : null,
    };
  } finally {
    runner.close();
  }
}

/** Quantized inputs take the real numbers that they stand for. */
const dataInputs = (graph: Graph): ModelInput[] =>
  graph.inputs.map((id) => {
    const { name, dtype, shape, quantization } = tensorOf(graph, id);
    return { name, dtype: quantization ? "float32" : dtype, shape };
  });

async function openTfliteRunner({ model, runtime: name = "litert" }: RunOptions): Promise<Runner> {
  const runtime = name === "litert" ? createLitertRuntime() : createTfliteRuntime();
  const opened = await openVariant(new Uint8Array(await readFile(model)), runtime);
  return { label: runtimeLabel(runtime), run: (sample) => opened.run(sample), close: () => opened.close() };
}

async function openTruth(source: OpenedSource): Promise<Runner> {
  const truth = await source.truth([]);
  return {
    label: truth.label,
    run: async (sample) => ((await truth.run([sample]))[0] ?? []).map((array) => asReals(array)),
    close: () => truth.close(),
  };
}

function extend(range: { min: number; max: number; sum: number; count: number }, values: ArrayLike<number>): void {
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? Number.NaN;
    if (value < range.min) range.min = value;
    if (value > range.max) range.max = value;
    range.sum += value;
  }
  range.count += values.length;
}
