/**
 * A variant's golden file and the tolerance of its trial (design: formats.md, "Golden file"): inputs, the source model's
 * answers, and the variant's own answers from the fixed build, with bounds measured by running every runtime there is.
 */
import type { LoadedModel, TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { TrialTolerance } from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayData, NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpz } from "@flotilla/protocol/npz";
import { type Model, tensorOf } from "../ir/graph.ts";
import { asInput } from "../runtimes/variant-runner.ts";

/** Samples as stacks, first axis = sample, in the order of the model's inputs and outputs. */
export interface GoldenSamples {
  readonly inputs: readonly NdArray[];
  /** From the source model's own runtime. */
  readonly sourceOutputs: readonly NdArray[];
}

export interface Golden {
  readonly npz: Uint8Array;
  readonly tolerance: TrialTolerance;
}

export const minGoldenSamples = 4;
/** What a device may differ by, as a multiple of what two runtime builds were seen to differ by. */
const toleranceMargin = 8;
/** Float kernels of other processors round differently: never ask for more than this. */
const leastAtol = 1e-4;
const rtol = 1e-3;
/** Of a quantized tensor's steps, that a kernel may be off by (LiteRT's own kernel tests allow 1 to 2). */
const integerUnits = 2;
/** Below the measured SQNR by this much a variant is no longer the one that was proven. */
const sqnrMarginDb = 6;
const highestSqnrDb = 60;

/** @throws CONFIG_INVALID for too few samples or outputs that do not match the model's; what the runtimes throw */
export async function makeGolden(
  file: Uint8Array,
  model: Model,
  samples: GoldenSamples,
  runtimes: { readonly fixed: TfliteRuntime; readonly others: readonly TfliteRuntime[] },
): Promise<Golden> {
  const count = samples.inputs[0]?.shape[0] ?? 0;
  if (count < minGoldenSamples) {
    throw new FlotillaError(
      "CONFIG_INVALID",
      `A golden file needs at least ${minGoldenSamples} samples, found ${count}.`,
    );
  }
  const loaded = await runtimes.fixed.load(file);
  try {
    if (loaded.outputs.length !== samples.sourceOutputs.length) {
      throw new FlotillaError(
        "CONFIG_INVALID",
        `The source gave ${samples.sourceOutputs.length} outputs, the variant has ${loaded.outputs.length}.`,
      );
    }
    // A variant with integer inputs gets them quantized by its own scales, and so they are stored.
    const inputs = samples.inputs.map((stack, at) => asInput(stack, loaded.inputs[at]));
    const recorded = await runAll(loaded, inputs, count);
    let widest = 0;
    for (const runtime of runtimes.others) {
      const other = await runtime.load(file);
      try {
        widest = Math.max(widest, largestDifference(recorded, await runAll(other, inputs, count)));
      } finally {
        other.close();
      }
    }
    const arrays = new Map<string, NdArray>();
    for (const [at, { name }] of loaded.inputs.entries()) arrays.set(`input/${name}`, inputs[at]!);
    for (const [at, { name }] of loaded.outputs.entries()) arrays.set(`source/${name}`, samples.sourceOutputs[at]!);
    for (const [at, { name }] of loaded.outputs.entries()) arrays.set(`variant/${name}`, recorded[at]!);
    const atol = coarse(Math.max(widest * toleranceMargin, outputStep(model) * integerUnits));
    return {
      npz: encodeNpz(arrays),
      tolerance: { atol, rtol, integerUnits, ...agreement(loaded, samples.sourceOutputs, recorded, count) },
    };
  } finally {
    loaded.close();
  }
}

/** The least of leastAtol · 2^k that is not below `value`: what a relaxed build's last bits differ by stays out of the document. */
function coarse(value: number): number {
  let atol = leastAtol;
  while (atol < value) atol *= 2;
  return atol;
}

