/**
 * A TFJS GraphModel: model.json and its shards → a TensorFlow graph whose constants are the weights, and its signature.
 * Rules: tfjs-converter `executor/graph_model.ts` (loadWithWeightMap), `operations/operation_mapper.ts` (transformGraph);
 * weights as in LayersModels.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject } from "@flotilla/protocol/json-value";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { FileSource } from "../file-source.ts";
import { jsonLimits, readGroups, type Weight, weightsOf, wholeBuffer } from "../tfjs-layers/container.ts";
import { JsonFields } from "../tfjs-layers/json-fields.ts";
import { decodeWeightsManifest } from "../tfjs-layers/weight-spec.ts";
import { buildGraph } from "./build-graph.ts";
import { parseRef, type TfGraph, type TfTensor } from "./graph.ts";
import { decodeJsonGraph, decodeShape } from "./json-graph.ts";
import type { GraphEnd } from "./lower-graph.ts";

export interface TfjsGraphContainer {
  readonly label: string;
  readonly graph: TfGraph;
  /** In the file's order; empty where the model has no signature. */
  readonly inputs: readonly GraphEnd[];
  readonly outputs: readonly GraphEnd[];
  /** As tfjs-converter's own loader takes them (tfjs-core `io.ModelArtifacts`). */
  artifacts(): GraphArtifacts;
}

export interface GraphArtifacts {
  readonly modelTopology: JsonObject;
  readonly weightSpecs: readonly JsonObject[];
  /** Shards in order; together they are the weight data. */
  readonly weightData: readonly ArrayBuffer[];
}

/**
 * @throws IO_NOT_FOUND, FORMAT_JSON, FORMAT_UNRECOGNIZED, UNSUPPORTED_FORMAT (another format, an initializer), FORMAT_LIMIT,
 *   FORMAT_CORRUPT, FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH
 */
export async function openTfjsGraph(source: FileSource, entry = "model.json"): Promise<TfjsGraphContainer> {
  const fields = JsonFields.of(parseStrictJson(await source.read(entry), jsonLimits), entry);
  const label = `${source.label}/${entry}`;
  const format = fields.string("format", "graph-model");
  if (format !== "graph-model") {
    throw new FlotillaError("UNSUPPORTED_FORMAT", `${label} is a TFJS ${format}, not a graph-model.`, {
      details: { format, supported: ["graph-model"] },
    });
  }
  if (!fields.has("modelTopology")) {
    throw new FlotillaError("FORMAT_UNRECOGNIZED", `${label} has no modelTopology.`);
  }
  refuseInitializer(fields, label);
  const topology = fields.object("modelTopology");
  const groups = decodeWeightsManifest(fields.list("weightsManifest"), `${entry}.weightsManifest`);
  const stored = await readGroups(source, groups);
  const weights = weightsOf(stored.weights);
  const graph = buildGraph(decodeJsonGraph(topology, (name) => tensorOf(weights.get(name))));
  const signature = signatureOf(fields);
  return {
    label,
    graph,
    inputs: decodeEnds(signature, "inputs"),
    outputs: decodeEnds(signature, "outputs"),
    artifacts: () => ({
      modelTopology: topology.value,
      weightSpecs: groups.flatMap((group) => group.weights.map(({ json }) => json)),
      weightData: stored.shards.map((shard) => wholeBuffer(shard.read(0, shard.byteLength))),
    }),
  };
}

const types = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL" } as const;

const tensorOf = (weight: Weight | undefined): TfTensor | undefined =>
  weight && { type: types[weight.dtype], shape: weight.shape, constant: weight };

/** That of the metadata wins, as in tfjs. */
function signatureOf(fields: JsonFields): JsonFields | undefined {
  if (fields.has("userDefinedMetadata")) {
    const metadata = fields.object("userDefinedMetadata");
    if (metadata.has("signature")) return metadata.object("signature");
  }
  return fields.has("signature") ? fields.object("signature") : undefined;
}

function decodeEnds(signature: JsonFields | undefined, key: "inputs" | "outputs"): GraphEnd[] {
  if (!signature?.has(key)) return [];
  const ends = signature.object(key);
  return Object.entries(ends.value).map(([name, value]) => {
    const end = JsonFields.of(value, `${ends.path}.${name}`);
    const shape = end.get("tensorShape");
    return {
      name,
      output: parseRef(end.string("name")),
      ...(end.has("dtype") ? { type: end.string("dtype") } : {}),
      ...(shape === undefined ? {} : { shape: decodeShape(shape, `${end.path}.tensorShape`) }),
    };
  });
}

/** Initializers fill lookup tables, which nothing here has. */
function refuseInitializer(fields: JsonFields, label: string): void {
  if (!fields.has("modelInitializer")) return;
  const initializer = fields.object("modelInitializer");
  const nodes = initializer.has("node") ? initializer.list("node") : [];
  const working = nodes.filter((node) => JsonFields.of(node, initializer.path).string("op") !== "NoOp");
  if (working.length === 0) return;
  throw new FlotillaError("UNSUPPORTED_FORMAT", `${label} has a modelInitializer, which is not run here.`, {
    details: { nodes: working.length },
  });
}
