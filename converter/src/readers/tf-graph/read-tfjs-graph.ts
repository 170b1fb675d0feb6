/** A TFJS GraphModel → a model in the imported phase. */
import type { Model } from "../../ir/graph.ts";
import { placeholdersOf, sinksOf } from "./graph-ends.ts";
import { inlineCalls } from "./inline-calls.ts";
import type { GraphEnd } from "./lower-graph.ts";
import { lowerGraph } from "./lower-graph.ts";
import type { TfjsGraphContainer } from "./tfjs-graph-container.ts";

export interface ReadTfGraphOptions {
  /** Input name → whole shape: fixes dynamic sizes. A dynamic batch not named here becomes 1. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
}

/** A model, and where its inputs and outputs are in the source. */
export interface LoweredGraph {
  readonly model: Model;
  readonly inputs: readonly GraphEnd[];
  readonly outputs: readonly GraphEnd[];
}

/** @throws UNSUPPORTED_OPERATOR, FORMAT_CORRUPT, FORMAT_LIMIT, CONFIG_INVALID (input shapes) */
export function lowerTfjsGraph(container: TfjsGraphContainer, options: ReadTfGraphOptions = {}): LoweredGraph {
  const { label } = container;
  const { graph, resolve } = inlineCalls(container.graph);
  const resolved = (ends: readonly GraphEnd[]): GraphEnd[] =>
    ends.map((end) => ({ ...end, output: resolve(end.output) }));
  const inputs = container.inputs.length > 0 ? container.inputs : placeholdersOf(container.graph);
  const outputs = container.outputs.length > 0 ? container.outputs : sinksOf(container.graph);
  const model = lowerGraph({ label, graph, inputs, outputs: resolved(outputs), ...options });
  return { model, inputs, outputs };
}