async function runAll(model: LoadedModel, inputs: readonly NdArray[], count: number): Promise<NdArray[]> {
  const stacks: NdArray[][] = model.outputs.map(() => []);
  for (let sample = 0; sample < count; sample++) {
    const outputs = await model.run(inputs.map((stack) => sampleOf(stack, sample)));
    for (const [at, output] of outputs.entries()) stacks[at]?.push(output);
  }
  return stacks.map(stackSamples);
}

/** One sample of a stack, with a leading axis of one. */
export function sampleOf({ dtype, shape, data }: NdArray, sample: number): NdArray {
  const size = data.length / (shape[0] ?? 1);
  return { dtype, shape: [1, ...shape.slice(1)], data: data.slice(sample * size, (sample + 1) * size) as ArrayData };
}

/** Samples with a leading axis of one, as one stack. */
export function stackSamples(samples: readonly NdArray[]): NdArray {
  const [first] = samples;
  if (!first) throw new FlotillaError("INTERNAL", "There are no samples to stack.");
  const data = first.data.slice(0, 0).constructor as new (length: number) => ArrayData;
  const all = new data(first.data.length * samples.length);
  for (const [at, sample] of samples.entries()) all.set(sample.data as never, at * first.data.length);
  return { dtype: first.dtype, shape: [samples.length, ...first.shape.slice(1)], data: all };
}

function largestDifference(a: readonly NdArray[], b: readonly NdArray[]): number {
  let widest = 0;
  for (const [at, left] of a.entries()) {
    const right = b[at];
    for (let i = 0; i < left.data.length; i++) {
      widest = Math.max(widest, Math.abs(Number(left.data[i]) - Number(right?.data[i] ?? Number.NaN)));
    }
  }
  return widest;
}

/** Float outputs that come out of an integer tensor move in steps of its scale. */
function outputStep(model: Model): number {
  const [graph] = model.graphs;
  if (!graph) return 0;
  const producers = graph.nodes.filter((node) => node.outputs.some((id) => graph.outputs.includes(id)));
  const scales = producers
    .filter((node) => node.outputs.every((id) => tensorOf(graph, id).dtype === "float32"))
    .flatMap((node) => node.inputs.map((id) => (id === null ? undefined : tensorOf(graph, id))))
    .flatMap((tensor) => (tensor?.constant === undefined ? (tensor?.quantization?.scales ?? []) : []));
  return Math.max(0, ...scales);
}

function agreement(model: LoadedModel, source: readonly NdArray[], variant: readonly NdArray[], count: number) {
  let sqnrDb = highestSqnrDb;
  let agreed = 1;
  for (const [at, expected] of source.entries()) {
    const found = variant[at]!;
    const quantization = model.outputs[at]?.quantization ?? null;
    const real = (index: number): number => {
      const value = Number(found.data[index]);
      return quantization === null || found.dtype.startsWith("float")
        ? value
        : (value - quantization.zeroPoint) * quantization.scale;
    };
    const size = expected.data.length / count;
    let [signal, noise, same] = [0, 0, 0];
    for (let sample = 0; sample < count; sample++) {
      let [topExpected, topFound] = [0, 0];
      for (let i = 0; i < size; i++) {
        const [a, b] = [Number(expected.data[sample * size + i]), real(sample * size + i)];
        signal += a * a;
        noise += (a - b) ** 2;
        if (a > Number(expected.data[sample * size + topExpected])) topExpected = i;
        if (b > real(sample * size + topFound)) topFound = i;
      }
      if (topExpected === topFound) same++;
    }
    if (noise > 0) sqnrDb = Math.min(sqnrDb, 10 * Math.log10(signal / noise));
    if (size > 1) agreed = Math.min(agreed, same / count);
  }
  // One sample of slack: on another processor a close call may fall the other way.
  return {
    minSqnrDb: Math.round((sqnrDb - sqnrMarginDb) * 100) / 100,
    minTop1Agreement: Math.max(0, agreed - 1 / count),
  };
}
