/**
 * Opens a model file of any format that is read, telling the format by content: the model as a graph, its digest, and a
 * way to run the original in its own runtime, loaded only when asked for (nothing of tfjs is loaded to convert).
 */
import { basename, dirname, extname, resolve } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import { detectFormat, modelFileOf } from "./sources/detect-format.ts";
import { openFrozenGraph } from "./sources/open-frozen-graph.ts";
import { openKerasArchiveSource, openKerasH5Source } from "./sources/open-keras.ts";
import { openOnnx } from "./sources/open-onnx.ts";
import { openSavedModel } from "./sources/open-saved-model.ts";
import { openTfjsGraph } from "./sources/open-tfjs-graph.ts";
import { openTfjsLayers } from "./sources/open-tfjs-layers.ts";
import { openTflite } from "./sources/open-tflite.ts";
import type { OpenedSource, OpenSourceOptions, SourceFormat, SourceOpener } from "./sources/source.ts";

export { type OpenedSource, type OpenSourceOptions, type SourceFormat, sourceFormats } from "./sources/source.ts";

const openers: Partial<Readonly<Record<SourceFormat, SourceOpener>>> = {
  "keras-h5": openKerasH5Source,
  "keras-v3": openKerasArchiveSource,
  onnx: openOnnx,
  "frozen-graph": openFrozenGraph,
  "saved-model": openSavedModel,
  "tfjs-graph": openTfjsGraph,
  "tfjs-layers": openTfjsLayers,
  tflite: openTflite,
};

/** @throws IO_NOT_FOUND, IO_FAILED, FORMAT_*, UNSUPPORTED_*, CONFIG_INVALID (input shapes) */
export async function openSource(path: string, options: OpenSourceOptions = {}): Promise<OpenedSource> {
  const file = await modelFileOf(path);
  const asked = options.format ?? "auto";
  const format = asked === "auto" ? await detectFormat(file) : asked;
  if (options.signature !== undefined && format !== "saved-model") {
    throw new FlotillaError("CONFIG_INVALID", `--signature is for SavedModels; ${path} is ${format}.`, {
      details: { path, found: format, signature: options.signature },
    });
  }
  const opener = openers[format];
  if (opener) return opener(path, file, options);
  throw new FlotillaError("UNSUPPORTED_FORMAT", `${path} is ${format}, which is not read yet.`, {
    details: { path, found: format, supported: Object.keys(openers) },
  });
}

/** A name for the files made of a model: that of its file, or of its folder where the file is called model.json. */
export function modelNameOf(path: string): string {
  const whole = resolve(path);
  const entries = ["model.json", "saved_model.pb"];
  const name = entries.includes(basename(whole)) ? basename(dirname(whole)) : basename(whole, extname(whole));
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return plain === "" ? "model" : plain;
}
