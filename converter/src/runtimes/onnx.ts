/**
 * ONNX models by onnxruntime-web, single-threaded WebAssembly, in Node as in browsers. Integers of 64 bits go in and come
 * out as int32, floats of other widths as float32: as the reader has them. Sessions hold memory until they are released.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayDType, NdArray } from "@flotilla/protocol/nd-array";
import type * as Ort from "onnxruntime-web";
import { bytesOf, decodeFloat16 } from "../ir/values.ts";
import { checkInput } from "./source-batches.ts";
import type { SourceModel, SourceRuntime, SourceTensor } from "./source-runtime.ts";

export interface OnnxSource {
  /** The model's file. */
  readonly bytes: Uint8Array;
  /** Files of external data by the paths that the model names them by. */
  readonly external: readonly { readonly path: string; readonly bytes: Uint8Array }[];
}

const owner = "onnxruntime-web";
const wasmBuild = "wasm-simd";

export function createOnnxRuntime(): SourceRuntime<OnnxSource> {
  return {
    name: owner,
    version: "1.22.0",
    build: wasmBuild,
    async load({ bytes, external }) {
      const ort = await import("onnxruntime-web");
      ort.env.wasm.numThreads = 1;
      ort.env.logLevel = "error";
      const session = await tried("cannot load the model", () =>
        ort.InferenceSession.create(bytes, {
          executionProviders: ["wasm"],
          logSeverityLevel: 3,
          // The model as it stands: optimised, 1.22 takes the zeros of a Pad before MaxPool for its own, which are -inf.
          graphOptimizationLevel: "disabled",
          ...(external.length === 0
            ? {}
            : { externalData: external.map((file) => ({ path: file.path, data: file.bytes })) }),
        }),
      );
      return new OnnxModel(ort, session);
    },
  };
}

class OnnxModel implements SourceModel {
  readonly inputs: readonly SourceTensor[];
  readonly outputs: readonly SourceTensor[];
  readonly build = wasmBuild;
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #types: ReadonlyMap<string, Ort.Tensor.Type>;
  #closed = false;

  constructor(ort: typeof Ort, session: Ort.InferenceSession) {
    this.#ort = ort;
    this.#session = session;
    this.inputs = session.inputMetadata.map(describe);
    this.outputs = session.outputMetadata.map(describe);
    this.#types = new Map(session.inputMetadata.flatMap((one) => (one.isTensor ? [[one.name, one.type]] : [])));
  }

  async run(inputs: ReadonlyMap<string, NdArray>): Promise<ReadonlyMap<string, NdArray>> {
    if (this.#closed) throw cannot("cannot run a model that is closed");
    const feeds = Object.fromEntries(
      this.inputs.map((tensor) => {
        const array = checkInput(owner, tensor, inputs.get(tensor.name), { anyBatch: false });
        return [tensor.name, this.#tensorOf(this.#types.get(tensor.name) ?? "float32", array)];
      }),
    );
    const results = await tried("cannot run the model", () => this.#session.run(feeds));
    return new Map(
      this.outputs.map(({ name }) => {
        const result = results[name];
        if (!result) throw cannot(`gives no output "${name}"`);
        const array = arrayOf(result);
        result.dispose();
        return [name, array];
      }),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#session.release();
  }

  #tensorOf(type: Ort.Tensor.Type, { data, shape }: NdArray): Ort.Tensor {
    const { Tensor } = this.#ort;
    const dims = [...shape];
    const numbers = Array.from(data, Number);
    switch (type) {
      case "int64":
        return new Tensor("int64", BigInt64Array.from(numbers, BigInt), dims);
      case "uint64":
        return new Tensor("uint64", BigUint64Array.from(numbers, BigInt), dims);
      case "float64":
        return new Tensor("float64", Float64Array.from(numbers), dims);
      case "float16": {
        const half = bytesOf("float16", numbers);
        return new Tensor("float16", new Uint16Array(half.buffer, half.byteOffset, numbers.length), dims);
      }
      case "int32":
        return new Tensor("int32", Int32Array.from(numbers), dims);
      case "uint32":
        return new Tensor("uint32", Uint32Array.from(numbers), dims);
      case "int16":
        return new Tensor("int16", Int16Array.from(numbers), dims);
      case "uint16":
        return new Tensor("uint16", Uint16Array.from(numbers), dims);
      case "int8":
        return new Tensor("int8", Int8Array.from(numbers), dims);
      case "uint8":
        return new Tensor("uint8", Uint8Array.from(numbers), dims);
      case "bool":
        return new Tensor("bool", Uint8Array.from(numbers), dims);
      case "float32":
        return new Tensor("float32", Float32Array.from(numbers), dims);
      default:
        throw cannot(`has an input of ${type}`);
    }
  }
}

/** What the reader has in place of an element type of ONNX. */
function dtypeOf(type: Ort.Tensor.Type): ArrayDType {
  switch (type) {
    case "float32":
    case "float64":
    case "float16":
      return "float32";
    case "bool":
    case "int8":
    case "uint8":
      return type;
    default:
      return "int32";
  }
}

function describe(metadata: Ort.InferenceSession.ValueMetadata): SourceTensor {
  if (!metadata.isTensor) return { name: metadata.name, dtype: "float32", shape: [] };
  const { name, type, shape } = metadata;
  return { name, dtype: dtypeOf(type), shape: shape.map((size) => (typeof size === "number" && size > 0 ? size : -1)) };
}

function arrayOf(tensor: Ort.Tensor): NdArray {
  const shape = [...tensor.dims];
  const { data, type } = tensor;
  if (type === "string" || !ArrayBuffer.isView(data)) throw cannot(`gives an output of ${type}`);
  const dtype = dtypeOf(type);
  if (type === "float16") {
    const halves = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { dtype, shape, data: decodeFloat16(halves) };
  }
  const numbers = Array.from(data as ArrayLike<number | bigint>, Number); // not text, see above
  if (dtype === "float32") return { dtype, shape, data: Float32Array.from(numbers) };
  if (dtype === "int32") return { dtype, shape, data: Int32Array.from(numbers, clamp32) };
  if (dtype === "int8") return { dtype, shape, data: Int8Array.from(numbers) };
  return { dtype, shape, data: Uint8Array.from(numbers) };
}

const clamp32 = (value: number): number => Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), value));

async function tried<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cannot(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

const cannot = (problem: string, cause?: unknown): FlotillaError =>
  new FlotillaError("UNSUPPORTED_RUNTIME", `${owner} ${problem}.`, cause === undefined ? {} : { cause });
