/** `flotilla convert`: flags to the fields of `convert()`, one to one; its result as JSON or as a table. */
import type { ConvertOptions, ConvertProgress } from "@flotilla/converter/convert-options";
import type { ConvertedVariant, ConvertResult } from "@flotilla/converter/convert-result";
import { type SourceFormat, sourceFormats } from "@flotilla/converter/sources/source";
import { targetProfiles } from "@flotilla/converter/target-profiles";
import { targets } from "@flotilla/converter/targets";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Command } from "commander";
import { collect, leaf, type Options } from "../command.ts";
import {
  flagOf,
  inputShapesOf,
  labelsOf,
  listOf,
  needFlag,
  numberOf,
  preprocessingOf,
  readGiven,
  wordOf,
} from "../option-values.ts";
import { bytesForPeople, percent, table } from "../output.ts";
import { searchText } from "../search-text.ts";

/** @throws CONFIG_USAGE */
export const formatOf = (options: Options): "auto" | SourceFormat | undefined =>
  wordOf(options, "format", ["auto", ...sourceFormats]);

/** Flags that would do nothing beside or without others. @throws CONFIG_USAGE */
function refusePointless(options: Options): void {
  for (const name of ["calibrationSamples", "calibrationMethod", "anyRange", "improve"])
    needFlag(options, name, "calibration");
  for (const name of ["maxDrop", "evaluateSamples"]) needFlag(options, name, "evaluate");
  const pointless = [
    ...(options.prove === false ? ["evaluate", "minSqnr", "golden", "proofSamples"] : []),
    ...(options.golden === undefined ? [] : ["evaluate", "proofSamples"]),
  ].find((name) => options[name] !== undefined);
  if (pointless === undefined) return;
  const other = options.prove === false ? "--no-prove" : "--golden";
  throw new FlotillaError("CONFIG_USAGE", `${flagOf(pointless)} does nothing with ${other}; leave one of them out.`);
}

async function convertOptions(model: string, options: Options): Promise<ConvertOptions> {
  refusePointless(options);
  const format = formatOf(options);
  const to = listOf(options, "to");
  for (const one of to) wordOf({ to: one }, "to", targets);
  const recipes = listOf(options, "recipe");
  const overrides = listOf(options, "override");
  const blockSize = numberOf(options, "blockSize", { least: 1, whole: true });
  const samples = numberOf(options, "calibrationSamples", { least: 1, whole: true });
  const maxDrop = numberOf(options, "maxDrop", { least: 0 });
  const evaluateSamples = numberOf(options, "evaluateSamples", { least: 1, whole: true });
  const minSqnrDb = numberOf(options, "minSqnr");
  const proofSamples = numberOf(options, "proofSamples", { least: 8, whole: true });
  const inputShapes = inputShapesOf(options);
  const preprocess = await preprocessingOf(options);
  const labels = await labelsOf(options);
  return {
    model,
    output: String(options.output),
    prove: options.prove !== false,
    strictInteger: options.strictInteger === true,
    keepIoLayout: options.keepIoLayout === true,
    ...(options.target === undefined ? {} : { target: String(options.target) }),
    ...(options.name === undefined ? {} : { name: String(options.name) }),
    ...(format === undefined ? {} : { format }),
    ...(to.length === 0 ? {} : { to }),
    ...(recipes.length === 0 ? {} : { recipes }),
    ...(overrides.length === 0 ? {} : { overrides }),
    ...(blockSize === undefined ? {} : { blockSize }),
    ...(options.io === undefined ? {} : { io: String(options.io) }),
    ...(options.calibration === undefined
      ? {}
      : {
          calibration: {
            path: String(options.calibration),
            ...(samples === undefined ? {} : { samples }),
            ...(options.calibrationMethod === undefined ? {} : { method: String(options.calibrationMethod) }),
            ...(options.anyRange === true ? { anyRange: true } : {}),
            ...(options.improve === undefined ? {} : { improve: String(options.improve) }),
          },
        }),
    ...(options.evaluate === undefined
      ? {}
      : {
          evaluate: {
            path: String(options.evaluate),
            ...(maxDrop === undefined ? {} : { maxDrop }),
            ...(evaluateSamples === undefined ? {} : { samples: evaluateSamples }),
          },
        }),
    ...(preprocess === undefined ? {} : { preprocess }),
    ...(labels === undefined ? {} : { labels }),
    ...(minSqnrDb === undefined ? {} : { minSqnrDb }),
    ...(options.golden === undefined ? {} : { golden: String(options.golden) }),
    ...(options.report === undefined ? {} : { report: String(options.report) }),
    ...(proofSamples === undefined ? {} : { proofSamples }),
    ...(inputShapes === undefined ? {} : { inputShapes }),
    ...(options.signature === undefined ? {} : { signature: String(options.signature) }),
  };
}

