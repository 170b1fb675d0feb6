/**
 * An ONNX graph as the lowering wants it: names, attributes by name, constants in dtypes of the graph.
 * Source: `onnx.proto3` and ONNX's IR.md. Knows no operator.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { AttributeProto, FunctionProto, GraphProto, NodeProto, ValueInfo } from "./schema.ts";
import { decodeTensor, type ExternalFiles, type OnnxTensor } from "./tensor.ts";

export interface OnnxInput {
  readonly name: string;
  /** The number of its element type; 0 for a sequence, map or optional. */
  readonly elementType: number;
  /** Sizes, names of sizes, or null for neither; undefined where not even the rank is declared. */
  readonly dims: readonly (number | string | null)[] | undefined;
}

export type OnnxAttribute =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "graph"; readonly value: OnnxGraph }
  /** Takes the value of an attribute of the function around it. */
  | { readonly kind: "reference"; readonly value: string }
  /** Sparse tensors, types and lists of graphs. */
  | { readonly kind: "other"; readonly value: number };

export interface OnnxNode {
  readonly name: string;
  readonly domain: string;
  readonly operator: string;
  /** "" is an operand that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

export interface OnnxGraph {
  readonly name: string;
  /** Without those that are initializers. */
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly nodes: readonly OnnxNode[];
  /** It has sparse initializers, which are not read. */
  readonly sparse: boolean;
}

export interface OnnxFunction {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  readonly defaults: ReadonlyMap<string, OnnxAttribute>;
  /** Version by domain. */
  readonly operatorSets: ReadonlyMap<string, number>;
}

/** What decoding needs besides the message. */
export interface DecodeContext {
  readonly external: ExternalFiles;
  readonly label: string;
}

/** The default domain has two names. */
export const domainOf = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

export function decodeGraph(proto: GraphProto, context: DecodeContext): OnnxGraph {
  const initializers = new Map<string, OnnxTensor>();
  for (const tensor of proto.initializers) {
    if (initializers.has(tensor.name)) throw corrupt(context, `"${tensor.name}" is initialized twice`);
    initializers.set(tensor.name, decodeTensor(tensor, context.external, context.label));
  }
  return {
    name: proto.name,
    inputs: proto.inputs.filter(({ name }) => !initializers.has(name)).map(decodeInput),
    outputs: proto.outputs.map(({ name }) => name),
    initializers,
    nodes: proto.nodes.map((node) => decodeNode(node, context)),
    sparse: proto.sparseInitializers.length > 0,
  };
}

export function decodeFunction(proto: FunctionProto, context: DecodeContext): OnnxFunction {
  return {
    inputs: proto.inputs,
    outputs: proto.outputs,
    nodes: proto.nodes.map((node) => decodeNode(node, context)),
    defaults: decodeAttributes(proto.defaults, context),
    operatorSets: new Map(proto.operatorSets.map(({ domain, version }) => [domainOf(domain), Number(version)])),
  };
}

function decodeInput({ name, type }: ValueInfo): OnnxInput {
  const tensor = type?.tensor;
  if (!tensor) return { name, elementType: 0, dims: undefined };
  const dims = tensor.shape?.dims.map(({ value, symbol }) => {
    if (symbol !== "") return symbol;
    const size = Number(value);
    return size > 0 && Number.isSafeInteger(size) ? size : null;
  });
  return { name, elementType: tensor.elementType, dims };
}

function decodeNode(proto: NodeProto, context: DecodeContext): OnnxNode {
  return {
    name: proto.name || proto.outputs.find((output) => output !== "") || proto.operator,
    domain: domainOf(proto.domain),
    operator: proto.operator,
    inputs: proto.inputs,
    outputs: proto.outputs,
    attributes: decodeAttributes(proto.attributes, context),
  };
}

function decodeAttributes(protos: readonly AttributeProto[], context: DecodeContext) {
  return new Map(protos.map((proto) => [proto.name, decodeAttribute(proto, context)]));
}

/** `AttributeProto.AttributeType` by number. */
function decodeAttribute(proto: AttributeProto, context: DecodeContext): OnnxAttribute {
  if (proto.reference !== "") return { kind: "reference", value: proto.reference };
  const text = new TextDecoder();
  const integer = (value: bigint): number => Number(value);
  switch (proto.type) {
    case 1:
      return { kind: "float", value: proto.f };
    case 2:
      return { kind: "int", value: integer(proto.i) };
    case 3:
      return { kind: "string", value: text.decode(proto.s) };
    case 4:
      if (!proto.t) throw corrupt(context, `the attribute "${proto.name}" has no tensor`);
      return { kind: "tensor", value: decodeTensor(proto.t, context.external, context.label) };
    case 5:
      if (!proto.g) throw corrupt(context, `the attribute "${proto.name}" has no graph`);
      return { kind: "graph", value: decodeGraph(proto.g, context) };
    case 6:
      return { kind: "floats", value: proto.floats };
    case 7:
      return { kind: "ints", value: proto.ints.map(integer) };
    case 8:
      return { kind: "strings", value: proto.strings.map((one) => text.decode(one)) };
    default:
      return { kind: "other", value: proto.type };
  }
}

const corrupt = ({ label }: DecodeContext, problem: string): FlotillaError =>
  new FlotillaError("FORMAT_CORRUPT", `${label}: ${problem}.`, { details: { problem } });
