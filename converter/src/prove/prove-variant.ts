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
import { float32MaxRel, type Parity, ParityMeter } from "./parity.ts";
import { settleTies } from "./ties.ts";

/** The worst runtime's figures, and a line for each runtime. */
export interface VariantParity extends Parity {
  /** Elements at which the source itself jumps between its value and the variant's (`ties.ts`); there only if any are. */
  readonly ties?: number;
  readonly runtimes: readonly RuntimeParity[];
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
  /** What the source gives nearby, per sample: shows which differences are ties. */
  readonly nearby?: readonly (readonly Sample[])[];
  readonly openers: readonly VariantOpener[];
  readonly progress?: (done: number, total: number) => void;
}

/** @throws PROOF_UNAVAILABLE when no runtime loads the variant */
export async function proveVariant(request: ProveRequest): Promise<VariantParity> {
  const { samples, openers } = request;
  const reports: { readonly runtime: string; readonly parity: Parity; readonly ties: number }[] = [];
  const refusals: string[] = [];
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
      refusals.push(`${opener.name}: ${error.message}`);
    }
  }
  const [worst] = [...reports].sort((a, b) => b.parity.maxRel - a.parity.maxRel);
  if (!worst) {
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
    sqnrDb: lowest(reports.map(({ parity }) => parity.sqnrDb)),
    top1Agreement: lowest(reports.map(({ parity }) => parity.top1Agreement)),
    runtimes: reports.map(({ runtime, parity: { maxRel, sqnrDb, top1Agreement } }) => ({
      runtime,
      maxRel,
      sqnrDb,
      top1Agreement,
    })),
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
    let ties = 0;
    for (const [at, sample] of samples.entries()) {
      const results = await variant.run(sample);
      const pairs = (answers[at] ?? []).map((answer, place) => {
        const source = asReals(answer, sources[place]);
        const result = results[place] ?? [];
        if (!nearby) return { source, variant: result };
        const others = (nearby[at] ?? []).map((sampleNearby) => asReals(sampleNearby[place] ?? answer, sources[place]));
        const exact = outputs[place]?.dtype.startsWith("float") === false;
        const settled = settleTies(source, others, result, exact ? 0 : float32MaxRel * largestOf(source));
        ties += settled.ties;
        return { source: settled.source, variant: result };
      });
      meter.add(pairs);
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

const perTensorOf = (quantization: Tensor["quantization"]): RuntimeTensor["quantization"] => {
  const [scale] = quantization?.scales ?? [];
  const [zeroPoint] = quantization?.zeroPoints ?? [];
  return scale === undefined || zeroPoint === undefined ? null : { scale, zeroPoint };
};
