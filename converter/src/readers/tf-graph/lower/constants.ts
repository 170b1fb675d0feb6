/** Const, and what passes its input through unchanged when a model only runs. */
import type { DType } from "../../../ir/graph.ts";
import { cast } from "../../../ops/cast.ts";
import { notEqual } from "../../../ops/not-equal.ts";
import { attrOf } from "../graph.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { dtypeOf } from "../tensor-types.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

export const constLowering: TfLowering = {
  ops: ["Const", "HostConst"],
  lower: (node) => {
    const value = attrOf(node.node, "value", "tensor");
    if (!value) throw node.fault("it has no value");
    const dtype = dtypeOf(value.type);
    if (!dtype || !value.constant) throw new NodeRefusal(`constants of the type ${value.type} are not converted`);
    return node.builder.constant(node.name, dtype, value.shape, value.constant);
  },
};

export const identityLowering: TfLowering = {
  ops: [
    "Identity", "StopGradient", "PreventGradient", "CheckNumerics", "CheckNumericsV2", "Snapshot", "EnsureShape",
    "PlaceholderWithDefault", "Print", "DebugIdentity", "DebugIdentityV2", "OptimizationBarrier", "ReadVariableOp",
    "XlaSharding", "_EagerConst",
  ], // biome-ignore format: a list
  lower: (node) => node.input(0),
};

/** Variables whose values are known are constants by now; the reason that one is not stands in an attribute. */
export const variableLowering: TfLowering = {
  ops: ["VarHandleOp", "VariableV2", "Variable"],
  lower: (node) => {
    throw new NodeRefusal(node.stringAttr("_reason", "variables are not part of this file; freeze the graph"));
  },
};

export const identityNLowering: TfLowering = { ops: ["IdentityN"], lower: (node) => node.inputs };

const tensorTypes: Partial<Record<DType, "FLOAT32" | "INT32" | "BOOL">> = {
  float32: "FLOAT32",
  int32: "INT32",
  bool: "BOOL",
};

/** Types narrower than a graph's own (uint8, float16) are widened, so a cast between them is none. */
export const castLowering: TfLowering = {
  ops: ["Cast"],
  lower: (node) => {
    const input = node.input(0);
    const to = dtypeOf(node.typeAttr("DstT", "DT_FLOAT"));
    const from = node.dtypeOf(input);
    if (to === from) return input;
    if (to === "bool") return node.emit(notEqual, [input, node.scalarLike(input, 0)]);
    return castTo(node, input, to);
  },
};

function castTo(node: NodeLowering, input: Parameters<typeof node.shapeOf>[0], to: DType | undefined) {
  const outDataType = to && tensorTypes[to];
  const inDataType = tensorTypes[node.dtypeOf(input)];
  if (!outDataType || !inDataType)
    throw new NodeRefusal(`a cast to ${node.typeAttr("DstT", "DT_FLOAT")} is not converted`);
  return node.emit(cast, [input], { inDataType, outDataType });
}
