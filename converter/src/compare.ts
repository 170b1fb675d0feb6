/**
 * Where a `.tflite` file departs from the float model it was made of: every layer that both have, the worst first, its own
 * error apart from what it inherited. What `flotilla compare` shows; nothing is written but the report, where one is asked for.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import { readRecord } from "./conversion-record.ts";
import { type ModelInput, spreadIndices } from "./data/dataset.ts";
import { loadDataset } from "./data/load-dataset.ts";
import type { Preprocessing } from "./data/preparation.ts";
import { parametersOf } from "./file-facts.ts";
import { type Graph, type Model, tensorOf } from "./ir/graph.ts";
import { type OpenSourceOptions, openSource } from "./open-source.ts";
import { runPasses } from "./passes/pipeline.ts";
import { isQuantized } from "./quantize/is-quantized.ts";
import { pairsByName } from "./report/pairs.ts";
import type { Report } from "./report/report.ts";
import { checkReportPath } from "./report/report-path.ts";
import { reportVariant } from "./report/variant-report.ts";
import { writeReport } from "./report/write-report.ts";
import type { Sample } from "./runtimes/source-truth.ts";

const defaultSamples = 16;

export interface CompareOptions extends OpenSourceOptions {
  /** The float model, in any format. */
  readonly float: string;
  /** The `.tflite` made of it. */
  readonly variant: string;
  readonly data: string;
  readonly preprocess?: Preprocessing;
  /** Evenly spread over the data; default 16. */
  readonly samples?: number;
  /** An HTML file to write, with the same as JSON beside it. */
  readonly report?: string;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * @throws IO_*, FORMAT_*, UNSUPPORTED_*, CONFIG_INVALID (a quantized model in the float one's place, a bad name for the
 *   report), QUANT_CALIBRATION_* (data), CONFIG_UNRELATED when the two have no value in common
 */
export async function compare(options: CompareOptions): Promise<Report> {
  if (options.report !== undefined) await checkReportPath(options.report);
  const source = await openSource(options.float, options);
  if (hasIntegerValues(source.model)) throw notFloat(options.float);
  const { model: quantized, sha256 } = await openSource(options.variant, { format: "tflite" });
  const file = new Uint8Array(await readFile(options.variant));
  const record = await readRecord(options.variant, file);
  // The axes of the ends are the file's own choice: the float model is laid out like it.
  const layouts = source.channelsFirst === true ? (["channels-last", "keep"] as const) : (["keep"] as const);
  const candidates = layouts.map((ioLayout) =>
    match(isQuantized(source.model) ? source.model : runPasses(source.model, { ioLayout }), quantized),
  );
  const matched = candidates.find((one) => one !== null);
  if (!matched) throw unmatched(options);
  const { float, before, pairs, reordered } = matched;
  const inputs: ModelInput[] = before.inputs.map((id) => tensorOf(before, id));
  const data = await loadDataset(options.data, inputs, options.preprocess ?? record?.preprocessing);
  const samples: Sample[] = [];
  for (const at of spreadIndices(data.count, options.samples ?? defaultSamples)) samples.push(await data.sample(at));
  const variant = await reportVariant({
    facts: {
      name: basename(options.variant),
      recipe: record?.recipe ?? null,
      bytes: file.byteLength,
      sha256,
      parity: null,
      accuracy: null,
      calibration: null,
    },
    float,
    quantized,
    pairs,
    plan: null,
    samples,
    reordered,
    data: data.name,
    runtimes: [createTfliteRuntime(), createLitertRuntime()],
    ...(options.onProgress ? { progress: options.onProgress } : {}),
  });
  if (variant.unmeasured !== null)
    throw new FlotillaError("PROOF_UNAVAILABLE", variant.unmeasured, { details: { variant: options.variant } });
  const report: Report = {
    type: "report",
    version: 1,
    source: {
      name: basename(options.float),
      format: source.format,
      sha256: source.sha256,
      parameters: parametersOf(source.model),
    },
    variants: [variant],
  };
  if (options.report !== undefined) await writeReport(options.report, report);
  return report;
}

interface Match {
  readonly float: Model;
  readonly before: Graph;
  readonly pairs: ReturnType<typeof pairsByName>;
  readonly reordered: (sample: Sample) => Sample;
}

/** null where inputs differ, or nothing beyond them is in both. */
function match(float: Model, quantized: Model): Match | null {
  const [before] = float.graphs;
  const [after] = quantized.graphs;
  if (!before || !after || before.inputs.length !== after.inputs.length) return null;
  const places = inputPlaces(before, after);
  const made = new Set(before.nodes.flatMap(({ outputs }) => outputs));
  const pairs = pairsByName(before, after);
  if (!places || ![...pairs.keys()].some((id) => made.has(id))) return null;
  return {
    float,
    before,
    pairs,
    reordered: (sample) => places.flatMap((place) => (sample[place] ? [sample[place]] : [])),
  };
}

/** For each input of the file, which of the float model's it is: by name, or all by place. */
function inputPlaces(before: Graph, after: Graph): readonly number[] | null {
  const names = before.inputs.map((id) => tensorOf(before, id).name);
  const named = after.inputs.map((id) => names.indexOf(tensorOf(after, id).name));
  const places = named.every((place, at) => place >= 0 && named.indexOf(place) === at)
    ? named
    : names.map((_, at) => at);
  const fits = places.every((place, at) => {
    const [id, other] = [before.inputs[place], after.inputs[at]];
    if (id === undefined || other === undefined) return false;
    const [a, b] = [tensorOf(before, id).shape, tensorOf(after, other).shape];
    return a.length === b.length && a.every((size, axis) => size === b[axis]);
  });
  return fits ? places : null;
}

/** Integers that stand for values which the graph computes; narrow weights are no matter. */
const hasIntegerValues = ({ graphs }: Model): boolean =>
  graphs.some(({ tensors }) =>
    [...tensors.values()].some(
      ({ dtype, constant, quantization }) => !constant && quantization !== undefined && !dtype.startsWith("float"),
    ),
  );

const notFloat = (path: string): FlotillaError =>
  new FlotillaError(
    "CONFIG_INVALID",
    `${path} computes in integers: the first model is the float one, the second the .tflite made of it.`,
    { details: { path } },
  );

const unmatched = ({ float, variant }: CompareOptions): FlotillaError =>
  new FlotillaError(
    "CONFIG_UNRELATED",
    `${variant} and ${float} have no value in common: none of equal name and shape inside, or other inputs. ` +
      "Compare a file with the very model that it was made of; names of layers must have survived.",
    { details: { float, variant } },
  );
