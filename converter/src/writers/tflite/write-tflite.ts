/**
 * Writes a model as a `.tflite` file: the same model gives the same bytes. Operators, their versions and options follow
 * from the registry; tensors keep the order of the graph's map, so `readTflite(writeTflite(model))` equals the model.
 * Sources: LiteRT `schema.fbs`, `flatbuffer_export.cc`. Expects graphs that are legal in the phase `tflite`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { LazyBytes } from "@flotilla/protocol/flatbuffer/schema";
import {
  type EncodableGraph,
  type EncodableModel,
  type EncodableOperator,
  type EncodableTensor,
  fileIdentifier,
  modelTable,
  schemaVersion,
} from "@flotilla/protocol/tflite/schema";
import { encodeZip } from "@flotilla/protocol/zip";
import { type FlatbufferPlan, flatbufferPieces, planFlatbuffer } from "../../codecs/flatbuffer/encode-flatbuffer.ts";
import { joinPieces } from "../../codecs/join-pieces.ts";
import {
  constantOf,
  type Graph,
  type Model,
  type Node,
  type Quantization,
  type Tensor,
  type TensorId,
} from "../../ir/graph.ts";
import { custom } from "../../ops/custom.ts";
import { tensorTypeOf } from "../../ops/element-type.ts";
import { type WrittenFile, writtenFile } from "../written-file.ts";
import { type OperatorCodes, operatorCodes, writableOp } from "./operator-codes.ts";
import { SharedBuffers } from "./shared-buffers.ts";

/** What goes into the file beside the model. */
export interface FileFacts {
  readonly metadata?: Model["metadata"];
  /** Constants move behind a flatbuffer that would be larger; 2 GB unless said otherwise. */
  readonly largestFlatbuffer?: number;
}

/** `min_runtime_version` is a string padded with zeros to this many bytes (`runtime_version.cc`). */
const runtimeVersionBytes = 16;

/** Beyond this no flatbuffer can point: constants then lie behind it (`Buffer.offset`, known to runtimes since 2024). */
const largestFlatbuffer = 2 ** 31 - 1;
/** Files with constants behind the flatbuffer end so; the runtime may read past the last one. */
const endingBytes = 16;
const alignment = 16;

/** A whole file in memory; for models that are known to be small. */
export function writeTflite(model: Model, facts: FileFacts = {}): Uint8Array<ArrayBuffer> {
  const { byteLength, pieces } = planTflite(model, facts);
  return joinPieces(byteLength, pieces());
}

/**
 * The file of a model, made piece by piece: a small head, then the constants, each read when its turn comes.
 * @throws GRAPH_INVALID for operators that no file can hold
 */
export function planTflite(model: Model, facts: FileFacts = {}): WrittenFile {
  const file = planModel(model, facts);
  if (!model.files || model.files.size === 0) return file;
  const attached = encodeZip(model.files);
  return writtenFile(file.byteLength + attached.byteLength, function* () {
    yield* file.pieces();
    yield attached;
  });
}

function planModel(model: Model, facts: FileFacts): WrittenFile {
  const buffers = new SharedBuffers();
  const file = encodableModel(model, facts, buffers);
  const constantBytes = buffers.contents.reduce((sum, { byteLength }) => sum + alignedTo(byteLength) + alignment, 0);
  if (constantBytes < (facts.largestFlatbuffer ?? largestFlatbuffer) - headRoom(model)) {
    const plan = planFlatbuffer(
      { ...file, buffers: [{}, ...buffers.contents.map((data) => ({ data }))] },
      modelTable,
      fileIdentifier,
    );
    return writtenFile(plan.byteLength, () => flatbufferPieces(plan));
  }
  return planOffsetBuffers(file, buffers);
}

/** What the tables of a file may take at most, roughly: names and shapes of every tensor and node. */
const headRoom = (model: Model): number =>
  4096 + model.graphs.reduce((sum, graph) => sum + graph.tensors.size * 1024 + graph.nodes.length * 1024, 0);

