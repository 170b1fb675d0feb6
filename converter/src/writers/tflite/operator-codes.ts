/**
 * The operator codes of a `.tflite` file: one per operator (and per custom name), with the highest version that any of
 * its uses needs, as `op_version.cc` does; and the first runtime that has them all.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { placeholderCode } from "@flotilla/protocol/tflite/enums";
import type { EncodableModel } from "@flotilla/protocol/tflite/schema";
import type { Graph, Node } from "../../ir/graph.ts";
import { custom } from "../../ops/custom.ts";
import type { Op } from "../../ops/define-op.ts";
import { useOf } from "../../ops/graph-facts.ts";
import { opOf } from "../../ops/registry.ts";

export interface OperatorCodes {
  readonly codes: NonNullable<EncodableModel["operatorCodes"]>;
  indexOf(node: Node): number;
  /** e.g. "2.3.0"; null when nothing says. */
  readonly minRuntime: string | null;
}

/** The operator of a node that is about to be written; throws GRAPH_INVALID when the format has none. */
export function writableOp(node: Node): Op {
  const op = opOf(node.kind);
  if (!op || op.code < 0)
    throw new FlotillaError("GRAPH_INVALID", `Node "${node.name}" is ${node.kind}, which no .tflite file can hold.`, {
      details: { node: node.name, operator: node.kind },
    });
  return op;
}

export function operatorCodes(graphs: readonly Graph[]): OperatorCodes {
  const versions = new Map<string, { op: Op; customCode: string; version: number }>();
  for (const graph of graphs)
    for (const node of graph.nodes) {
      const op = writableOp(node);
      const version = op.version(useOf(graph, node));
      const entry = versions.get(keyOf(node));
      if (entry) entry.version = Math.max(entry.version, version);
      else versions.set(keyOf(node), { op, customCode: customCodeOf(node), version });
    }
  const order = [...versions.keys()];
  const runtimes = [...versions.values()].flatMap(({ op, version }) => op.minRuntime[version] ?? []);
  return {
    codes: [...versions.values()].map(({ op, customCode, version }) => ({
      deprecatedBuiltinCode: Math.min(op.code, placeholderCode),
      builtinCode: op.code,
      version,
      ...(customCode === "" ? {} : { customCode }),
    })),
    indexOf: (node) => order.indexOf(keyOf(node)),
    minRuntime: runtimes.reduce<string | null>((a, b) => (a !== null && compareVersions(a, b) >= 0 ? a : b), null),
  };
}

const customCodeOf = (node: Node): string => (custom.is(node) ? custom.attributesOf(node).customCode : "");
/** Versions of a custom operator are its maker's: two of them are two operators. */
const keyOf = (node: Node): string =>
  custom.is(node) ? `${node.kind} ${custom.attributesOf(node).version} ${customCodeOf(node)}` : node.kind;

export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
