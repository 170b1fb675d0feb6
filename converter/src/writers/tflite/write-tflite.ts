/**
 * Writes a model as a `.tflite` file: the same model gives the same bytes. Operators, their versions and options follow
 * from the registry; tensors keep the order of the graph's map, so `readTflite(writeTflite(model))` equals the model.
 * Sources: LiteRT `schema.fbs`, `flatbuffer_export.cc`. Expects graphs that are legal in the phase `tflite`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import {
  type EncodableGraph,
  type EncodableModel,
  type EncodableOperator,
  type EncodableTensor,
  fileIdentifier,
  modelTable,
  schemaVersion,
} from "@flotilla/protocol/tflite/schema";
import { encodeFlatbuffer } from "../../codecs/flatbuffer/encode-flatbuffer.ts";
import { constantOf, type Graph, type Model, type Node, type Tensor, type TensorId } from "../../ir/graph.ts";
import { custom } from "../../ops/custom.ts";
import { tensorTypeOf } from "../../ops/element-type.ts";
import { type OperatorCodes, operatorCodes, writableOp } from "./operator-codes.ts";
import { SharedBuffers } from "./shared-buffers.ts";

/** What goes into the file beside the model. */
export interface FileFacts {
  readonly metadata?: Model["metadata"];
}

/** `min_runtime_version` is a string padded with zeros to this many bytes (`runtime_version.cc`). */
const runtimeVersionBytes = 16;

export function writeTflite(model: Model, facts: FileFacts = {}): Uint8Array<ArrayBuffer> {
  const buffers = new SharedBuffers();
  const codes = operatorCodes(model.graphs);
  const places = model.graphs.map((graph) => new Map([...graph.tensors.keys()].map((id, i) => [id, i])));
  const subgraphs = model.graphs.map((graph, i) => encodableGraph(graph, places[i] ?? new Map(), codes, buffers));
  const metadata = [...model.metadata, ...(facts.metadata ?? []), ...runtimeVersion(codes.minRuntime)].map(
    ({ name, bytes }) => ({ name, buffer: buffers.indexOf(constantOf(bytes)) }),
  );
  const signatureDefs = model.signatures.map(({ key, graph, inputs, outputs }) => {
    const named = ({ name, tensor }: { name: string; tensor: TensorId }) => ({
      name,
      tensorIndex: placeOf(places[graph] ?? new Map(), tensor, `the signature "${key}"`),
    });
    return { inputs: inputs.map(named), outputs: outputs.map(named), signatureKey: key, subgraphIndex: graph };
  });
  const file: EncodableModel = {
    version: schemaVersion,
    operatorCodes: codes.codes,
    subgraphs,
    description: model.description,
    buffers: [{}, ...buffers.contents.map((data) => ({ data }))],
    ...(metadata.length > 0 ? { metadata } : {}),
    ...(signatureDefs.length > 0 ? { signatureDefs } : {}),
  };
  return encodeFlatbuffer(file, modelTable, fileIdentifier);
}

type Places = ReadonlyMap<TensorId, number>;

function placeOf(places: Places, id: TensorId, user: string): number {
  const place = places.get(id);
  if (place === undefined) throw new FlotillaError("GRAPH_INVALID", `The tensor ${id} of ${user} does not exist.`);
  return place;
}

function encodableGraph(graph: Graph, places: Places, codes: OperatorCodes, buffers: SharedBuffers): EncodableGraph {
  const placed = (id: TensorId): number => placeOf(places, id, `the graph "${graph.name}"`);
  return {
    tensors: [...graph.tensors.values()].map((tensor) => encodableTensor(tensor, buffers)),
    inputs: graph.inputs.map(placed),
    outputs: graph.outputs.map(placed),
    operators: graph.nodes.map((node) => ({
      opcodeIndex: codes.indexOf(node),
      inputs: node.inputs.map((id) => (id === null ? -1 : placed(id))),
      outputs: node.outputs.map(placed),
      ...encodableOptions(node),
    })),
    name: graph.name,
  };
}

function encodableTensor(
  { name, dtype, shape, constant, quantization, variable }: Tensor,
  buffers: SharedBuffers,
): EncodableTensor {
  const type = tensorTypeOf(dtype);
  return {
    shape: shape.map((size) => (size === -1 ? 1 : size)),
    ...(shape.includes(-1) ? { shapeSignature: shape } : {}),
    hasRank: true,
    type,
    buffer: constant ? buffers.indexOf(constant) : 0,
    name,
    ...(variable ? { isVariable: true } : {}),
    ...(quantization
      ? {
          quantization: {
            scale: quantization.scales,
            zeroPoint: quantization.zeroPoints.map(BigInt),
            quantizedDimension: quantization.axis,
          },
        }
      : {}),
  };
}

function encodableOptions(node: Node): Pick<EncodableOperator, "builtinOptions" | "customOptions"> {
  if (custom.is(node)) return { customOptions: custom.attributesOf(node).customOptions };
  const { options } = writableOp(node);
  return options === null ? {} : { builtinOptions: { type: options, value: node.attributes } };
}

function runtimeVersion(version: string | null): Model["metadata"] {
  if (version === null) return [];
  const bytes = new Uint8Array(runtimeVersionBytes);
  bytes.set(new TextEncoder().encode(version));
  return [{ name: "min_runtime_version", bytes }];
}
