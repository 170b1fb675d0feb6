/**
 * The structural verifier: every offset, index, shape and size of a `.tflite` file is checked before a runtime sees it,
 * in time and memory bounded by the file's size. What a kernel checks of its own operands is left to the kernel.
 * Sources: LiteRT `schema.fbs`, `core/tools/verifier.cc`, `core/interpreter_builder.cc`; each check names its rule.
 */
import { FlotillaError } from "../errors.ts";
import { type DecodeLimits, decodeLimits } from "../flatbuffer/bounded-view.ts";
import { decodeFlatbuffer } from "../flatbuffer/decode-flatbuffer.ts";
import { memoryAccess, type RandomAccess } from "../random-access.ts";
import { at, corrupt } from "./corrupt.ts";
import { type FileGraph, type FileModel, fileIdentifier, modelTable, schemaVersion } from "./schema.ts";
import { type OperatorFacts, operatorFacts, verifyOperatorCodes, verifyOperators } from "./verify-operators.ts";
import { type BufferBytes, type TensorFacts, verifyTensor } from "./verify-tensor.ts";

/** What a file may ask of a device; all of them are counts or bytes. */
export interface TfliteLimits {
  readonly decode: DecodeLimits;
  readonly graphs: number;
  readonly axes: number;
  /** Of one tensor, dynamic sizes counted as 1. */
  readonly tensorBytes: number;
}
/** Eight axes are the most that kernels know; 4 GiB is more than a WASM heap or a phone gives one tensor. */
export const tfliteLimits: TfliteLimits = {
  decode: decodeLimits,
  graphs: 256,
  axes: 8,
  tensorBytes: 2 ** 32,
};

export interface TfliteEnd {
  readonly name: string;
  /** A name of `TensorType`, e.g. "FLOAT32". */
  readonly type: TensorFacts["type"];
  /** -1 is a dynamic size. */
  readonly shape: readonly number[];
}

/** What a sound file says of itself. */
export interface TfliteFacts {
  readonly operators: readonly OperatorFacts[];
  readonly graphs: number;
  readonly tensors: number;
  readonly constantBytes: number;
  readonly largestTensorBytes: number;
  readonly inputs: readonly TfliteEnd[];
  readonly outputs: readonly TfliteEnd[];
  readonly signatures: readonly string[];
}

/**
 * Asserts that a file is sound; gives what it says of itself.
 * @throws FORMAT_UNRECOGNIZED, FORMAT_TRUNCATED, FORMAT_CORRUPT, FORMAT_LIMIT, UNSUPPORTED_FORMAT
 */
export function verifyTflite(file: Uint8Array | RandomAccess, limits: TfliteLimits = tfliteLimits): TfliteFacts {
  const access = file instanceof Uint8Array ? memoryAccess(file) : file;
  const model = decodeFlatbuffer(file, modelTable, fileIdentifier, limits.decode);
  if (model.version !== schemaVersion)
    throw new FlotillaError("UNSUPPORTED_FORMAT", `The schema version is ${model.version}, not ${schemaVersion}.`, {
      details: { path: "Model.version", found: model.version, expected: schemaVersion },
    });
  if (model.subgraphs.length === 0) throw corrupt("Model.subgraphs", "a model without graphs");
  if (model.subgraphs.length > limits.graphs)
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `The file has ${model.subgraphs.length} graphs, ${limits.graphs} at most.`,
      {
        details: { found: model.subgraphs.length, limit: limits.graphs },
      },
    );
  const buffers = verifyBuffers(access, model);
  verifyOperatorCodes(model);
  const tensors = model.subgraphs.map((graph, i) => verifyTensors(graph, buffers, limits, `Model.subgraphs[${i}]`));
  verifyOperators(model, tensors, access.byteLength);
  verifySignatures(model);
  for (const [i, { buffer }] of model.metadata.entries()) at(model.buffers, buffer, `Model.metadata[${i}]`, "buffer");
  for (const [i, buffer] of model.metadataBuffer.entries())
    at(model.buffers, buffer, `Model.metadataBuffer[${i}]`, "buffer");
  const [main] = model.subgraphs;
  const ends = (ids: readonly number[]): TfliteEnd[] =>
    ids.map((id) => {
      const { name = "", type = "FLOAT32", shape = [] } = tensors[0]?.[id] ?? {};
      return { name, type, shape };
    });
  const all = tensors.flat();
  return {
    operators: operatorFacts(model),
    graphs: model.subgraphs.length,
    tensors: all.length,
    constantBytes: buffers.reduce((sum, { byteLength }) => sum + byteLength, 0),
    largestTensorBytes: all.reduce((most, { bytes }) => Math.max(most, bytes), 0),
    inputs: ends(main?.inputs ?? []),
    outputs: ends(main?.outputs ?? []),
    signatures: model.signatureDefs.map(({ signatureKey }) => signatureKey),
  };
}

