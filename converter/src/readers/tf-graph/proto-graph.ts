/** A GraphDef as protobuf → nodes and functions as all containers give them. */
import type { RawFunction, RawGraph, RawNode } from "./build-graph.ts";
import { corrupt, type TfAttr } from "./graph.ts";
import type { AttrMessage, GraphMessage } from "./graph-messages.ts";
import { decodeShape, decodeTensor } from "./tensor-proto.ts";
import { typeName } from "./tensor-types.ts";

type NodeMessage = GraphMessage["node"][number];
type FunctionMessage = NonNullable<GraphMessage["library"]>["function"][number];

/** @throws FORMAT_CORRUPT, FORMAT_LIMIT */
export const decodeProtoGraph = (message: GraphMessage): RawGraph => ({
  nodes: message.node.map(decodeNode),
  functions: (message.library?.function ?? []).map(decodeFunction),
});

function decodeNode({ name, op, input, attr }: NodeMessage): RawNode {
  const attrs = new Map<string, TfAttr>();
  for (const [key, value] of attr) {
    const decoded = value && decodeAttr(value, name);
    if (decoded) attrs.set(key, decoded);
  }
  return { name, op, inputs: input, attrs };
}

function decodeFunction({ signature, nodeDef, ret }: FunctionMessage): RawFunction {
  if (!signature) throw corrupt("a function has no signature");
  const argument = ({ name, type, numberAttr, typeListAttr }: (typeof signature)["inputArg"][number]) => ({
    name,
    type: typeName(type),
    list: numberAttr !== "" || typeListAttr !== "",
  });
  return {
    name: signature.name,
    parameters: signature.inputArg.map(argument),
    results: signature.outputArg.map(argument),
    nodes: nodeDef.map(decodeNode),
    returns: ret,
  };
}

/** Text that is no UTF-8 is nothing that anybody asks for. */
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function decodeAttr(attr: AttrMessage, node: string): TfAttr | undefined {
  if (attr.s !== undefined) return { kind: "string", value: textOf(attr.s) };
  if (attr.i !== undefined) return { kind: "int", value: Number(attr.i) };
  if (attr.f !== undefined) return { kind: "float", value: attr.f };
  if (attr.b !== undefined) return { kind: "bool", value: attr.b };
  if (attr.type !== undefined) return { kind: "type", value: typeName(attr.type) };
  if (attr.shape) return { kind: "shape", value: decodeShape(attr.shape) };
  if (attr.tensor) return { kind: "tensor", value: decodeTensor(attr.tensor, node) };
  if (attr.func) return { kind: "func", value: attr.func.name };
  if (attr.placeholder !== undefined) return { kind: "placeholder", value: attr.placeholder };
  return attr.list && { kind: "list", value: decodeList(attr.list, node) };
}

function decodeList(list: NonNullable<AttrMessage["list"]>, node: string): readonly TfAttr[] {
  return [
    ...list.s.map((value): TfAttr => ({ kind: "string", value: textOf(value) })),
    ...list.i.map((value): TfAttr => ({ kind: "int", value: Number(value) })),
    ...list.f.map((value): TfAttr => ({ kind: "float", value })),
    ...list.b.map((value): TfAttr => ({ kind: "bool", value })),
    ...list.type.map((value): TfAttr => ({ kind: "type", value: typeName(value) })),
    ...list.shape.map((value): TfAttr => ({ kind: "shape", value: decodeShape(value) })),
    ...list.tensor.map((value): TfAttr => ({ kind: "tensor", value: decodeTensor(value, node) })),
    ...list.func.map(({ name }): TfAttr => ({ kind: "func", value: name })),
  ];
}
