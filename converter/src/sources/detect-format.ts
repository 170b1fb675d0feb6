/**
 * Tells a model's format by what is in it, never by its name alone, and which file says what the model is.
 * A folder is a SavedModel if it holds saved_model.pb, else the folder of a model.json.
 */
import { open, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import { type SourceFormat, sourceFormats, unreadable } from "./source.ts";

/** The file that says what the model is. @throws IO_NOT_FOUND */
export async function modelFileOf(path: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new FlotillaError("IO_NOT_FOUND", `There is no model at ${path}.`, { details: { path }, cause });
  });
  if (!found.isDirectory()) return path;
  const saved = join(path, "saved_model.pb");
  const isSaved = await stat(saved).then(
    () => true,
    () => false,
  );
  return isSaved ? saved : join(path, "model.json");
}

/** @throws IO_NOT_FOUND, IO_FAILED, FORMAT_UNRECOGNIZED */
export async function detectFormat(file: string): Promise<SourceFormat> {
  const head = await firstBytes(file, 4096);
  const text = String.fromCharCode(...head);
  if (text.slice(4, 8) === "TFL3") return "tflite";
  if (text.startsWith("\x89HDF")) return "keras-h5";
  if (text.startsWith("PK\x03\x04")) return "keras-v3";
  if (/^\s*\{/.test(text)) return jsonFormat(file);
  const protobuf = protobufFormat(head);
  if (protobuf) return protobuf;
  throw new FlotillaError(
    "FORMAT_UNRECOGNIZED",
    `${basename(file)} is none of the formats that Flotilla reads (${sourceFormats.join(", ")}).`,
    { details: { path: file, supported: sourceFormats } },
  );
}

/** A model.json says its format; very old ones are told by the topology: a GraphDef has a list of nodes. */
async function jsonFormat(file: string): Promise<SourceFormat> {
  const head = new TextDecoder().decode(await firstBytes(file, 1 << 16));
  const format = /"format"\s*:\s*"(graph-model|layers-model)"/.exec(head)?.[1];
  if (format) return format === "graph-model" ? "tfjs-graph" : "tfjs-layers";
  if (/"modelTopology"\s*:\s*\{\s*"(node|library|versions)"/.test(head)) return "tfjs-graph";
  const whole = head.includes('"class_name"') || head.includes('"model_config"') ? head : await readText(file);
  return /"format"\s*:\s*"graph-model"/.test(whole) ? "tfjs-graph" : "tfjs-layers";
}

const readText = async (file: string): Promise<string> =>
  readFile(file, "utf8").catch((cause: unknown) => {
    throw unreadable(file, cause);
  });

/**
 * Both are protobuf messages without a magic number. ModelProto starts with ir_version (field 1, a small varint) or with
 * another scalar or string; GraphDef starts with a NodeDef (field 1, bytes) whose own first field is its name (1, bytes);
 * SavedModel starts with its schema version (field 1, the varint 1) and then a MetaGraphDef (field 2, bytes).
 */
function protobufFormat(head: Uint8Array): SourceFormat | undefined {
  if (head[0] === 0x08) {
    if (head[1] === 0x01 && head[2] === 0x12 && isSavedModel(head)) return "saved-model";
    return "onnx";
  }
  if (head[0] !== 0x0a) return head[0] === 0x3a || head[0] === 0x42 ? "onnx" : undefined;
  const [, inside] = varint(head, 1);
  return head[inside] === 0x0a ? "frozen-graph" : undefined;
}

/** In a MetaGraphDef the first field is meta_info_def (1, bytes); in ModelProto field 2 is producer_name, text. */
function isSavedModel(head: Uint8Array): boolean {
  const [length, inside] = varint(head, 3);
  return length > 127 || head[inside] === 0x0a;
}

function varint(bytes: Uint8Array, from: number): readonly [value: number, next: number] {
  let value = 0;
  for (let at = from; at < from + 5; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return [value, at + 1];
  }
  return [value, from + 5];
}

async function firstBytes(file: string, count: number): Promise<Uint8Array> {
  try {
    const handle = await open(file, "r");
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(count), 0, count, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
}