const progressLine = ({ stage, recipe, done, total }: ConvertProgress): string =>
  `${stage}${recipe === undefined ? "" : ` ${recipe}`}${total > 1 ? ` ${done}/${total}` : ""} …`;

const decibels = (value: number | null): string => (value === null ? "identical" : `${value.toFixed(1)} dB`);

function row({ format, recipe, bytes, accuracy, parity, floatOperators, file }: ConvertedVariant): string[] {
  return [
    format === "tflite" ? recipe : `${format} ${recipe}`,
    bytesForPeople(bytes),
    accuracy === null ? "-" : percent(accuracy.variant),
    accuracy === null ? "-" : percent(accuracy.drop),
    parity === null ? "unproven" : parity.maxRel.toExponential(1),
    parity === null ? "unproven" : decibels(parity.sqnrDb),
    String(floatOperators),
    file,
  ];
}

function resultText({ source, variants, seconds }: ConvertResult): string {
  const lines = [
    `${source.path}: ${source.format}, ${source.parameters} parameters, sha256 ${source.sha256.slice(0, 12)}…`,
    "",
    table(["recipe", "size", "accuracy", "drop", "maxRel", "SQNR", "float operators", "file"], variants.map(row)),
  ];
  for (const variant of variants) {
    if ("warnings" in variant)
      for (const warning of variant.warnings ?? []) lines.push("", `${variant.recipe}: ${warning}`);
  }
  for (const { recipe, floatOperatorReasons } of variants) {
    if (floatOperatorReasons.length === 0) continue;
    const reasons = floatOperatorReasons.map(({ node, operator, reason }) => [operator, node, reason]);
    lines.push("", `Float in ${recipe}:`, table(["operator", "node", "reason"], reasons));
  }
  for (const variant of variants) {
    if (variant.format !== "tflite" || !variant.target) continue;
    const rows = variant.target.operators.map(({ operator, count, version, since }) => [
      operator,
      String(count),
      String(version),
      since ?? "-",
      "runs",
    ]);
    lines.push(
      "",
      `${variant.recipe} on ${variant.target.name}:`,
      table(["operator", "count", "version", "since TensorFlow", "verdict"], rows),
    );
  }
  for (const variant of variants)
    if (variant.format === "tflite" && variant.search) lines.push("", searchText(variant.search));
  const [first] = variants;
  if (first?.parity) lines.push("", `Proven against ${first.parity.against} on ${first.parity.samples} samples.`);
  for (const { recipe, parity } of variants) {
    if (!parity || parity.dead.length === 0) continue;
    lines.push(
      `${recipe}: constant on these samples: ${parity.dead.join(", ")}. Prove it on real data (--calibration).`,
    );
  }
  for (const { recipe, parity } of variants) {
    for (const { output, share } of parity?.nonFinite ?? [])
      lines.push(
        `${recipe}: the source's own "${output}" is NaN or infinite in ${(share * 100).toFixed(1)} % of its elements, which proves nothing there.`,
      );
  }
  const { otherSignatures = [] } = source;
  if (otherSignatures.length > 0) {
    lines.push(`Not in these files: the signatures ${otherSignatures.join(", ")}. Convert each with --signature.`);
  }
  lines.push(`${seconds.total.toFixed(1)} s`);
  return lines.join("\n");
}

