/**
 * model.json and its shards → topology and weights. Sizes are compared before anything is read,
 * and values are computed only when asked for.
 * Rules: tfjs-core `io/types.ts`, `io/weights_loader.ts`: the bytes of a group follow each other without padding and are
 * then cut into shards, so a tensor may span several.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject } from "@flotilla/protocol/json-value";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { FileSource } from "../file-source.ts";
import { dequantize } from "./dequantize.ts";
import { JsonFields } from "./json-fields.ts";
import { keras2Topology, keras2WeightName, layerNames } from "./keras2-form.ts";
import { decodeWeightsManifest, type WeightDType, type WeightGroup, type WeightSpec } from "./weight-spec.ts";

/** A stored weight. `bytes()` gives little-endian values of `dtype`, computed anew on every call. */
export interface Weight {
  readonly name: string;
  readonly dtype: WeightDType;
  readonly shape: readonly number[];
  readonly byteLength: number;
  bytes(): Uint8Array;
}

/** What tfjs-layers' own loader takes (tfjs-core `io.ModelArtifacts`). */
export interface LayersArtifacts {
  /** In Keras 2 form, whatever the file had. */
  readonly modelTopology: JsonObject;
  readonly weightSpecs: readonly JsonObject[];
  /** The shards in order; together they are the weight data. */
  readonly weightData: readonly ArrayBuffer[];
}

export interface TfjsLayersContainer {
  readonly label: string;
  /** In Keras 2 form. */
  readonly modelTopology: JsonObject;
  /** All files that make up the model, in the order of the manifest: the source's digest goes over them. */
  readonly files: readonly string[];
  /** Without the optimizer's state, in the order of the manifest. */
  readonly weights: ReadonlyMap<string, Weight>;
  artifacts(): LayersArtifacts;
}

/** `convertedBy`/`generatedBy` models reach some 50 MB of JSON; nesting stays below a hundred. */
export const jsonLimits = { maxBytes: 256 * 2 ** 20, maxDepth: 256, maxValues: 20_000_000, numbers: "finite" } as const;

/**
 * Opens a LayersModel.
 * @throws IO_NOT_FOUND (no model.json), FORMAT_JSON, FORMAT_UNRECOGNIZED, UNSUPPORTED_FORMAT (a GraphModel), FORMAT_LIMIT,
 *   FORMAT_CORRUPT, FORMAT_WEIGHTS_MISSING (a shard), FORMAT_WEIGHTS_MISMATCH (bytes that are not those of the shapes)
 */
export async function openTfjsLayers(source: FileSource, entry = "model.json"): Promise<TfjsLayersContainer> {
  const json = parseStrictJson(await source.read(entry), jsonLimits);
  const fields = JsonFields.of(json, entry);
  const format = fields.string("format", "layers-model");
  if (format !== "layers-model") {
    throw new FlotillaError("UNSUPPORTED_FORMAT", `${source.label}/${entry} is a TFJS ${format}, not a layers-model.`, {
      details: { format, supported: ["layers-model"] },
    });
  }
  if (!fields.has("modelTopology")) {
    throw new FlotillaError("FORMAT_UNRECOGNIZED", `${source.label}/${entry} has no modelTopology.`);
  }
  const topology = keras2Topology(fields.object("modelTopology").value);
  if (Array.isArray(topology.node)) {
    throw new FlotillaError(
      "UNSUPPORTED_FORMAT",
      `${source.label}/${entry} is a TFJS graph-model, not a layers-model.`,
      {
        details: { format: "graph-model", supported: ["layers-model"] },
      },
    );
  }
  const groups = decodeWeightsManifest(fields.list("weightsManifest"), `${entry}.weightsManifest`);
  const stored = await readGroups(source, groups);
  const weights = weightsOf(stored.weights);
  return {
    label: source.label,
    modelTopology: topology,
    files: [...new Set([entry, ...groups.flatMap(({ paths }) => paths)])],
    weights,
    artifacts: () => ({
      modelTopology: topology,
      weightSpecs: keras2Specs(groups, layerNames(topology)),
      weightData: stored.shards.map((shard) => wholeBuffer(shard.read(0, shard.byteLength))),
    }),
  };
}

/** By name, without the optimizer's state; values are computed when they are asked for. */
export function weightsOf(stored: readonly StoredWeight[]): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const { spec, bytes } of stored) {
    if (spec.optimizer) continue;
    const { name, dtype, shape } = spec;
    const byteLength = spec.elements * (dtype === "bool" ? 1 : 4);
    weights.set(name, { name, dtype, shape, byteLength, bytes: () => dequantize(spec, bytes()) });
  }
  return weights;
}

