/**
 * Graphs for batches of any size. A sample is proven within a batch, beside the one before it: a graph that mixes samples,
 * or has a batch of 1 written into it, shows.
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import { type Model, tensorOf } from "../ir/graph.ts";
import { joinRows, sliceRows } from "./source-batches.ts";
import type { Sample } from "./source-truth.ts";

/** All inputs and outputs have a first axis of any size. */
export const hasAnyBatch = ({ graphs: [graph] }: Model): boolean =>
  graph !== undefined && [...graph.inputs, ...graph.outputs].every((id) => tensorOf(graph, id).shape[0] === -1);

/** `first` in front; it stands twice where the other has other sizes. */
export const asBatch = (owner: string, first: Sample, second: Sample): Sample =>
  first.map((array, at) => {
    const other = second[at];
    const fits = first.every(({ shape }, index) => String(shape) === String(second[index]?.shape));
    return joinRows(owner, [array, fits && other ? other : array]);
  });

/** What stands in front of a batch of two. */
export const firstOfTwo = (array: NdArray): NdArray => sliceRows(array, 0, (array.shape[0] ?? 2) / 2);
