/** Attributes of TensorFlow nodes, by kind. */
import type { Shape } from "../../ir/graph.ts";
import type { TensorFlowAttribute, TensorFlowDType } from "./tensorflow-nodes.ts";

export const int = (value: number): TensorFlowAttribute => ({ kind: "int", value });
export const float = (value: number): TensorFlowAttribute => ({ kind: "float", value });
export const flag = (value: boolean): TensorFlowAttribute => ({ kind: "bool", value });
export const text = (value: string): TensorFlowAttribute => ({ kind: "string", value });
export const type = (value: TensorFlowDType): TensorFlowAttribute => ({ kind: "type", value });
export const shapeOf = (value: Shape): TensorFlowAttribute => ({ kind: "shape", value });
export const ints = (value: readonly number[]): TensorFlowAttribute => ({ kind: "ints", value });
export const texts = (value: readonly string[]): TensorFlowAttribute => ({ kind: "strings", value });
