/** Opens a `.tflite` file; what the reader can do without is verified too, before any runtime sees the file. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { verifyTflite } from "@flotilla/protocol/tflite/verify-tflite";
import { readTflite } from "../readers/tflite/read-tflite.ts";
import { tfliteTruth } from "../runtimes/source-truth.ts";
import { fileAccess } from "./file-access.ts";
import { digestOf, type SourceOpener } from "./source.ts";

export const openTflite: SourceOpener = async (path, file, options) => {
  if (Object.keys(options.inputShapes ?? {}).length > 0) {
    throw new FlotillaError("CONFIG_INVALID", "--input is for models with dynamic sizes; this .tflite keeps its own.");
  }
  const access = fileAccess(file);
  const model = readTflite(access);
  verifyTflite(access);
  return {
    path,
    format: "tflite",
    sha256: digestOf(access),
    model,
    truth: (runtimes) => tfliteTruth(access.read(0, access.byteLength), runtimes),
  };
};
