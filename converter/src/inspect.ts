/** What `flotilla inspect` shows of a model, without running it: formats, operators, tensors, sizes, signatures, needs. */
import { stat } from "node:fs/promises";
import type { FileFacts } from "./convert-result.ts";
import { fileFacts, parametersOf } from "./file-facts.ts";
import { printModel } from "./ir/print.ts";
import { type OpenSourceOptions, openSource, type SourceFormat } from "./open-source.ts";
import { runPasses } from "./passes/pipeline.ts";

export interface Inspection extends FileFacts {
  readonly path: string;
  readonly format: string;
  readonly sha256: string;
  /** Of the file; null where the model is several files. */
  readonly bytes: number | null;
  readonly parameters: number;
  readonly description: string;
  readonly signatures: readonly {
    readonly key: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
  }[];
  /** Of a SavedModel: signatures beside the one that is shown; `--signature` takes another. */
  readonly otherSignatures: readonly string[];
  /** Constants by dtype: how many, and their bytes. */
  readonly constants: Readonly<Record<string, { readonly count: number; readonly bytes: number }>>;
  readonly metadata: readonly { readonly name: string; readonly bytes: number }[];
  /** The graph, printed: one line a tensor, in the order of computation. */
  readonly graph: string;
}

/** Formats whose models never lie in several files. */
const oneFile: readonly SourceFormat[] = ["tflite", "keras-h5", "keras-v3", "frozen-graph"];

/**
 * A `.tflite` is shown as it is; a model of another format as the float graph that would be written for it.
 * @throws IO_NOT_FOUND, IO_FAILED, FORMAT_*, UNSUPPORTED_*
 */
export async function inspect(path: string, options: OpenSourceOptions = {}): Promise<Inspection> {
  const source = await openSource(path, options);
  const model = source.format === "tflite" ? source.model : runPasses(source.model);
  const found = await stat(path);
  const constants = new Map<string, { count: number; bytes: number }>();
  for (const graph of model.graphs) {
    for (const { constant, dtype } of graph.tensors.values()) {
      if (!constant) continue;
      const known = constants.get(dtype) ?? { count: 0, bytes: 0 };
      constants.set(dtype, { count: known.count + 1, bytes: known.bytes + constant.byteLength });
    }
  }
  return {
    path,
    format: source.format,
    sha256: source.sha256,
    bytes: oneFile.includes(source.format) && found.isFile() ? found.size : null,
    parameters: parametersOf(source.model),
    description: model.description,
    signatures: model.signatures.map(({ key, inputs, outputs }) => ({
      key,
      inputs: inputs.map(({ name }) => name),
      outputs: outputs.map(({ name }) => name),
    })),
    otherSignatures: source.otherSignatures ?? [],
    constants: Object.fromEntries([...constants].sort(([a], [b]) => (a < b ? -1 : 1))),
    metadata: model.metadata.map(({ name, bytes }) => ({ name, bytes: bytes.byteLength })),
    ...fileFacts(model),
    graph: printModel(model),
  };
}
