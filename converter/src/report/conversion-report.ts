/** The report of a whole conversion: every `.tflite` variant layer by layer, others by what is said of them as a whole. */
import { basename } from "node:path";
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { ConvertedVariant, ConvertResult } from "../convert-result.ts";
import { type Dataset, type ModelInput, spreadIndices } from "../data/dataset.ts";
import { randomDataset, randomDatasetName } from "../data/random-dataset.ts";
import type { DraftVariant } from "../draft-variant.ts";
import { type Model, tensorOf } from "../ir/graph.ts";
import type { Sample } from "../runtimes/source-truth.ts";
import { pairsOfPlan } from "./pairs.ts";
import type { CalibrationReport, Report, VariantReport } from "./report.ts";
import { reportVariant } from "./variant-report.ts";

/** Enough for powers of errors, few enough for a large model. */
const measuredSamples = 8;

export interface ConversionReportRequest {
  readonly source: ConvertResult["source"];
  /** Simplified: what the variants were made of. */
  readonly float: Model;
  readonly variants: readonly { readonly draft: DraftVariant; readonly variant: ConvertedVariant }[];
  /** Labelled data, or else that of calibration; random samples where there is neither. */
  readonly dataset: Dataset | null;
  readonly calibration: CalibrationReport | null;
  /** The fixed build first. */
  readonly runtimes: readonly TfliteRuntime[];
  readonly progress: (recipe: string, done: number, total: number) => void;
}

export async function reportConversion(request: ConversionReportRequest): Promise<Report> {
  const { source, float, dataset, runtimes } = request;
  const [graph] = float.graphs;
  const inputs: ModelInput[] = graph ? graph.inputs.map((id) => tensorOf(graph, id)) : [];
  const data = dataset ?? randomDataset(inputs, measuredSamples);
  const samples: Sample[] = [];
  for (const at of spreadIndices(data.count, measuredSamples)) samples.push(await data.sample(at));
  const variants: VariantReport[] = [];
  for (const { draft, variant } of request.variants) {
    const facts = {
      name: basename(draft.path),
      recipe: variant.recipe,
      bytes: variant.bytes,
      sha256: variant.sha256,
      parity: variant.parity,
      accuracy: variant.accuracy,
      calibration: draft.plan && draft.quantized && draft.quantized.twins.size > 0 ? request.calibration : null,
    };
    const [before] = draft.quantized?.float.graphs ?? [];
    const [after] = draft.quantized?.model.graphs ?? [];
    if (!draft.quantized || !before || !after) {
      variants.push({ ...facts, ...wholeOnly(variant) });
      continue;
    }
    variants.push(
      await reportVariant({
        facts,
        float: draft.quantized.float,
        quantized: draft.quantized.model,
        pairs: pairsOfPlan(before, after, draft.quantized.twins),
        plan: draft.plan ?? null,
        samples,
        data:
          data.name === randomDatasetName
            ? "random numbers: give --calibration or --evaluate for real ones"
            : data.name,
        runtimes,
        progress: (done, total) => request.progress(variant.recipe, done, total),
      }),
    );
  }
  const { path, format, sha256, parameters } = source;
  return { type: "report", version: 1, source: { name: basename(path), format, sha256, parameters }, variants };
}

function wholeOnly({
  format,
  operators,
  macs,
  bytes,
}: ConvertedVariant): Omit<
  VariantReport,
  "name" | "recipe" | "bytes" | "sha256" | "parity" | "accuracy" | "calibration"
> {
  return {
    format,
    operators,
    minRuntimeVersion: null,
    arena: null,
    macs: { total: macs, byPrecision: {} },
    size: { constants: 0, rest: bytes },
    islands: [],
    layers: [],
    worst: [],
    measured: null,
    unmeasured: "Layers are shown of .tflite variants only.",
  };
}
