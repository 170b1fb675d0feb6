/**
 * Calibration: runs the float model on samples in the fixed runtime build and folds every activation into an observation
 * (`quantize/observers.ts`), so that ranges are the same on every machine (design: formats.md, "Determinism").
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { type Graph, type Model, type TensorId, tensorOf } from "../ir/graph.ts";
import { emptyObservation, type Observation, observe } from "../quantize/observers.ts";
import { activationsOf, tapActivations } from "./tap-activations.ts";

export interface CalibrateRequest {
  readonly model: Model;
  /** The fixed build. */
  readonly runtime: TfliteRuntime;
  readonly samples: { readonly count: number; sample(index: number): Promise<readonly NdArray[]> };
  /** Methods that look at the distribution need histograms; min-max and moving average do without. */
  readonly histograms: boolean;
  readonly progress?: (done: number, total: number) => void;
}

/** What was seen of every float activation and input of the main graph. */
export async function calibrate(request: CalibrateRequest): Promise<ReadonlyMap<TensorId, Observation>> {
  const [graph] = request.model.graphs;
  const observations = new Map<TensorId, Observation>();
  if (!graph) return observations;
  const isFloat = (id: TensorId) => tensorOf(graph, id).dtype === "float32";
  const open = (id: TensorId) => observations.set(id, emptyObservation(channelsOf(graph, id), request.histograms));
  const inputs = graph.inputs.filter(isFloat);
  const tensors = activationsOf(graph).filter(isFloat);
  for (const id of [...inputs, ...tensors]) open(id);
  const see = (id: TensorId, { data }: NdArray) => {
    const state = observations.get(id);
    if (state && data instanceof Float32Array) observe(state, data);
  };
  await tapActivations({
    model: request.model,
    runtime: request.runtime,
    tensors,
    samples: request.samples,
    visitSample: (sample) => {
      for (const [at, id] of graph.inputs.entries()) {
        const value = sample[at];
        if (value) see(id, value);
      }
    },
    visit: (tensor, _, value) => see(tensor, value),
    ...(request.progress ? { progress: request.progress } : {}),
  });
  return observations;
}

const channelsOf = (graph: Graph, id: TensorId): number => Math.max(tensorOf(graph, id).shape.at(-1) ?? 1, 1);