const alignedTo = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** Constants behind the flatbuffer, each aligned; metadata stays inside. The head is laid out first to learn its size. */
function planOffsetBuffers(file: EncodableModel, buffers: SharedBuffers): WrittenFile {
  const inside = new Set((file.metadata ?? []).map(({ buffer = 0 }) => buffer));
  const marker = { byteLength: outside.byteLength, bytes: () => outside };
  const metadata = [...(file.metadata ?? []), { name: "buffer_location", buffer: buffers.contents.length + 1 }];
  const layOut = (
    headBytes: number,
  ): { plan: FlatbufferPlan; outer: { at: number; content: LazyBytes }[]; end: number } => {
    const outer: { at: number; content: LazyBytes }[] = [];
    let end = alignedTo(headBytes);
    const entries = buffers.contents.map((content, i) => {
      if (inside.has(i + 1)) return { data: content };
      const at = end;
      outer.push({ at, content });
      end = alignedTo(at + content.byteLength);
      return { offset: BigInt(at), size: BigInt(content.byteLength) };
    });
    const plan = planFlatbuffer(
      { ...file, metadata, buffers: [{}, ...entries, { data: marker }] },
      modelTable,
      fileIdentifier,
    );
    return { plan, outer, end };
  };
  const { plan, outer, end } = layOut(layOut(alignment).plan.byteLength); // sizes of 64-bit fields do not depend on values
  function* pieces(): Generator<Uint8Array> {
    yield* flatbufferPieces(plan);
    let at = plan.byteLength;
    for (const { at: start, content } of outer) {
      if (start > at) yield new Uint8Array(start - at);
      yield content.bytes();
      at = start + content.byteLength;
    }
    yield new Uint8Array(end + endingBytes - at);
  }
  return writtenFile(end + endingBytes, pieces);
}
const outside = new TextEncoder().encode("outside flatbuffers");

function encodableModel(model: Model, facts: FileFacts, buffers: SharedBuffers): EncodableModel {
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
  return {
    version: schemaVersion,
    operatorCodes: codes.codes,
    subgraphs,
    description: model.description,
    ...(metadata.length > 0 ? { metadata } : {}),
    ...(signatureDefs.length > 0 ? { signatureDefs } : {}),
  };
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
    tensors: [...graph.tensors.values()].map((tensor) => encodableTensor(tensor, buffers, placed)),
    inputs: graph.inputs.map(placed),
    outputs: graph.outputs.map(placed),
    operators: graph.nodes.map((node) => ({
      opcodeIndex: codes.indexOf(node),
      inputs: node.inputs.map((id) => (id === null ? -1 : placed(id))),
      outputs: node.outputs.map(placed),
      ...(node.intermediates ? { intermediates: node.intermediates.map(placed) } : {}),
      ...changedOperands(graph, node),
      ...encodableOptions(node),
    })),
    name: graph.name,
  };
}

/** State that a node carries from run to run is marked, as TensorFlow's converter does. */
function changedOperands(graph: Graph, node: Node): Pick<EncodableOperator, "mutatingVariableInputs"> {
  const marks = node.inputs.map((id) => id !== null && graph.tensors.get(id)?.variable === true);
  return marks.includes(true) ? { mutatingVariableInputs: marks } : {};
}

function encodableTensor(
  { name, dtype, shape, constant, quantization, variable }: Tensor,
  buffers: SharedBuffers,
  placed: (id: TensorId) => number,
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
            ...blockwise(quantization, placed),
          },
        }
      : {}),
  };
}

/** Scales of blocks are a tensor of the file; without zero points. */
function blockwise({ blocks }: Quantization, placed: (id: TensorId) => number) {
  if (!blocks) return {};
  const value = { scales: placed(blocks.scales), zeroPoints: -1, blockSize: blocks.size };
  return { details: { type: "BlockwiseQuantization" as const, value } };
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
