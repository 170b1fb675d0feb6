/**
 * Proves a variant against the source: runs it in every runtime that loads it, on the samples that the source
 * answered, and reports the worst of them, and which runtimes those were (design: formats.md, "Parity").
 */
import type { RuntimeTensor } from "@flotilla/device-agent/ports/tflite-runtime";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { Tensor } from "../ir/graph.ts";
import type { Sample } from "../runtimes/source-truth.ts";
import { asReals, type VariantOpener } from "../runtimes/variant-runner.ts";
import type { WrittenFile } from "../writers/written-file.ts";
import { type NonFiniteOutput, nonFiniteOutputs } from "./non-finite.ts";
import { float32MaxRel, type Parity, ParityMeter, parityScale } from "./parity.ts";
import { type NearbyAnswers, settleTies } from "./ties.ts";

/** The worst runtime's figures, and a line for each runtime. */
export interface VariantParity extends Parity {
  /** Elements at which the source itself gives the variant's value, or its own, by the last bits (`ties.ts`); there only if any are. */
  readonly ties?: number;
  /** Outputs of which the source's own answers are NaN or infinite in part, which proves nothing; there only if any are. */
  readonly nonFinite?: readonly NonFiniteOutput[];
  readonly runtimes: readonly RuntimeParity[];
  /** Runtimes that do not load the variant, and why; there only if any are. */
  readonly refused?: readonly { readonly runtime: string; readonly reason: string }[];
}

export interface RuntimeParity {
  /** e.g. "litert 2.5.3 (wasm-relaxed-simd)" */
  readonly runtime: string;
  readonly maxRel: number;
  readonly sqnrDb: number | null;
  readonly top1Agreement: number | null;
}

/** What the source gave for each sample in one runtime. */
export interface RuntimeAnswers {
  readonly against: string;
  readonly answers: readonly Sample[];
}

export interface ProveRequest {
  /** The source's outputs, in order; answers of quantized ones are compared as the real numbers that they stand for. */
  readonly outputs: readonly Pick<Tensor, "name" | "dtype" | "quantization">[];
  readonly samples: readonly Sample[];
  /** What the source's own runtime gave for each sample. */
  readonly answers: readonly Sample[];
  readonly against: string;
  /** What the source gave in the very runtimes that run the variant, by their names; these count there. */
  readonly byRuntime?: ReadonlyMap<string, RuntimeAnswers>;
  /** What the source gives nearby: shows which differences are ties; asked only where a float32 variant differs. */
  readonly nearby?: NearbyAnswers;
  readonly openers: readonly VariantOpener[];
  readonly progress?: (done: number, total: number) => void;
}

/** @throws PROOF_UNAVAILABLE when no runtime loads the variant, or the source's answers are mostly not finite */
export async function proveVariant(request: ProveRequest): Promise<VariantParity> {
  const { samples, openers } = request;
  const nonFinite = nonFiniteOutputs(request.outputs, request.answers);
  const reports: { readonly runtime: string; readonly parity: Parity; readonly ties: number }[] = [];
  const refused: { readonly runtime: string; readonly reason: string }[] = [];
  for (const [place, opener] of openers.entries()) {
    try {
      const own = request.byRuntime?.get(opener.name);
      const report = await compare({ ...request, ...own }, opener, (done) =>
        request.progress?.(place * samples.length + done, openers.length * samples.length),
      );
      reports.push(report);
    } catch (thrown) {
      const error = asFlotillaError(thrown);
      if (error.code !== "UNSUPPORTED_RUNTIME") throw error;
      refused.push({ runtime: opener.name, reason: error.message });
    }
  }
  const [worst] = [...reports].sort((a, b) => b.parity.maxRel - a.parity.maxRel);
  if (!worst) {
    const refusals = refused.map(({ runtime, reason }) => `${runtime}: ${reason}`);
    throw new FlotillaError("PROOF_UNAVAILABLE", `No runtime here runs the variant. ${refusals.join(" ")}`, {
      details: { refusals },
    });
  }
  const lowest = (values: readonly (number | null)[]): number | null =>
    values.reduce((least, value) => (value === null || (least !== null && least <= value) ? least : value), null);
  const ties = reports.reduce((most, report) => Math.max(most, report.ties), 0);
  return {
    ...worst.parity,
    ...(ties > 0 ? { ties } : {}),
    ...(nonFinite.length > 0 ? { nonFinite } : {}),
    sqnrDb: lowest(reports.map(({ parity }) => parity.sqnrDb)),
    top1Agreement: lowest(reports.map(({ parity }) => parity.top1Agreement)),
    runtimes: reports.map(({ runtime, parity: { maxRel, sqnrDb, top1Agreement } }) => ({
      runtime,
      maxRel,
      sqnrDb,
      top1Agreement,
    })),
    ...(refused.length > 0 ? { refused } : {}),
  };
}

