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
import { type Parity, ParityMeter } from "./parity.ts";

/** The worst runtime's figures, and a line for each runtime. */
export interface VariantParity extends Parity {
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
  readonly openers: readonly VariantOpener[];
  readonly progress?: (done: number, total: number) => void;
}

/** @throws PROOF_UNAVAILABLE when no runtime loads the variant */
export async function proveVariant(request: ProveRequest): Promise<VariantParity> {
  const { samples, openers } = request;
  const reports: { readonly runtime: string; readonly parity: Parity }[] = [];
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
  return {
    ...worst.parity,
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
  { outputs, samples, answers, against }: ProveRequest,
  opener: VariantOpener,
  progress: (done: number) => void,
): Promise<{ readonly runtime: string; readonly parity: Parity }> {
  const variant = await opener.open();
  try {
    const meter = new ParityMeter(outputs.map(({ name, dtype }) => ({ name, integer: !dtype.startsWith("float") })));
    const sources = outputs.map(({ quantization }) => ({ quantization: perTensorOf(quantization) }));
    for (const [at, sample] of samples.entries()) {
      const results = await variant.run(sample);
      const expected = answers[at] ?? [];
      meter.add(
        expected.map((source, place) => ({ source: asReals(source, sources[place]), variant: results[place] ?? [] })),
      );
      progress(at + 1);
    }
    return { runtime: variant.label(), parity: meter.report(against) };
  } finally {
    variant.close();
  }
}

const perTensorOf = (quantization: Tensor["quantization"]): RuntimeTensor["quantization"] => {
  const [scale] = quantization?.scales ?? [];
  const [zeroPoint] = quantization?.zeroPoints ?? [];
  return scale === undefined || zeroPoint === undefined ? null : { scale, zeroPoint };
};
