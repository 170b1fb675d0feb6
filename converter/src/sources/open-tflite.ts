/** Opens a `.tflite` file. */
import { readFile } from "node:fs/promises";
import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import { readTflite } from "../readers/tflite/read-tflite.ts";
import { tfliteTruth } from "../runtimes/source-truth.ts";
import { type SourceOpener, unreadable } from "./source.ts";

export const openTflite: SourceOpener = async (path, file, options) => {
  if (Object.keys(options.inputShapes ?? {}).length > 0) {
    throw new FlotillaError("CONFIG_INVALID", "--input is for models with dynamic sizes; this .tflite keeps its own.");
  }
  const bytes = new Uint8Array(
    await readFile(file).catch((cause: unknown) => {
      throw unreadable(file, cause);
    }),
  );
  const model = readTflite(bytes);
  return {
    path,
    format: "tflite",
    sha256: sha256Hex(bytes),
    model,
    truth: (runtimes) => tfliteTruth(bytes, runtimes),
  };
};
