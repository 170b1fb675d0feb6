/**
 * Looks inside a model while it runs: a copy whose outputs list its activations, run by a `.tflite` runtime, in groups
 * under a byte budget, sample by sample. Calibration and the per-layer report see through this; nothing is kept.
 */
import type { LoadedModel, TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { defaultSignature } from "../ir/default-signature.ts";
import { byteSize, editGraph, type Graph, type Model, type TensorId, tensorOf } from "../ir/graph.ts";
import { sweepUnused } from "../ir/sweep-unused.ts";
import { writeTflite } from "../writers/tflite/write-tflite.ts";
import { asInput } from "./variant-runner.ts";

/** Taps of one group; a MobileNetV2 at 224x224 (27 MB of activations) needs one group. */
const defaultBudgetBytes = 192 * 2 ** 20;

export interface TapRequest {
  readonly model: Model;
  readonly runtime: TfliteRuntime;
  /** Which tensors of the main graph to show: results of nodes. */
  readonly tensors: readonly TensorId[];
  /** Numbered samples: the model's inputs in order; floats are quantized where an input is an integer. */
  readonly samples: { readonly count: number; sample(index: number): Promise<readonly NdArray[]> };
  /** Called once for every tensor and sample; samples in order, tensors group by group. */
  readonly visit: (tensor: TensorId, sample: number, value: NdArray) => void;
  /** Called once for every sample, before its tensors. */
  readonly visitSample?: (sample: readonly NdArray[], index: number) => void;
  /** Called after every inference; `done` of `total`. */
  readonly progress?: (done: number, total: number) => void;
  readonly budgetBytes?: number;
}

/** Tensors of the graph that hold a value only while it runs and have a producer, in the order they are made. */
export function activationsOf(graph: Graph): TensorId[] {
  const made = graph.nodes.flatMap((node) => node.outputs);
  return made.filter((id) => !tensorOf(graph, id).constant && !tensorOf(graph, id).variable);
}

/** @throws UNSUPPORTED_RUNTIME when the runtime cannot load the copy. */
export async function tapActivations(request: TapRequest): Promise<void> {
  const { model, runtime, samples, visit, progress } = request;
  const [graph] = model.graphs;
  if (!graph) return;
  const groups = groupTensors(graph, request.tensors, request.budgetBytes ?? defaultBudgetBytes);
  if (groups.length === 0) {
    for (let index = 0; index < samples.count; index++) request.visitSample?.(await samples.sample(index), index);
  }
  for (const [place, group] of groups.entries()) {
    const loaded = await runtime.load(tappedFile(model, graph, group));
    try {
      if (loaded.outputs.length !== group.length) throw lostTaps(runtime, loaded, group);
      for (let index = 0; index < samples.count; index++) {
        const sample = await samples.sample(index);
        if (place === 0) request.visitSample?.(sample, index);
        const values = await loaded.run(sample.map((array, at) => asInput(array, loaded.inputs[at])));
        for (const [at, id] of group.entries()) {
          const value = values[at];
          if (value) visit(id, index, value);
        }
        progress?.(place * samples.count + index + 1, groups.length * samples.count);
      }
    } finally {
      loaded.close();
    }
  }
}

function groupTensors(graph: Graph, tensors: readonly TensorId[], budgetBytes: number): TensorId[][] {
  const groups: TensorId[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const id of tensors) {
    const { dtype, shape } = tensorOf(graph, id);
    const size = byteSize(dtype, shape.map((one) => Math.max(one, 1))); // biome-ignore format: short
    if (bytes + size > budgetBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(id);
    bytes += size;
  }
  return groups;
}

/** Nodes that no tap needs are left out: XNNPACK of the fixed build crashes on results that nobody reads. */
function tappedFile(model: Model, graph: Graph, group: readonly TensorId[]): Uint8Array {
  const tapped = editGraph(graph, (draft) => {
    draft.outputs = [...group];
    sweepUnused(draft);
  });
  const graphs = [tapped, ...model.graphs.slice(1)];
  return writeTflite({ ...model, graphs, signatures: [defaultSignature(tapped)] }); // LiteRT asks for names
}

function lostTaps(runtime: TfliteRuntime, loaded: LoadedModel, group: readonly TensorId[]): FlotillaError {
  return new FlotillaError(
    "UNSUPPORTED_RUNTIME",
    `${runtime.name} ${runtime.version} shows ${loaded.outputs.length} of ${group.length} tapped tensors.`,
  );
}
