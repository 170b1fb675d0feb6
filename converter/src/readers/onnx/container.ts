/**
 * An ONNX file, opened: its graph decoded, its functions, its operator sets, and the files that its external data lies in.
 * Source: `onnx.proto3` and ONNX's ExternalData.md. Paths come out of the file and are checked before anything is opened.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { decodeMessage } from "../../codecs/protobuf/message.ts";
import { checkRelativePath, type FileSource } from "../file-source.ts";
import { type GraphProto, modelProto, type NodeProto, type TensorProto } from "./schema.ts";
import { decodeFunction, decodeGraph, domainOf, type OnnxFunction, type OnnxGraph } from "./source-graph.ts";
import { externalRange } from "./tensor.ts";

export interface OnnxContainer {
  readonly label: string;
  readonly graph: OnnxGraph;
  /** Version by domain; "" is ONNX's own. */
  readonly operatorSets: ReadonlyMap<string, number>;
  /** Of the model itself, by {@link functionKey}. */
  readonly functions: ReadonlyMap<string, OnnxFunction>;
  /** The file as it is, for the runtime that proves against it. */
  readonly file: RandomAccess;
  readonly external: ReadonlyMap<string, RandomAccess>;
}

export const functionKey = (domain: string, operator: string): string => `${domain}\n${operator}`;

/**
 * Opens the file `entry` of `source`.
 * @throws IO_NOT_FOUND, IO_FAILED, FORMAT_CORRUPT, FORMAT_LIMIT, FORMAT_TRUNCATED, FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH
 */
export async function openOnnx(source: FileSource, entry: string): Promise<OnnxContainer> {
  const file = await source.open(entry);
  const label = `${source.label}/${entry}`;
  const model = decodeMessage(modelProto, file);
  if (!model.graph) throw new FlotillaError("FORMAT_CORRUPT", `${label}: the model has no graph.`);
  const external = await openExternal(source, label, [
    ...tensorsOf(model.graph.nodes, model.graph),
    ...model.functions.flatMap(({ nodes }) => tensorsOf(nodes)),
  ]);
  const context = { external, label };
  const operatorSets = new Map(model.operatorSets.map(({ domain, version }) => [domainOf(domain), Number(version)]));
  return {
    label,
    file,
    external,
    operatorSets,
    graph: decodeGraph(model.graph, context),
    functions: new Map(
      model.functions.map((one) => [functionKey(domainOf(one.domain), one.name), decodeFunction(one, context)]),
    ),
  };
}

/** All tensors of a graph, those of subgraphs included. Depth is bounded by the decoder. */
function tensorsOf(nodes: readonly NodeProto[], graph?: GraphProto): TensorProto[] {
  const own = graph?.initializers ?? [];
  const inside = nodes.flatMap(({ attributes }) =>
    attributes.flatMap(({ t, g }) => [...(t ? [t] : []), ...(g ? tensorsOf(g.nodes, g) : [])]),
  );
  return [...own, ...inside];
}

async function openExternal(
  source: FileSource,
  label: string,
  tensors: readonly TensorProto[],
): Promise<ReadonlyMap<string, RandomAccess>> {
  const files = new Map<string, RandomAccess>();
  for (const tensor of tensors) {
    if (tensor.dataLocation !== 1) continue;
    const where = `${label}: tensor "${tensor.name}"`;
    const { path } = externalRange(tensor, where);
    if (files.has(path)) continue;
    checkRelativePath(path, where);
    if ((await source.size(path)) === undefined) {
      throw new FlotillaError("FORMAT_WEIGHTS_MISSING", `${where} lies in "${path}", which is not there.`, {
        details: { path },
      });
    }
    files.set(path, await source.open(path));
  }
  return files;
}
