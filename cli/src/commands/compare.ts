/** `flotilla compare`: where a `.tflite` file departs from the float model it was made of, layer by layer. */
import type { LayerReport, Report } from "@flotilla/converter/report/report";
import type { Command } from "commander";
import { collect, leaf } from "../command.ts";
import { inputShapesOf, numberOf, preprocessingOf } from "../option-values.ts";
import { table } from "../output.ts";
import { formatOf } from "./convert.ts";

/** Layers in the table for people; all of them are in the JSON and the report. */
const shownLayers = 20;

const decibels = (part: { readonly sqnrDb: number | null } | null | undefined): string =>
  part === null || part === undefined ? "-" : part.sqnrDb === null ? "exact" : part.sqnrDb.toFixed(1);

const row = (layer: LayerReport): string[] => [
  layer.operator ?? "input",
  layer.node,
  layer.precision,
  decibels(layer.error?.own),
  decibels(layer.error?.inherited),
  decibels(layer.error),
];

function compareText({ variants }: Report): string {
  const lines: string[] = [];
  for (const { layers, worst, measured, name } of variants) {
    const places = worst.slice(0, shownLayers);
    const shown = places.flatMap((place) => (layers[place] ? [layers[place]] : []));
    lines.push(
      `${name}: ${layers.length} values in both, ${worst.length} with an error of their own; the worst first, in dB.`,
      "",
      table(["operator", "layer", "precision", "own", "inherited", "both"], shown.map(row)),
    );
    if (worst.length > shown.length) lines.push(`… ${worst.length - shown.length} more (--json, --report)`);
    const [first] = shown;
    if (first) lines.push("", `${first.node}:`, ...first.causes.map(({ text }) => `  ${text}`));
    if (measured) lines.push("", `Measured on ${measured.samples} samples of ${measured.data} in ${measured.runtime}.`);
  }
  return lines.join("\n");
}

export function addCompareCommand(program: Command): void {
  leaf(program, {
    usage: "compare <model> <variant>",
    description:
      "compare a .tflite variant with the float model it was made of, layer by layer: its own error apart from what it inherits",
    examples: [
      "compare model.json out/model-int8.tflite --data samples.npz",
      "compare model.onnx out/model-int8.tflite --data photos --preprocess prep.json --report layers.html",
    ],
    options: (command) =>
      command
        .requiredOption("--data <data>", "folder of images, .npz, .npy, .json, .jsonl")
        .option(
          "--format <format>",
          "of the float model: auto, tfjs-layers, tflite and so on; default: told by content",
        )
        .option("--input <name=shape>", "fixes dynamic sizes of the float model; may be repeated", collect)
        .option("--signature <name>", "of a SavedModel: which one to take; default serving_default, or the only one")
        .option("--preprocess <file>", "JSON: input name → steps; default: those of the variant's record")
        .option("--samples <n>", "how many, evenly spread; default 16")
        .option("--report <file>", "write all of it as one HTML page, and as JSON beside it"),
    action: async ({ args, options, output }) => {
      const format = formatOf(options);
      const inputShapes = inputShapesOf(options);
      const preprocess = await preprocessingOf(options);
      const samples = numberOf(options, "samples", { least: 1, whole: true });
      const { compare } = await import("@flotilla/converter/compare");
      const report = await compare({
        float: args[0]!,
        variant: args[1]!,
        data: String(options.data),
        ...(format === undefined ? {} : { format }),
        ...(inputShapes === undefined ? {} : { inputShapes }),
        ...(options.signature === undefined ? {} : { signature: String(options.signature) }),
        ...(preprocess === undefined ? {} : { preprocess }),
        ...(samples === undefined ? {} : { samples }),
        ...(options.report === undefined ? {} : { report: String(options.report) }),
        onProgress: (done, total) => output.progress(`compare ${done}/${total} …`),
      });
      output.result(report, () => compareText(report));
    },
  });
}
