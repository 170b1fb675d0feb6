/**
 * A `.keras` file (format of Keras 2.12 to 3): a ZIP archive of config.json, metadata.json and model.weights.h5. Weights
 * that are stored as they are, as Keras writes them, are read from the file when they are asked for.
 * Rules: keras `saving/saving_lib.py`. Assets (vocabularies) and whatever else lies in the archive are not looked at.
 */
import { crc32 } from "node:zlib";
import { FlotillaError } from "@flotilla/protocol/errors";
import { memoryAccess, type RandomAccess } from "@flotilla/protocol/random-access";
import { openZip, type ZipMember } from "@flotilla/protocol/zip";
import { openHdf5 } from "../../codecs/hdf5/open-hdf5.ts";
import { checkRelativePath } from "../file-source.ts";
import { JsonFields } from "../tfjs-layers/json-fields.ts";
import { decodeModelSpec } from "../tfjs-layers/layer-spec.ts";
import { archiveWeights } from "./archive-weights.ts";
import { type KerasContainer, majorOf, parseConfig, topologyOf } from "./keras-container.ts";

const zipLimits = {
  maxMembers: 10_000,
  /** As tfjs manifests: far above every published model. */
  maxTotalBytes: 2 ** 34,
  /** Keras stores; who packs anew gets 1:30 out of a config and hardly anything out of weights. */
  maxRatio: 200,
} as const;
/** What is unpacked into memory; stored members are not. */
const unpackedBytes = 2 ** 31;
const jsonBytes = 2 ** 26;
const chunkBytes = 2 ** 22;

/**
 * @throws FORMAT_*, UNSUPPORTED_FORMAT (sharded or other weights; what the HDF5 reader refuses),
 *   UNSUPPORTED_LAYER (a subclassed model)
 */
export function openKerasArchive(access: RandomAccess): KerasContainer {
  const { label } = access;
  const members = openZip(access, zipLimits);
  for (const name of members.keys()) checkRelativePath(name.replace(/\/$/, ""), label);
  const config = members.get("config.json");
  if (!config) {
    throw new FlotillaError("FORMAT_UNRECOGNIZED", `${label} is a ZIP archive without config.json: no Keras model.`, {
      details: { found: [...members.keys()].slice(0, 20) },
    });
  }
  const metadata = members.get("metadata.json");
  const kerasVersion = metadata
    ? JsonFields.of(readJson(metadata, label), `${label}: metadata.json`).string("keras_version", "")
    : "";
  const modelTopology = topologyOf(readJson(config, label), kerasVersion, label);
  const root = openHdf5(weightsFile(members, label));
  const { weights, find } = archiveWeights(root, decodeModelSpec(JsonFields.of(modelTopology, "modelTopology")));
  return {
    label,
    dialect: "keras",
    kerasVersion,
    kerasMajor: majorOf(kerasVersion, 3),
    modelTopology,
    weights,
    findWeight: find,
  };
}

function readJson(member: ZipMember, label: string) {
  if (member.bytes > jsonBytes) throw tooLarge(member, label, jsonBytes);
  return parseConfig(member.read(), `${label}: ${member.name}`);
}

function weightsFile(members: ReadonlyMap<string, ZipMember>, label: string): RandomAccess {
  const member = members.get("model.weights.h5");
  if (member) return member.stored() ? checkedFile(member, label) : unpackedFile(member, label);
  const other = ["model.weights.json", "model.weights.npz"].find((name) => members.has(name));
  if (other === undefined) {
    throw new FlotillaError("FORMAT_WEIGHTS_MISSING", `${label} has no model.weights.h5.`, {
      details: { found: [...members.keys()].slice(0, 20) },
    });
  }
  throw new FlotillaError(
    "UNSUPPORTED_FORMAT",
    `${label} keeps its weights in ${other}${other.endsWith("json") ? ", sharded over several files" : ""}. ` +
      'Load it in Keras and save it anew: model.save("model.keras").',
    { details: { found: other, supported: ["model.weights.h5"] } },
  );
}

/** The checksum goes over the whole, which is read once in parts and not kept. */
function checkedFile(member: ZipMember, label: string): RandomAccess {
  const file = member.stored()!; // as the caller found
  let sum = 0;
  for (let at = 0; at < file.byteLength; at += chunkBytes) {
    sum = crc32(file.read(at, Math.min(chunkBytes, file.byteLength - at)), sum);
  }
  if (sum === member.crc32) return file;
  throw new FlotillaError("FORMAT_CORRUPT", `${label}: the checksum of ${member.name} does not match.`, {
    details: { member: member.name },
  });
}

function unpackedFile(member: ZipMember, label: string): RandomAccess {
  if (member.bytes > unpackedBytes) throw tooLarge(member, label, unpackedBytes);
  return memoryAccess(member.read(), `${label}/${member.name}`);
}

function tooLarge(member: ZipMember, label: string, limit: number): FlotillaError {
  return new FlotillaError("FORMAT_LIMIT", `${label}: ${member.name} has ${member.bytes} bytes, more than ${limit}.`, {
    details: { member: member.name, bytes: member.bytes, limit },
  });
}
