/** `flotilla inspect|run|ops`: what is in a model, what it does, and which operators there are. */
import type { Inspection } from "@flotilla/converter/inspect";
import type { RunReport } from "@flotilla/converter/run-model";
import type { Command } from "commander";
import { collect, leaf, type Options } from "../command.ts";
import { inputShapesOf, numberOf, preprocessingOf, wordOf } from "../option-values.ts";
import { bytesForPeople, percent, table } from "../output.ts";
import { formatOf } from "./convert.ts";

const sourceOptions = (command: Command): Command =>
  command
    .option("--format <format>", "auto, tfjs-layers, tflite; default: told by content")
    .option(
      "--input <name=shape>",
      "fixes dynamic sizes (image=1x224x224x3; ? keeps one dynamic); may be repeated",
      collect,
    )
    .option("--signature <name>", "of a SavedModel: which one to take; default serving_default, or the only one");

const signatureOf = ({ signature }: Options): { readonly signature?: string } =>
  signature === undefined ? {} : { signature: String(signature) };

function inspectionText(found: Inspection, withGraph: boolean): string {
  const end = ({ name, dtype, shape, scale, zeroPoint }: Inspection["inputs"][number]) =>
    `${name}: ${dtype}[${shape.join(", ")}]${scale === null ? "" : ` scale ${scale} zero point ${zeroPoint}`}`;
  const facts: [string, string][] = [
    ["format", found.format],
    ["sha256", found.sha256],
    ["size", found.bytes === null ? "several files" : bytesForPeople(found.bytes)],
    ["parameters", String(found.parameters)],
    ["multiply-accumulates", String(found.macs)],
    ["arena", bytesForPeople(found.arenaBytes)],
    ["needs TensorFlow Lite", found.minRuntimeVersion],
    ...found.inputs.map((input): [string, string] => ["input", end(input)]),
    ...found.outputs.map((output): [string, string] => ["output", end(output)]),
    ...found.signatures.map(({ key, inputs, outputs }): [string, string] => [
      "signature",
      `${key}(${inputs.join(", ")}) -> (${outputs.join(", ")})`,
    ]),
    ...found.otherSignatures.map((key): [string, string] => ["not shown", `signature ${key} (--signature ${key})`]),
    ...found.metadata.map(({ name, bytes }): [string, string] => ["metadata", `${name}, ${bytesForPeople(bytes)}`]),
  ];
  const operators = Object.entries(found.operators).map(([name, { count, version }]) => [
    name,
    String(count),
    String(version),
  ]);
  const constants = Object.entries(found.constants).map(([dtype, { count, bytes }]) => [
    dtype,
    String(count),
    bytesForPeople(bytes),
  ]);
  return [
    table([found.path, ""], facts),
    "",
    table(["operator", "count", "version"], operators),
    "",
    table(["constants", "count", "size"], constants),
    ...(withGraph ? ["", found.graph.trimEnd()] : []),
  ].join("\n");
}

function runText({ runtime, samples, outputs, latencyMs, accuracy }: RunReport): string {
  const rows = outputs.map(({ name, shape, min, max, mean }) => [
    name,
    `[${shape.join(", ")}]`,
    ...[min, max, mean].map((value) => value.toPrecision(4)),
  ]);
  const { p50, p90, p99 } = latencyMs;
  return [
    table(["output", "shape", "min", "max", "mean"], rows),
    "",
    `${samples} samples in ${runtime}: p50 ${p50.toFixed(2)} ms, p90 ${p90.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
    ...(accuracy === null ? [] : [`top-1 accuracy ${percent(accuracy.value)}`]),
  ].join("\n");
}

export function addModelCommands(program: Command): void {
  leaf(program, {
    usage: "inspect <model>",
    description: "show a model without running it: ends, operators, constants, needs, and its graph",
    examples: ["inspect out/digits-int8.tflite", "inspect model.json --no-graph", "inspect model.tflite --json"],
    options: (command) => sourceOptions(command).option("--no-graph", "leave the graph out of the text"),
    action: async ({ args, options, output }) => {
      const format = formatOf(options);
      const inputShapes = inputShapesOf(options);
      const { inspect } = await import("@flotilla/converter/inspect");
      const found = await inspect(args[0]!, {
        ...(format === undefined ? {} : { format }),
        ...(inputShapes === undefined ? {} : { inputShapes }),
        ...signatureOf(options),
      });
      output.result(found, () => inspectionText(found, options.graph !== false));
    },
  });
  leaf(program, {
    usage: "run <model>",
    description: "run a model on data: outputs, latency, and accuracy if the data is labelled",
    examples: ["run out/digits-int8.tflite --data samples.npz", "run model.json --data photos --preprocess prep.json"],
    options: (command) =>
      sourceOptions(command)
        .requiredOption("--data <data>", "folder of images, .npz, .npy, .json, .jsonl")
        .option("--preprocess <file>", "JSON: input name → steps from a picture to what the model takes")
        .option("--samples <n>", "how many, evenly spread; default all")
        .option("--runtime <name>", "for .tflite: litert (default) or tflite"),
    action: async ({ args, options, output }) => {
      const format = formatOf(options);
      const inputShapes = inputShapesOf(options);
      const preprocess = await preprocessingOf(options);
      const samples = numberOf(options, "samples", { least: 1, whole: true });
      const runtime = wordOf(options, "runtime", ["litert", "tflite"]);
      const { runModel } = await import("@flotilla/converter/run-model");
      const report = await runModel({
        model: args[0]!,
        data: String(options.data),
        ...(format === undefined ? {} : { format }),
        ...(inputShapes === undefined ? {} : { inputShapes }),
        ...signatureOf(options),
        ...(preprocess === undefined ? {} : { preprocess }),
        ...(samples === undefined ? {} : { samples }),
        ...(runtime === undefined ? {} : { runtime }),
      });
      output.result(report, () => runText(report));
    },
  });
  leaf(program, {
    usage: "ops",
    description: "the operators that are read, quantized and written (docs/ops.md says more of each)",
    examples: ["ops", "ops --json"],
    action: async ({ output }) => {
      const { operators } = await import("@flotilla/converter/ops/registry");
      const { isUnsupported } = await import("@flotilla/converter/ops/define-op");
      const listed = [...operators]
        .filter((op) => op.code >= 0)
        .map((op) => ({
          operator: op.kind,
          int8: !isUnsupported(op.int8),
          versions: Object.keys(op.minRuntime).map(Number),
          ...(isUnsupported(op.int8) ? { floatBecause: op.int8.unsupported } : {}),
        }))
        .sort((a, b) => (a.operator < b.operator ? -1 : 1));
      output.result({ operators: listed }, () =>
        table(
          ["operator", "int8", "versions", "stays float because"],
          listed.map(({ operator, int8, versions, floatBecause }) => [
            operator,
            int8 ? "yes" : "no",
            versions.join(" "),
            floatBecause ?? "",
          ]),
        ),
      );
    },
  });
}
