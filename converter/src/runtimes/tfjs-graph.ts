/**
 * TensorFlow graphs (GraphModels; GraphDefs as JSON) by tfjs-converter itself, from memory.
 * A model runs on exactly the arrays it is given: the first axis is cut into batches only where the model fixes its size.
 * Ends are named by the signature's keys in its order, or by their nodes where there is none.
 */
import type { NdArray } from "@flotilla/protocol/nd-array";
import type * as Converter from "@tensorflow/tfjs-converter";
import type * as Core from "@tensorflow/tfjs-core";
import { checkInput, joinRows, misfit, sliceRows } from "./source-batches.ts";
import type { SourceModel, SourceRuntime, SourceTensor } from "./source-runtime.ts";
import { inTurn, loadEngine, TfjsBackend, tfjsCannot, tfjsVersion, wasmBuild } from "./tfjs-engine.ts";
import { registerExactOperators } from "./tfjs-operators.ts";

/** One input or output of a signature, as in model.json. */
export interface GraphEnd {
  /** Tensor: `node` or `node:0`. */
  readonly name: string;
  /** e.g. "DT_FLOAT" */
  readonly dtype?: string;
  readonly tensorShape?: { readonly dim?: readonly { readonly size: string | number }[] };
}

/** As model.json has it, with its weights in memory. */
export interface GraphSource {
  /** GraphDef: `{node, library?, versions}`; values of Const nodes are weights by the node's name. */
  readonly modelTopology: Readonly<Record<string, unknown>>;
  /** Without one, inputs are the placeholders and outputs the nodes that nothing uses. */
  readonly signature?: {
    readonly inputs?: Readonly<Record<string, GraphEnd>>;
    readonly outputs?: Readonly<Record<string, GraphEnd>>;
  };
  readonly weightSpecs: readonly object[];
  /** Shards in order; together they are the weight data. */
  readonly weightData: readonly ArrayBuffer[];
}

const owner = "tfjs-converter";

export function createTfjsGraphRuntime(): SourceRuntime<GraphSource> {
  return {
    name: owner,
    version: tfjsVersion("@tensorflow/tfjs-converter"),
    build: wasmBuild,
    async load(source) {
      const [core, converter] = await Promise.all([loadEngine(), import("@tensorflow/tfjs-converter")]);
      registerExactOperators(core, converter);
      const backend = new TfjsBackend(core, owner);
      const model = await backend.run("cannot load the model", () => loadModel(converter, source));
      return new TfjsGraphModel(core, backend, model, source);
    },
  };
}

async function loadModel(converter: typeof Converter, source: GraphSource): Promise<Converter.GraphModel> {
  const { modelTopology, signature, weightSpecs, weightData } = source;
  return converter.loadGraphModel({
    load: () =>
      Promise.resolve({
        modelTopology,
        ...(signature ? { signature } : {}),
        weightSpecs: weightSpecs as Core.io.WeightsManifestEntry[], // checked by the reader that made them
        weightData: [...weightData],
      }),
  });
}

class TfjsGraphModel implements SourceModel {
  readonly inputs: readonly SourceTensor[];
  readonly outputs: readonly SourceTensor[];
  readonly #core: typeof Core;
  readonly #backend: TfjsBackend;
  readonly #model: Converter.GraphModel;
  /** What `execute` is asked for: a tensor of the graph each. */
  readonly #feeds: readonly string[];
  readonly #fetches: readonly string[];
  #dynamic = false;
  #closed = false;

  constructor(core: typeof Core, backend: TfjsBackend, model: Converter.GraphModel, { signature }: GraphSource) {
    this.#core = core;
    this.#backend = backend;
    this.#model = model;
    const inputs = endsOf(signature?.inputs, model.inputs);
    const outputs = endsOf(signature?.outputs, model.outputs);
    this.inputs = inputs.map(({ end }) => end);
    this.outputs = outputs.map(({ end }) => end);
    this.#feeds = inputs.map(({ tensor }) => tensor);
    this.#fetches = outputs.map(({ tensor }) => tensor);
  }

  get build(): string {
    return this.#backend.build;
  }

