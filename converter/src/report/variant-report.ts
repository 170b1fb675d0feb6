/** The report of one `.tflite` variant beside its float model: measured where a runtime runs both, described in any case. */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { asFlotillaError } from "@flotilla/protocol/errors";
import { fileFacts } from "../file-facts.ts";
import { elementCount, type Model, tensorOf } from "../ir/graph.ts";
import { type FloatOperator, floatOperatorsOf, type QuantizationPlan } from "../quantize/plan.ts";
import { runtimeLabel, type Sample } from "../runtimes/source-truth.ts";
import { arenaPeak } from "./arena-peak.ts";
import { describeLayers, worstLayers } from "./describe-layers.ts";
import { floatIslands } from "./islands.ts";
import { type LayerErrors, layerErrors } from "./layer-errors.ts";
import type { Pairs } from "./pairs.ts";
import type { VariantReport } from "./report.ts";

export interface VariantReportRequest {
  readonly facts: Pick<VariantReport, "name" | "recipe" | "bytes" | "sha256" | "parity" | "accuracy" | "calibration">;
  readonly float: Model;
  readonly quantized: Model;
  readonly pairs: Pairs;
  readonly plan: QuantizationPlan | null;
  /** Why operators stayed float, where the plan is not there to ask. */
  readonly floatOperators?: readonly FloatOperator[];
  readonly samples: readonly Sample[];
  readonly reordered?: (sample: Sample) => Sample;
  /** What they are. */
  readonly data: string;
  /** The fixed build first: others are asked where it does not load the model. */
  readonly runtimes: readonly TfliteRuntime[];
  readonly progress?: (done: number, total: number) => void;
}

/** Never fails for what cannot be measured: `unmeasured` says why. */
export async function reportVariant(request: VariantReportRequest): Promise<VariantReport> {
  const { facts, float, quantized, pairs, plan, samples } = request;
  const measured = await measure(request);
  const errors = "errors" in measured ? measured.errors : null;
  const layers = describeLayers({ float, quantized, pairs, plan, errors, fileBytes: facts.bytes });
  const { operators, minRuntimeVersion, macs } = fileFacts(quantized);
  const byPrecision = new Map<string, number>();
  for (const layer of layers)
    if (layer.macs > 0) byPrecision.set(layer.precision, (byPrecision.get(layer.precision) ?? 0) + layer.macs);
  const constants = layers.reduce((sum, layer) => sum + layer.constantBytes, 0);
  const [graph] = quantized.graphs;
  return {
    ...facts,
    format: "tflite",
    operators,
    minRuntimeVersion,
    arena: graph ? arenaPeak(graph) : null,
    macs: { total: macs, byPrecision: Object.fromEntries(byPrecision) },
    size: { constants, rest: Math.max(0, facts.bytes - constants) },
    islands: graph ? floatIslands(graph, plan ? floatOperatorsOf(plan) : (request.floatOperators ?? [])) : [],
    layers,
    worst: worstLayers(layers),
    measured: "errors" in measured ? { samples: samples.length, data: request.data, runtime: measured.runtime } : null,
    unmeasured: "errors" in measured ? null : measured.reason,
  };
}

type Measured = { readonly errors: LayerErrors[]; readonly runtime: string } | { readonly reason: string };

async function measure(request: VariantReportRequest): Promise<Measured> {
  const { float, quantized, pairs, samples, reordered, runtimes, progress } = request;
  const unfit = unfitSample(float, samples);
  if (unfit !== null) return { reason: unfit };
  const refusals: string[] = [];
  for (const runtime of runtimes) {
    try {
      const errors = await layerErrors({
        float,
        quantized,
        pairs,
        samples,
        runtime,
        ...(reordered ? { reordered } : {}),
        ...(progress ? { progress } : {}),
      });
      return { errors, runtime: runtimeLabel(runtime) };
    } catch (thrown) {
      const error = asFlotillaError(thrown);
      if (error.code !== "UNSUPPORTED_RUNTIME") throw error;
      refusals.push(`${runtime.name}: ${error.message}`);
    }
  }
  return { reason: `No runtime here runs both models with their values in view. ${refusals.join(" ")}` };
}

/** Runtimes take an open size as 1. */
function unfitSample({ graphs: [graph] }: Model, samples: readonly Sample[]): string | null {
  if (!graph || samples.length === 0) return "There are no samples.";
  for (const [at, id] of graph.inputs.entries()) {
    const { name, shape } = tensorOf(graph, id);
    const held = elementCount(shape.map((size) => Math.max(size, 1)));
    if (samples.some((sample) => sample[at]?.data.length !== held))
      return `The sizes of the input “${name}” are open: fix them with --input to see inside.`;
  }
  return null;
}