/** The heap of the WASM runtimes ends at 2 GB and holds the file, its packed weights and the arena. */
const largestProvableBytes = 1.5 * 2 ** 30;

/** A variant whole, for runtimes. @throws PROOF_UNAVAILABLE when none here could hold it */
export function provableBytes(file: WrittenFile): Uint8Array {
  if (file.byteLength <= largestProvableBytes) return file.bytes();
  throw new FlotillaError(
    "PROOF_UNAVAILABLE",
    `The variant has ${file.byteLength} bytes; no runtime here holds more than ${largestProvableBytes}. Convert with --no-prove, which stamps it unproven.`,
    { details: { bytes: file.byteLength, limit: largestProvableBytes } },
  );
}

async function compare(
  { outputs, samples, answers, against, nearby }: ProveRequest,
  opener: VariantOpener,
  progress: (done: number) => void,
): Promise<{ readonly runtime: string; readonly parity: Parity; readonly ties: number }> {
  const variant = await opener.open();
  try {
    const meter = new ParityMeter(outputs.map(({ name, dtype }) => ({ name, integer: !dtype.startsWith("float") })));
    const sources = outputs.map(({ quantization }) => ({ quantization: perTensorOf(quantization) }));
    const given = (answer: Sample): readonly ArrayLike<number>[] =>
      answer.map((array, place) => asReals(array, sources[place]));
    const rms = nearby ? outputs.map((_, place) => rmsOf(answers.map((answer) => given(answer)[place] ?? []))) : [];
    let ties = 0;
    for (const [at, sample] of samples.entries()) {
      const results = await variant.run(sample);
      const pairs = given(answers[at] ?? []).map((source, place) => {
        const exact = outputs[place]?.dtype.startsWith("float") === false;
        const tolerance = exact ? 0 : float32MaxRel * parityScale(largestOf(source), rms[place] ?? 0);
        return { source, variant: results[place] ?? [], tolerance };
      });
      if (nearby) {
        const settled = await settleTies(pairs, async (move) => given(await nearby.answer(at, move)));
        ties += settled.ties;
        meter.add(pairs.map(({ source, variant }, place) => ({ source: settled.sources[place] ?? source, variant })));
      } else meter.add(pairs);
      progress(at + 1);
    }
    return { runtime: variant.label(), parity: meter.report(against), ties };
  } finally {
    variant.close();
  }
}

const largestOf = (values: ArrayLike<number>): number => {
  let largest = 0;
  for (let at = 0; at < values.length; at++) largest = Math.max(largest, Math.abs(values[at] ?? 0));
  return largest;
};

function rmsOf(arrays: readonly ArrayLike<number>[]): number {
  let [sum, count] = [0, 0];
  for (const values of arrays) {
    for (let at = 0; at < values.length; at++) {
      const value = values[at] ?? 0;
      if (Number.isFinite(value)) sum += value * value;
    }
    count += values.length;
  }
  return count === 0 ? 0 : Math.sqrt(sum / count);
}

const perTensorOf = (quantization: Tensor["quantization"]): RuntimeTensor["quantization"] => {
  const [scale] = quantization?.scales ?? [];
  const [zeroPoint] = quantization?.zeroPoints ?? [];
  return scale === undefined || zeroPoint === undefined ? null : { scale, zeroPoint };
};
