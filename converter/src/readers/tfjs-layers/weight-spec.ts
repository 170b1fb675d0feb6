/**
 * The weights manifest of a TFJS model: what is stored, decoded once from untrusted JSON and bounded before anything is read.
 * Rules: tfjs-core `io/types.ts` and `io/io_utils.ts` (WeightsManifestConfig, DTYPE_VALUE_SIZE_MAP).
 * Knows nothing of layers, and reads no weight.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { JsonObject, JsonValue } from "@flotilla/protocol/json-value";
import { checkRelativePath } from "../file-source.ts";
import { JsonFields, jsonFault } from "./json-fields.ts";

export type WeightDType = "float32" | "int32" | "bool";

export type WeightQuantization =
  | { readonly dtype: "uint8" | "uint16"; readonly scale: number; readonly min: number }
  | { readonly dtype: "float16" };

export interface WeightSpec {
  readonly name: string;
  readonly dtype: WeightDType;
  readonly shape: readonly number[];
  readonly quantization?: WeightQuantization;
  readonly elements: number;
  /** Bytes as they lie in the shards. */
  readonly storedBytes: number;
  /** An optimizer's state, which `model.save({includeOptimizer: true})` puts beside the weights. */
  readonly optimizer: boolean;
  /** As it was, for the source's own runtime. */
  readonly json: JsonObject;
}

export interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly WeightSpec[];
}

/** Bounds on what a manifest may announce; far above every published model, far below what would exhaust memory. */
export const manifestLimits = {
  weights: 200_000,
  shards: 20_000,
  /** tfjs has no tensor of a higher rank. */
  rank: 6,
  /** One ArrayBuffer of the engine holds about this much. */
  tensorBytes: 2 ** 32,
  totalBytes: 2 ** 34,
} as const;

const bytesOf: Readonly<Record<WeightDType | "uint8" | "uint16" | "float16", number>> = {
  float32: 4,
  int32: 4,
  bool: 1,
  uint8: 1,
  uint16: 2,
  float16: 2,
};

/**
 * Decodes `weightsManifest`.
 * @throws FORMAT_JSON, FORMAT_CORRUPT (a path outside the folder, two weights of one name), FORMAT_LIMIT,
 *   UNSUPPORTED_FORMAT (string and complex weights)
 */
export function decodeWeightsManifest(value: readonly JsonValue[], at: string): readonly WeightGroup[] {
  const names = new Set<string>();
  let shards = 0;
  let totalBytes = 0;
  return value.map((item, groupIndex) => {
    const group = JsonFields.of(item, `${at}[${groupIndex}]`);
    const paths = group.list("paths").map((path, index) => {
      if (typeof path !== "string") throw jsonFault(`${group.path}.paths[${index}]`, "text", path);
      return checkRelativePath(path, `${group.path}.paths[${index}]`);
    });
    shards += paths.length;
    bound("shards", shards, manifestLimits.shards, group.path);
    const weights = group.list("weights").map((weight, index) => {
      const spec = decodeWeightSpec(JsonFields.of(weight, `${group.path}.weights[${index}]`));
      if (names.has(spec.name)) {
        throw new FlotillaError("FORMAT_CORRUPT", `${group.path}: two weights are called "${spec.name}".`);
      }
      names.add(spec.name);
      totalBytes += spec.storedBytes;
      bound("weights", names.size, manifestLimits.weights, group.path);
      bound("bytes in all weights", totalBytes, manifestLimits.totalBytes, group.path);
      return spec;
    });
    return { paths, weights };
  });
}

function decodeWeightSpec(fields: JsonFields): WeightSpec {
  const name = fields.string("name");
  const shape = fields.list("shape").map((size, index) => {
    if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return size;
    throw jsonFault(`${fields.path}.shape[${index}]`, "a size", size);
  });
  bound(`axes of weight "${name}"`, shape.length, manifestLimits.rank, fields.path);
  const dtype = fields.string("dtype");
  if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") {
    throw new FlotillaError("UNSUPPORTED_FORMAT", `${fields.path}: weight "${name}" is of dtype ${dtype}.`, {
      details: { weight: name, dtype, supported: ["float32", "int32", "bool"] },
    });
  }
  const quantization = fields.has("quantization")
    ? decodeQuantization(fields.object("quantization"), dtype)
    : undefined;
  const elements = shape.reduce((product, size) => product * size, 1);
  const storedBytes = elements * bytesOf[quantization?.dtype ?? dtype];
  bound(`bytes of weight "${name}"`, elements * 4, manifestLimits.tensorBytes, fields.path);
  return {
    name,
    dtype,
    shape,
    elements,
    storedBytes,
    optimizer: fields.get("group") === "optimizer",
    json: fields.value,
    ...(quantization ? { quantization } : {}),
  };
}

function decodeQuantization(fields: JsonFields, original: WeightDType): WeightQuantization {
  const dtype = fields.string("dtype");
  if (dtype === "float16" && original === "float32") return { dtype };
  if ((dtype === "uint8" || dtype === "uint16") && original !== "bool") {
    return { dtype, scale: fields.number("scale"), min: fields.number("min") };
  }
  throw new FlotillaError("UNSUPPORTED_FORMAT", `${fields.path}: ${original} stored as ${dtype} is not known.`, {
    details: { path: fields.path, dtype, supported: ["uint8", "uint16", "float16 for float32"] },
  });
}

function bound(what: string, found: number, limit: number, path: string): void {
  if (found <= limit) return;
  throw new FlotillaError("FORMAT_LIMIT", `${path}: ${found} ${what}, the limit is ${limit}.`, {
    details: { path, what, found, limit },
  });
}