/** Buffer 0 is empty (schema.fbs); a buffer is in the flatbuffer or behind it, never both, and all there. */
function verifyBuffers(file: RandomAccess, model: FileModel): readonly BufferBytes[] {
  if (model.externalBuffers.length > 0)
    throw new FlotillaError("UNSUPPORTED_FORMAT", "The file has values in other files.", {
      details: { path: "Model.externalBuffers" },
    });
  return model.buffers.map(({ data, offset, size }, i) => {
    const path = `Model.buffers[${i}]`;
    if (offset <= 1n) {
      if (i === 0 && data.byteLength > 0) throw corrupt(path, "buffer 0 has content");
      return data;
    }
    if (data.byteLength > 0) throw corrupt(path, "content inside the flatbuffer and behind it");
    if (offset + size > BigInt(file.byteLength))
      throw new FlotillaError("FORMAT_TRUNCATED", `${path}: ${size} bytes from ${offset} on reach beyond the end.`, {
        details: { path, offset: String(offset), bytes: String(size), fileBytes: file.byteLength },
      });
    const [start, length] = [Number(offset), Number(size)];
    return { byteLength: length, bytes: () => file.read(start, length) };
  });
}

/** Tensors, and the lists of a graph's ends: indices exist, an input is no constant and not listed twice. */
function verifyTensors(
  graph: FileGraph,
  buffers: readonly BufferBytes[],
  limits: TfliteLimits,
  path: string,
): readonly TensorFacts[] {
  const tensors = graph.tensors.map((tensor, i) =>
    verifyTensor(tensor, graph.tensors.length, buffers, limits, `${path}.tensors[${i}]`),
  );
  for (const [list, ids] of [
    ["inputs", graph.inputs],
    ["outputs", graph.outputs],
  ] as const)
    for (const [i, id] of ids.entries()) at(tensors, id, `${path}.${list}[${i}]`, "tensor");
  if (new Set(graph.inputs).size !== graph.inputs.length) throw corrupt(`${path}.inputs`, "an input is listed twice");
  for (const id of graph.inputs)
    if (tensors[id]?.constant) throw corrupt(`${path}.inputs`, `the input "${tensors[id]?.name}" is a constant`);
  return tensors;
}

/** `signature_runner.cc`: names lead to ends of their graph; keys and names are there once. */
function verifySignatures({ signatureDefs, subgraphs }: FileModel): void {
  const keys = new Set<string>();
  for (const [i, { signatureKey, subgraphIndex, inputs, outputs }] of signatureDefs.entries()) {
    const path = `Model.signatureDefs[${i}]`;
    const graph = at(subgraphs, subgraphIndex, path, "graph");
    if (keys.has(signatureKey)) throw corrupt(path, `the signature "${signatureKey}" is there twice`);
    keys.add(signatureKey);
    for (const [ends, ids, what] of [
      [inputs, graph.inputs, "input"],
      [outputs, graph.outputs, "output"],
    ] as const) {
      const own = new Set(ids);
      const names = new Set<string>();
      for (const { name, tensorIndex } of ends) {
        if (!own.has(tensorIndex)) throw corrupt(path, `"${name}" is no ${what} of graph ${subgraphIndex}`);
        if (names.has(name)) throw corrupt(path, `the ${what} "${name}" is there twice`);
        names.add(name);
      }
    }
  }
}
