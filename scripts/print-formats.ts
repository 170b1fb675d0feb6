/** Prints docs/formats.md: what is read and written, from the lists that the readers themselves go by. */
import { onnxLowerings } from "@flotilla/converter/readers/onnx/lower/onnx-lowerings";
import { tfLowerings } from "@flotilla/converter/readers/tf-graph/lower/tf-lowerings";
import { layerLowerings } from "@flotilla/converter/readers/tfjs-layers/lower/layer-lowerings";
import { type SourceFormat, sourceFormats } from "@flotilla/converter/sources/source";

interface Read {
  readonly what: string;
  readonly toldBy: string;
  /** What the proof runs. */
  readonly provenBy: string;
  /** What is refused, in words; operators are listed below. */
  readonly refused: string;
}

const read: Readonly<Record<SourceFormat, Read>> = {
  "tfjs-layers": {
    what: "TFJS LayersModel: model.json and shards, also grouped and compressed (uint8, uint16, float16)",
    toldBy: '`"format": "layers-model"`, or a topology of layers',
    provenBy: "tfjs-layers",
    refused: "layers that are not below; int64 inputs",
  },
  "tfjs-graph": {
    what: "TFJS GraphModel: model.json and shards",
    toldBy: '`"format": "graph-model"`, or a topology of nodes',
    provenBy: "tfjs-converter",
    refused: "control flow, lists, strings, non-maximum suppression",
  },
  "keras-h5": {
    what: "Keras 2 and 3 whole-model `.h5`, optimizer or not",
    toldBy: "HDF5's signature",
    provenBy: "tfjs-layers where every layer means the same there, else `--golden`",
    refused: "files of weights only; custom layers and Lambda, by name; external links",
  },
  "keras-v3": {
    what: "Keras 3 `.keras`",
    toldBy: "a ZIP archive",
    provenBy: "tfjs-layers where every layer means the same there, else `--golden`",
    refused: "custom layers and Lambda, by name; sharded weights",
  },
  "saved-model": {
    what: "TensorFlow 1 and 2 SavedModel: functions inlined, variables from the tensor bundle",
    toldBy: "a folder with saved_model.pb",
    provenBy: "TensorFlow itself where tfjs-node is installed, else tfjs-converter on the unoptimised, frozen graph",
    refused: "control flow that only the run decides, lookup tables, strings",
  },
  "frozen-graph": {
    what: "TensorFlow frozen GraphDef `.pb`",
    toldBy: "a protobuf message that starts with a node",
    provenBy: "tfjs-converter",
    refused: "as for SavedModels",
  },
  onnx: {
    what: "ONNX, opsets 7 to 22, external data, local functions, `If` where its condition folds",
    toldBy: "a protobuf message that starts with the version of its format",
    provenBy: "onnxruntime-web",
    refused: "Loop, Scan, sparse initializers, sequences, strings",
  },
  tflite: {
    what: "`.tflite` of any version: several subgraphs and signatures, offset buffers, custom operators",
    toldBy: "the file identifier TFL3",
    provenBy: "LiteRT and the TFLite interpreter of 2023, each against itself",
    refused: "operators that are not in [ops.md](ops.md)",
  },
};

const written: readonly (readonly [string, string, string])[] = [
  [
    "tflite",
    "`.tflite`: operator versions by rule, signatures, minimum runtime version, metadata, more than 2 GB by offset buffers",
    "float32, float16, int8",
  ],
  [
    "tfjs",
    "TFJS GraphModel: fused operators, shards of 4 MiB; from any source",
    "float32, float16, weights-uint16, weights-uint8",
  ],
  [
    "tfjs-layers",
    "TFJS LayersModel with its weights compressed anew; from LayersModels, and Keras models whose layers tfjs has",
    "float32, float16, weights-uint16, weights-uint8",
  ],
];

export function renderFormats(): string {
  return [
    "# Formats",
    "",
    "Printed from the readers. A format is told by content, never by the name alone; `--format` says it outright. What cannot",
    "be converted is refused with a complete list of nodes, operators and reasons, before anything is written.",
    "",
    "## Read",
    "",
    "| `--format` | what | told by | proven by | refused |",
    "|---|---|---|---|---|",
    ...sourceFormats.map((format) => {
      const { what, toldBy, provenBy, refused } = read[format];
      return `| \`${format}\` | ${what} | ${toldBy} | ${provenBy} | ${refused} |`;
    }),
    "",
    "int64 becomes int32, float64 and float16 become float32, ends included; a constant that does not fit is refused. A",
    "dynamic batch becomes 1, but for GraphModels (`--to tfjs`) made of LayersModels and Keras models: those take batches of",
    "any size, and are proven in batches of two, unless a layer needs the number. Other dynamic sizes are given by",
    "`--input NAME=SHAPE`; `?` in a shape keeps a size dynamic. Sources in NCHW get NHWC ends unless `--keep-io-layout` is given.",
    "A Keras model of a mixed-precision policy computes in float32 here; record its outputs under the policy float32.",
    "",
    "## Proofs",
    "",
    "Without data, samples are random: floats from -1 to 1, inputs that are only ids from the whole table, other integers 0",
    "and 1. Where the source's own answers are NaN or infinite the result says so (`nonFinite`), and with more than half of",
    "an output so there is no proof.",
    "",
    "An element counts as a tie, and is listed (`ties`), only where the source itself gives the variant's value when its",
    "input moves by 2^-22 to 2^-14, at most 2 % of an output: at jumps and at ill-conditioned elements alike.",
    "",
    "Some nets are steeper than float32. basic-pitch's `.tflite` is up to 2.9e-4 from TensorFlow on random noise; so is the",
    "file of TensorFlow's own converter on the same inputs, while TensorFlow is 3.2e-5 from a float64 evaluation: it is the",
    "runtime's arithmetic, and no conversion's. Of M-LSD large each float32 runtime is 4e-5 to 2.5e-4 from float64.",
    "",
    "## Written",
    "",
    "| `--to` | what | recipes |",
    "|---|---|---|",
    ...written.map(([to, what, recipes]) => `| \`${to}\` | ${what} | ${recipes} |`),
    "",
    ...section("Layers", "tfjs-layers and Keras", layerLowerings.keys()),
    ...section("TensorFlow operators", "GraphModel, SavedModel, frozen graph", tfLowerings.keys()),
    ...section("ONNX operators", "default domain unless named", onnxLowerings.keys()),
  ].join("\n");
}

function section(title: string, of: string, names: Iterable<string>): string[] {
  const sorted = [...names].sort((a, b) => a.localeCompare(b, "en"));
  return [`## ${title}`, "", `${sorted.length}, of ${of}: ${sorted.map((name) => `\`${name}\``).join(" ")}`, ""];
}