/** Specs as tfjs finds their layers by; as they are where shortening would give two weights one name. */
function keras2Specs(groups: readonly WeightGroup[], layers: ReadonlySet<string>): JsonObject[] {
  const specs = groups.flatMap((group) => group.weights);
  const names = specs.map(({ name }) => keras2WeightName(name, layers));
  const distinct = new Set(names).size === names.length;
  return specs.map(({ json, name }, index) => ({ ...json, name: distinct ? (names[index] ?? name) : name }));
}

export interface StoredWeight {
  readonly spec: WeightSpec;
  readonly bytes: () => Uint8Array;
}

/** Where the bytes of every weight are, bounded and read when asked for; shared with GraphModels. */
export async function readGroups(
  source: FileSource,
  groups: readonly WeightGroup[],
): Promise<{ weights: StoredWeight[]; shards: RandomAccess[] }> {
  const sizes = await checkSizes(source, groups);
  const weights: StoredWeight[] = [];
  const shards: RandomAccess[] = [];
  for (const group of groups) {
    const own: RandomAccess[] = [];
    for (const path of group.paths) {
      const shard = await source.open(path);
      if (shard.byteLength !== sizes.get(path)) {
        throw new FlotillaError("IO_FAILED", `${source.label}/${path} changed while it was read.`, {
          details: { path },
        });
      }
      own.push(shard);
    }
    let offset = 0;
    for (const spec of group.weights) {
      const start = offset;
      weights.push({ spec, bytes: () => slice(own, start, spec.storedBytes) });
      offset += spec.storedBytes;
    }
    shards.push(...own);
  }
  return { weights, shards };
}

/** Every shard is there, and each group has exactly the bytes that its shapes ask for: before anything is read. */
async function checkSizes(source: FileSource, groups: readonly WeightGroup[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const missing: string[] = [];
  for (const path of new Set(groups.flatMap((group) => group.paths))) {
    const size = await source.size(path);
    if (size === undefined) missing.push(path);
    else sizes.set(path, size);
  }
  if (missing.length > 0) {
    throw new FlotillaError(
      "FORMAT_WEIGHTS_MISSING",
      `${source.label}: the model names ${missing.length === 1 ? "a weights file" : "weights files"} that ${
        missing.length === 1 ? "is" : "are"
      } not there: ${missing.join(", ")}.`,
      { details: { missing } },
    );
  }
  groups.forEach((group, index) => {
    const found = group.paths.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
    let needed = 0;
    for (const spec of group.weights) {
      needed += spec.storedBytes;
      if (needed > found) throw mismatch(source, index, group, found, spec);
    }
    if (needed !== found) throw mismatch(source, index, group, found);
  });
  return sizes;
}

function mismatch(
  source: FileSource,
  index: number,
  group: WeightGroup,
  foundBytes: number,
  weight?: WeightSpec,
): FlotillaError {
  const expectedBytes = group.weights.reduce((sum, spec) => sum + spec.storedBytes, 0);
  const where = weight ? `; they end within "${weight.name}" ${JSON.stringify(weight.shape)}` : "";
  return new FlotillaError(
    "FORMAT_WEIGHTS_MISMATCH",
    `${source.label}: weight group ${index} (${group.paths.join(", ")}) has ${foundBytes} bytes, ` +
      `its shapes and dtypes ask for ${expectedBytes}${where}.`,
    {
      details: { group: index, paths: group.paths, foundBytes, expectedBytes, ...(weight && { weight: weight.name }) },
    },
  );
}

/** `length` bytes from `offset` on of the shards laid end to end: a view where one shard holds them, else a copy. */
function slice(shards: readonly RandomAccess[], offset: number, length: number): Uint8Array {
  let start = 0;
  let joined: Uint8Array | undefined;
  for (const shard of shards) {
    const from = Math.max(offset - start, 0);
    const to = Math.min(offset + length - start, shard.byteLength);
    if (to - from === length) return shard.read(from, length);
    if (to > from) {
      joined ??= new Uint8Array(length);
      joined.set(shard.read(from, to - from), start + from - offset);
    }
    start += shard.byteLength;
  }
  return joined ?? new Uint8Array(0);
}

export function wholeBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) return buffer;
  return new Uint8Array(bytes).buffer;
}
