/** What an operator of our own is given by tfjs-converter: input tensors and attributes, whose kinds are checked here. */
import type * as Converter from "@tensorflow/tfjs-converter";
import type * as Core from "@tensorflow/tfjs-core";

export type GraphNode = Parameters<Parameters<typeof Converter.registerOp>[1]>[0];
export type Operator = (core: typeof Core, node: GraphNode) => Core.Tensor | Core.Tensor[];

export function input(node: GraphNode, place: number): Core.Tensor {
  const found = node.inputs[place];
  if (found) return found;
  throw new TypeError(`an operator has no input ${place}`); // tfjs hands it on in its own words
}

export const numberOf = (node: GraphNode, name: string, fallback: number): number => {
  const value = node.attrs[name];
  return typeof value === "number" ? value : fallback;
};

export const flagOf = (node: GraphNode, name: string): boolean => node.attrs[name] === true;

/** tfjs hands strings out in lower case. */
export const textOf = (node: GraphNode, name: string): string => {
  const value = node.attrs[name];
  return typeof value === "string" ? value.toLowerCase() : "";
};

export const numbersOf = (node: GraphNode, name: string): readonly number[] => {
  const value = node.attrs[name];
  return Array.isArray(value) ? value.map(Number) : [];
};
