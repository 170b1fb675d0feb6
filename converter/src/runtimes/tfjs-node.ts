/**
 * TensorFlow itself, through `@tensorflow/tfjs-node` where it is installed (scripts/build-tfjs-node.sh): runs SavedModels
 * as TensorFlow does, every operator of theirs included. Found at run time only: nothing depends on it.
 */
import { createRequire } from "node:module";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { ArrayDType, NdArray } from "@flotilla/protocol/nd-array";
import { checkInput } from "./source-batches.ts";
import type { SourceModel, SourceRuntime, SourceTensor } from "./source-runtime.ts";

/** A SavedModel on disk. */
export interface SavedModelSource {
  readonly folder: string;
  readonly tags: readonly string[];
  readonly signature: string;
}

interface NodeTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  dataSync(): Float32Array | Int32Array | Uint8Array;
  dispose(): void;
}

interface SignatureEnd {
  readonly dtype: string;
  /** Dim messages, their size first. */
  readonly shape?: readonly { readonly array?: readonly number[] }[];
}

/** What is used of the package. */
interface TfjsNode {
  readonly version: Readonly<Record<string, string>>;
  tensor(data: ArrayLike<number>, shape: readonly number[], dtype: string): NodeTensor;
  readonly node: {
    getMetaGraphsFromSavedModel(folder: string): Promise<
      readonly {
        readonly tags: readonly string[];
        readonly signatureDefs: Readonly<
          Record<
            string,
            {
              readonly inputs: Readonly<Record<string, SignatureEnd>>;
              readonly outputs: Readonly<Record<string, SignatureEnd>>;
            }
          >
        >;
      }[]
    >;
    loadSavedModel(
      folder: string,
      tags: readonly string[],
      signature: string,
    ): Promise<{
      predict(inputs: Readonly<Record<string, NodeTensor>>): Readonly<Record<string, NodeTensor>>;
      dispose(): void;
    }>;
  };
}

const owner = "tfjs-node";
const dtypes: Readonly<Record<string, ArrayDType>> = { float32: "float32", int32: "int32", bool: "bool" };

/** The runtime, or undefined where the package or its native library is missing. */
export function findTfjsNode(): SourceRuntime<SavedModelSource> | undefined {
  const tf = requireTfjsNode();
  if (!tf) return undefined;
  return {
    name: owner,
    version: tf.version["tfjs-node"] ?? tf.version.tfjs ?? "?",
    build: "native",
    load: async ({ folder, tags, signature }) => {
      try {
        const graphs = await tf.node.getMetaGraphsFromSavedModel(folder);
        const found = graphs.find((graph) => tags.every((tag) => graph.tags.includes(tag)))?.signatureDefs[signature];
        if (!found) throw cannot(`the SavedModel has no signature "${signature}" for ${tags.join(", ")}`);
        return nativeModel(tf, await tf.node.loadSavedModel(folder, tags, signature), found);
      } catch (cause) {
        throw cannot("cannot load the SavedModel", cause);
      }
    },
  };
}

function nativeModel(
  tf: TfjsNode,
  model: Awaited<ReturnType<TfjsNode["node"]["loadSavedModel"]>>,
  signature: {
    readonly inputs: Readonly<Record<string, SignatureEnd>>;
    readonly outputs: Readonly<Record<string, SignatureEnd>>;
  },
): SourceModel {
  const inputs = Object.entries(signature.inputs).map(([name, end]) => tensorOf(name, end));
  return {
    inputs,
    outputs: Object.entries(signature.outputs).map(([name, end]) => tensorOf(name, end)),
    build: "native",
    run: async (arrays) => {
      const feeds = Object.fromEntries(
        inputs.map((input) => {
          const { data, shape, dtype } = checkInput(
            owner,
            { ...input, shape: anySize(arrays, input) },
            arrays.get(input.name),
            { anyBatch: true },
          );
          if (data instanceof BigInt64Array) throw cannot(`${input.name}: int64 is not taken`);
          return [input.name, tf.tensor(data, shape, dtype)];
        }),
      );
      try {
        const results = model.predict(feeds);
        return new Map(Object.entries(results).map(([name, tensor]) => [name, arrayOf(tensor)]));
      } catch (cause) {
        throw cannot("cannot run the SavedModel", cause);
      } finally {
        for (const tensor of Object.values(feeds)) tensor.dispose();
      }
    },
    close: () => model.dispose(),
  };
}

/** tfjs-node tells sizes in a form of protobuf's; what it does not tell, TensorFlow checks. */
const anySize = (arrays: ReadonlyMap<string, NdArray>, { name }: SourceTensor): readonly number[] =>
  (arrays.get(name)?.shape ?? []).map(() => -1);

const tensorOf = (name: string, { dtype, shape = [] }: SignatureEnd): SourceTensor => ({
  name,
  dtype: dtypes[dtype] ?? "float32",
  shape: shape.map(({ array }) => array?.[0] ?? -1),
});

function arrayOf(tensor: NodeTensor): NdArray {
  const { dtype, shape } = tensor;
  const data = tensor.dataSync();
  tensor.dispose();
  return { dtype: dtypes[dtype] ?? "float32", shape, data };
}

/** The package asks Node for two functions that Node 23 took away. */
function requireTfjsNode(): TfjsNode | undefined {
  const require = createRequire(import.meta.url);
  const legacy: Record<string, unknown> = require("node:util");
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  try {
    const found: TfjsNode = require("@tensorflow/tfjs-node");
    return found;
  } catch {
    return undefined;
  }
}

const cannot = (problem: string, cause?: unknown): FlotillaError =>
  new FlotillaError(
    "UNSUPPORTED_RUNTIME",
    `tfjs-node: ${problem}${cause instanceof Error ? ` (${cause.message})` : ""}.`,
    cause === undefined ? {} : { cause },
  );