const withOptions = (command: Command): Command => {
  command
    .requiredOption("--output <folder>", "where the variants go, each with a record of its conversion; all or none")
    .option("--name <name>", "<name>-<recipe>.tflite, <name>-tfjs-<recipe>/; default: after the model")
    .option("--format <format>", `auto, ${sourceFormats.join(", ")}; default: told by content`)
    .option(
      "--to <format>",
      "tflite (default), tfjs, tfjs-layers (from LayersModels and Keras); may be repeated",
      collect,
    )
    .option(
      "--recipe <recipe>",
      "float32 (default), float16, dynamic-int8, weight-only-int8, int8, int16x8, int4-weights, auto (the cheapest mix of these that meets --max-drop or --min-sqnr), or a recipe file (.json); TFJS: float16, weights-uint16, weights-uint8; one variant each; may be repeated",
      collect,
    )
    .option(
      "--override <selector=precision>",
      "another precision for some operators: /name regex/=float32, op:CONV_2D=int8-per-tensor, index:17=int16x8; the last one counts; may be repeated",
      collect,
    )
    .option("--block-size <n>", "int4-weights: a scale for every 32, 64, 128 or 256 weights of a row")
    .option("--io <dtype>", "inputs and outputs of integer recipes: float32 (default), int8, uint8, int16")
    .option("--calibration <data>", "what the model will see: folder of images, .npz, .npy, .json, .jsonl")
    .option("--calibration-samples <n>", "how many of them, evenly spread; default 200")
    .option("--calibration-method <method>", "min-max (default), moving-average, percentile, mse, entropy")
    .option(
      "--any-range",
      "the calibration data is right although it looks like pixels from 0 to 255 for a model of another range",
    )
    .option(
      "--improve <steps>",
      "steps that get accuracy back, with commas between them: carried-state, equalization, bias-absorption, weight-scales, rounding, bias-correction; or none; default: carried-state,weight-scales,bias-correction, for int4-weights also rounding",
    )
    .option(
      "--input <name=shape>",
      "fixes dynamic sizes (image=1x224x224x3; ? keeps one dynamic); may be repeated",
      collect,
    )
    .option("--signature <name>", "of a SavedModel: which one to take; default serving_default, or the only one")
    .option("--preprocess <file>", "JSON: input name → steps from a picture to what the model takes")
    .option("--labels <file>", "names of the first output's classes, one a line: they ride with the variants")
    .option("--evaluate <data>", "labelled data: measures accuracy of source and variants")
    .option("--evaluate-samples <n>", "how many of them, evenly spread; default all")
    .option("--max-drop <fraction>", "exit 5 if a variant loses more accuracy than this")
    .option("--min-sqnr <dB>", "exit 5 if a variant's outputs are below this")
    .option(
      "--target <runtime>",
      `${targetProfiles.map(({ name }) => name).join(", ")}, or tflite-2.10 and the like: only forms of operators that it has`,
    )
    .option("--keep-io-layout", "keep the source's input and output axes (sources with channels first)")
    .option("--strict-integer", "exit 5 if an operator stays float in an integer recipe")
    .option(
      "--golden <file>",
      ".npz of recorded inputs and outputs, where no runtime can run the source: input/NAME, source/NAME, samples first",
    )
    .option("--proof-samples <n>", "samples to prove on; 8 at least, default 16")
    .option("--no-prove", "do not run the variants; they are recorded as unproven")
    .option(
      "--report <file>",
      "write what is in every variant, layer by layer, as one HTML page, and as JSON beside it",
    );
  return command;
};

export function addConvertCommand(program: Command): void {
  leaf(program, {
    usage: "convert <model>",
    description:
      "convert a trained model to .tflite and TFJS variants, and prove each against the source's own runtime",
    examples: [
      "convert model.tflite --output out",
      "convert digits/model.json --output out --recipe float16 --recipe int8 --calibration samples.npz",
      "convert model.tflite --output out --to tfjs --recipe weights-uint8",
      "convert model.tflite --output out --recipe int8 --calibration train.npz --override 'op:SOFTMAX=float32'",
      "convert model.json --output out --recipe int8 --io uint8 --calibration photos --preprocess prep.json",
      "convert model.json --output out --recipe int8 --calibration train.npz --evaluate test.npz --max-drop 0.01 --json",
      "convert model.tflite --output out --recipe auto --calibration train.npz --evaluate test.npz --max-drop 0.01",
      "convert model.json --output out --recipe int8 --calibration train.npz --report layers.html",
    ],
    options: withOptions,
    action: async ({ args, options, output }) => {
      const request = await convertOptions(args[0]!, options);
      if (request.golden !== undefined) await readGiven(request.golden, "golden file");
      const { convert } = await import("@flotilla/converter/convert");
      const result = await convert({ ...request, onProgress: (event) => output.progress(progressLine(event)) });
      output.result(result, () => resultText(result));
    },
  });
}
