/**
 * A frozen GraphDef: one protobuf message, variables already constants. It says nothing about inputs and outputs: they are
 * its placeholders, and the nodes whose results nobody takes.
 */
import { decodeMessage } from "../../codecs/protobuf/message.ts";
import { buildGraph } from "./build-graph.ts";
import { corrupt, type TfGraph } from "./graph.ts";
import { placeholdersOf, sinksOf } from "./graph-ends.ts";
import { graphProto } from "./graph-messages.ts";
import { inlineCalls } from "./inline-calls.ts";
import type { GraphEnd } from "./lower-graph.ts";
import { decodeProtoGraph } from "./proto-graph.ts";

/** A graph without calls and variables, and what its inputs and outputs are. */
export interface FrozenGraph {
  readonly graph: TfGraph;
  readonly inputs: readonly GraphEnd[];
  readonly outputs: readonly GraphEnd[];
}

/** @throws FORMAT_CORRUPT, FORMAT_LIMIT */
export function readFrozenGraph(bytes: Uint8Array): FrozenGraph {
  const source = buildGraph(decodeProtoGraph(decodeMessage(graphProto, bytes)));
  if (source.nodes.size === 0) throw corrupt("it has no nodes");
  const { graph, resolve } = inlineCalls(source);
  return {
    graph,
    inputs: placeholdersOf(source),
    outputs: sinksOf(source).map((end) => ({ ...end, output: resolve(end.output) })),
  };
}