  async run(inputs: ReadonlyMap<string, NdArray>): Promise<ReadonlyMap<string, NdArray>> {
    if (this.#closed) throw tfjsCannot(owner, "cannot run a model that is closed");
    const batch = this.#fixedBatch();
    const arrays = this.inputs.map((tensor) =>
      checkInput(owner, tensor, inputs.get(tensor.name), { anyBatch: batch !== null }),
    );
    if (batch === null) return this.#named(await this.#runOnce(arrays));
    const rows = arrays[0]?.shape[0] ?? 0;
    if (arrays.some(({ shape }) => shape[0] !== rows)) throw misfit(owner, "inputs have different numbers of samples");
    if (rows % batch !== 0) throw misfit(owner, `samples must come by ${batch}, found ${rows}`);
    const parts: (readonly NdArray[])[] = [];
    for (let start = 0; start < rows; start += batch) {
      parts.push(await this.#runOnce(arrays.map((array) => sliceRows(array, start, start + batch))));
    }
    return this.#named(
      this.outputs.map((_, at) =>
        joinRows(
          owner,
          parts.flatMap((part) => part[at] ?? []),
        ),
      ),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void inTurn(async () => this.#model.dispose());
  }

  #named(results: readonly NdArray[]): ReadonlyMap<string, NdArray> {
    return new Map(this.outputs.flatMap(({ name }, at) => (results[at] ? [[name, results[at]]] : [])));
  }

  /** The first axis where all inputs have one and the model fixes it to one size; null where it is to be left alone. */
  #fixedBatch(): number | null {
    const [batch = -1, ...others] = this.inputs.map(({ shape }) => shape[0] ?? -1);
    return batch > 0 && others.every((other) => other === batch) ? batch : null;
  }

  #runOnce(arrays: readonly NdArray[]): Promise<readonly NdArray[]> {
    return this.#backend.run("cannot run the model", async () => {
      const engine = this.#core.engine();
      engine.startScope();
      try {
        const feeds = Object.fromEntries(arrays.map((array, at) => [this.#feeds[at] ?? "", this.#asTensor(array)]));
        const results = await this.#execute(feeds);
        return results.map((tensor) => this.#asArray(tensor));
      } finally {
        engine.endScope();
      }
    });
  }

  /** In one go, or step by step where the sizes of something show only on the way (Where, NonMaxSuppression). */
  async #execute(feeds: Core.NamedTensorMap): Promise<Core.Tensor[]> {
    const fetches = [...this.#fetches];
    if (!this.#dynamic) {
      try {
        return asList(this.#model.execute(feeds, fetches));
      } catch (thrown) {
        if (!(thrown instanceof Error && thrown.message.includes("executeAsync"))) throw thrown;
        this.#dynamic = true;
      }
    }
    return asList(await this.#model.executeAsync(feeds, fetches));
  }

  #asTensor({ data, shape, dtype }: NdArray): Core.Tensor {
    const values = dtype === "float32" ? Float32Array.from(data as Float32Array) : Int32Array.from(data as Int32Array); // dtypes are those of `endsOf`
    if (dtype !== "bool") return this.#core.tensor(values, [...shape], dtype === "float32" ? "float32" : "int32");
    return this.#core.tensor(Uint8Array.from(values), [...shape], "bool");
  }

  /** A copy: a backend may hand out a view of its own memory. */
  #asArray(tensor: Core.Tensor): NdArray {
    const { shape, dtype } = tensor;
    if (dtype === "int32") return { dtype, shape, data: Int32Array.from(tensor.dataSync<"int32">()) };
    if (dtype === "bool") return { dtype, shape, data: Uint8Array.from(tensor.dataSync<"bool">()) };
    return { dtype: "float32", shape, data: this.#core.cast(tensor, "float32").dataSync<"float32">().slice() };
  }
}

const asList = (results: Core.Tensor | Core.Tensor[]): Core.Tensor[] => (Array.isArray(results) ? results : [results]);

/** Integers of any width are int32 in tfjs. */
const integerTypes = new Set(["int32", "DT_INT32", "DT_INT64", "DT_INT16", "DT_INT8", "DT_UINT8"]);

function endsOf(
  signed: Readonly<Record<string, GraphEnd>> | undefined,
  found: Converter.GraphModel["inputs"],
): { readonly tensor: string; readonly end: SourceTensor }[] {
  const entries = Object.entries(signed ?? {});
  if (entries.length === 0) {
    return found.map(({ name, shape, dtype }) => ({ tensor: name, end: describe(name, dtype, shape) }));
  }
  return entries.map(([name, { name: tensor, dtype, tensorShape }]) => ({
    tensor,
    end: describe(
      name,
      dtype,
      tensorShape?.dim?.map(({ size }) => Number(size)),
    ),
  }));
}

function describe(name: string, dtype: string | undefined, shape: readonly number[] | undefined): SourceTensor {
  const type = dtype === "bool" || dtype === "DT_BOOL" ? "bool" : integerTypes.has(dtype ?? "") ? "int32" : "float32";
  return { name, dtype: type, shape: shape ?? [] };
}
