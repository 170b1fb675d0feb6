/**
 * Inputs and outputs of a graph that does not say them: its placeholders, and the nodes whose results nobody takes.
 * Nodes that are there for what they do, or that hold values only, are no outputs. So does tfjs-converter.
 */
import { attrOf, type TfGraph, type TfNode } from "./graph.ts";
import type { GraphEnd } from "./lower-graph.ts";

const noOutputs =
  /^(NoOp|Const|HostConst|Assert|Print|PrintV2|Placeholder.*|VarHandleOp|Variable.*|Assign.*|Save.*|Restore.*|MergeV2Checkpoints|.*Summary.*|_Arg|_Retval|.*TableV2|InitializeTable.*|ReadVariableOp|StringJoin|ShardedFilename)$/;

export const placeholdersOf = (graph: TfGraph): readonly GraphEnd[] =>
  [...graph.nodes.values()]
    .filter(({ op }) => op === "Placeholder" || op === "PlaceholderV2")
    .map(({ name }) => ({ name, output: { node: name, port: 0 } }));

/** Every result of such a node: the second one of `node` is called `node:1`. */
export function sinksOf(graph: TfGraph): readonly GraphEnd[] {
  const taken = new Set<string>();
  for (const { op, inputs, controls } of graph.nodes.values()) {
    for (const { node } of inputs) taken.add(node);
    // Who waits for a node and holds or computes something does not wait for an output: pivots of branches are none, nor checks.
    if (op !== "NoOp") for (const control of controls) taken.add(control);
  }
  return [...graph.nodes.values()]
    .filter((node) => !taken.has(node.name) && !noOutputs.test(node.op) && !isPivot(graph, node))
    .flatMap((node) =>
      Array.from({ length: resultCount(node) }, (_, port) => ({
        name: port === 0 ? node.name : `${node.name}:${port}`,
        output: { node: node.name, port },
      })),
    );
}

/** TF1 marks each side of a branch by its own condition, passed on; often one side has nothing that waits for it. */
function isPivot(graph: TfGraph, { op, inputs: [from] }: TfNode): boolean {
  const source = op === "Identity" && from ? graph.nodes.get(from.node) : undefined;
  return source?.op === "Switch" && source.inputs[0]?.node === source.inputs[1]?.node;
}

/** Of operators that always give several; others have one worth taking. */
function resultCount(node: TfNode): number {
  const few = (count: number | undefined): number => Math.min(Math.max(count ?? 1, 1), 65_536);
  switch (node.op) {
    case "TopKV2":
      return 2;
    case "Split":
    case "SplitV":
      return few(attrOf(node, "num_split", "int"));
    case "Unpack":
      return few(attrOf(node, "num", "int"));
    case "IdentityN":
      return few(node.inputs.length);
    default:
      return 1;
  }
}
