/**
 * A TensorFlow graph as the JSON of a GraphDef, as tfjs-converter reads it: attr.s in base64, integers as strings,
 * Const nodes without their content, `versions` always there (`graph_model.ts`). The signature keeps its order.
 */
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { Shape } from "../../ir/graph.ts";
import type { TensorFlowAttribute, TensorFlowDType } from "../../ops/raise/tensorflow-nodes.ts";
import type { TensorFlowEnd, TensorFlowGraph, TensorFlowWeight } from "./tensorflow-graph.ts";

/** GraphDef versions as of TensorFlow 2.18. */
const versions = { producer: 1994, minConsumer: 12 };
const types: Readonly<Record<TensorFlowDType, string>> = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL" };

export function encodeGraphDef({ nodes, weights }: TensorFlowGraph): JsonObject {
  return {
    node: [
      ...weights.map(constNode),
      ...nodes.map(({ name, op, inputs, attributes }) => ({
        name,
        op,
        ...(inputs.length > 0 ? { input: [...inputs] } : {}),
        attr: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attribute(value)])),
      })),
    ],
    library: {},
    versions,
  };
}

export function encodeSignature({ inputs, outputs }: TensorFlowGraph): JsonObject {
  const named = (ends: readonly TensorFlowEnd[]): JsonObject =>
    Object.fromEntries(
      ends.map(({ key, tensor, dtype, shape }) => [
        key,
        { name: `${tensor}:0`, dtype: types[dtype], tensorShape: shapeJson(shape) },
      ]),
    );
  return { inputs: named(inputs), outputs: named(outputs) };
}

const constNode = ({ name, dtype, shape }: TensorFlowWeight): JsonObject => ({
  name,
  op: "Const",
  attr: {
    dtype: { type: types[dtype] },
    value: { tensor: { dtype: types[dtype], tensorShape: shapeJson(shape) } },
  },
});

const shapeJson = (shape: Shape): JsonObject => ({ dim: shape.map((size) => ({ size: String(size) })) });

function attribute(value: TensorFlowAttribute): JsonObject {
  switch (value.kind) {
    case "int":
      return { i: String(value.value) };
    case "float":
      return { f: value.value };
    case "bool":
      return { b: value.value };
    case "string":
      return { s: base64(value.value) };
    case "type":
      return { type: types[value.value] };
    case "shape":
      return { shape: shapeJson(value.value) };
    case "ints":
      return { list: { i: value.value.map(String) } };
    case "strings":
      return { list: { s: value.value.map(base64) } };
  }
}

const base64 = (text: string): string => btoa(text);
