/** Opens an ONNX file and the files of its external data. */
import { basename, dirname, resolve } from "node:path";
import { folderSource } from "../readers/folder-source.ts";
import { openOnnx as openContainer } from "../readers/onnx/container.ts";
import { lowerOnnx } from "../readers/onnx/read-onnx.ts";
import { onnxTruth } from "../runtimes/onnx-truth.ts";
import { digestingSource, type SourceOpener } from "./source.ts";

export const openOnnx: SourceOpener = async (path, file, options) => {
  const source = digestingSource(folderSource(dirname(resolve(file))));
  const container = await openContainer(source, basename(file));
  const model = lowerOnnx(container, options.inputShapes ? { inputShapes: options.inputShapes } : {});
  return {
    path,
    format: "onnx",
    sha256: source.digest(),
    model,
    channelsFirst: true,
    truth: () => onnxTruth(container, model),
  };
};
