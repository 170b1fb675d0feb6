/**
 * Samples between the axes of a source and those of the files made of it: a file may have NHWC where its source has NCHW
 * (`sourceAxes` of graph inputs and outputs). Data and preprocessing are in the file's axes; the source's own runtime
 * and recorded arrays are in the source's.
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import { type Graph, tensorOf } from "../ir/graph.ts";
import { permuteBytes } from "../ir/permute-elements.ts";
import type { Sample, SourceTruth } from "./source-truth.ts";

/** Axis i of the file is axis `axes[i]` of the source; null where they are the same. */
export type SourceAxes = readonly number[] | null;

/** Of every input and output, in the graph's order. */
export interface EndAxes {
  readonly inputs: readonly SourceAxes[];
  readonly outputs: readonly SourceAxes[];
}

export const endAxesOf = (graph: Graph): EndAxes => ({
  inputs: graph.inputs.map((id) => tensorOf(graph, id).sourceAxes ?? null),
  outputs: graph.outputs.map((id) => tensorOf(graph, id).sourceAxes ?? null),
});

/** What the source calls the shape that a file has. */
export const sourceShape = (shape: readonly number[], axes: SourceAxes): readonly number[] =>
  axes === null ? shape : shape.map((_, axis) => shape[axes.indexOf(axis)] ?? 1);

export const toFileAxes = (array: NdArray, axes: SourceAxes): NdArray =>
  axes === null ? array : permuted(array, axes);

export const toSourceAxes = (array: NdArray, axes: SourceAxes): NdArray =>
  axes === null
    ? array
    : permuted(
        array,
        axes.map((_, axis) => axes.indexOf(axis)),
      );

/** The source's runtime, taking and giving arrays in the file's axes. */
export function inFileAxes(truth: SourceTruth, { inputs, outputs }: EndAxes): SourceTruth {
  if ([...inputs, ...outputs].every((axes) => axes === null)) return truth;
  const relaid = (sample: Sample, axes: readonly SourceAxes[], bring: (array: NdArray, axes: SourceAxes) => NdArray) =>
    sample.map((array, at) => bring(array, axes[at] ?? null));
  return {
    label: truth.label,
    run: async (samples) => {
      const answers = await truth.run(samples.map((sample) => relaid(sample, inputs, toSourceAxes)));
      return answers.map((answer) => relaid(answer, outputs, toFileAxes));
    },
    close: () => truth.close(),
  };
}

function permuted(array: NdArray, order: readonly number[]): NdArray {
  const { data } = array;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const result = data.slice();
  new Uint8Array(result.buffer, result.byteOffset, result.byteLength).set(
    permuteBytes(bytes, array.shape, order, data.BYTES_PER_ELEMENT),
  );
  return { ...array, shape: order.map((axis) => array.shape[axis] ?? 1), data: result };
}
