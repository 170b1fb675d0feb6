/**
 * Runs the float model on calibration samples and folds what the weights of its affine operators multiply into second
 * moments (`quantize/second-moments.ts`), operator group by operator group under a byte budget.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { Model, TensorId } from "../ir/graph.ts";
import { type InputPatches, inputPatches } from "../quantize/input-patches.ts";
import { addRows, emptyMoments, largestDepth, momentsBytes, type SecondMoments } from "../quantize/second-moments.ts";
import { tapActivations } from "./tap-activations.ts";

/** Moments that a group of operators may take together; one operator alone may take more. */
const budgetBytes = 128 * 2 ** 20;

export interface GatherRequest {
  readonly model: Model;
  /** The fixed build. */
  readonly runtime: TfliteRuntime;
  readonly samples: { readonly count: number; sample(index: number): Promise<readonly NdArray[]> };
  /** Positions of the nodes of the main graph that are to be rounded by their data. */
  readonly nodes: readonly number[];
  /** Takes the moments of one group of nodes; they are dropped afterwards. */
  readonly take: (moments: ReadonlyMap<number, SecondMoments>) => void;
  readonly progress?: (done: number, total: number) => void;
}

interface Gathered {
  readonly node: number;
  readonly input: TensorId;
  readonly patches: InputPatches;
}

/** Nodes without patches or with rows longer than {@link largestDepth} are passed over. */
export async function gatherMoments(request: GatherRequest): Promise<void> {
  const { model, runtime, samples, take } = request;
  const [graph] = model.graphs;
  if (!graph) return;
  const eligible = request.nodes.flatMap((node): Gathered[] => {
    const found = graph.nodes[node];
    const patches = found && inputPatches(graph, found);
    const input = found?.inputs[0];
    return patches && typeof input === "number" && patches.depth <= largestDepth ? [{ node, input, patches }] : [];
  });
  const groups = inGroups(eligible);
  for (const [at, group] of groups.entries()) {
    const moments = new Map(group.map(({ node, patches }) => [node, emptyMoments(patches)]));
    const see = (id: TensorId, { data }: NdArray) => {
      if (!(data instanceof Float32Array)) return;
      for (const { node, input, patches } of group) {
        const sums = moments.get(node);
        if (input === id && sums) addRows(sums, patches, data, samples.count);
      }
    };
    const inputs = new Set(group.map(({ input }) => input));
    await tapActivations({
      model,
      runtime,
      tensors: [...inputs].filter((id) => !graph.inputs.includes(id)),
      samples,
      visitSample: (sample) => {
        for (const [position, id] of graph.inputs.entries()) {
          const value = sample[position];
          if (value && inputs.has(id)) see(id, value);
        }
      },
      visit: (id, _, value) => see(id, value),
      progress: (done, total) => request.progress?.(at * total + done, groups.length * total),
    });
    take(moments);
  }
}

function inGroups(eligible: readonly Gathered[]): Gathered[][] {
  const groups: Gathered[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of eligible) {
    const size = momentsBytes(one.patches);
    if (bytes + size > budgetBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(one);
    bytes += size;
  }
  return groups;
}
