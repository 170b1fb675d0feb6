/**
 * Our `int8` against AI Edge Quantizer's static int8 and TensorFlow's converter: the same float `.tflite` (TensorFlow: the
 * same source model), the same calibration data, and all files run by one LiteRT on samples held out.
 *
 *     npx node bench/quantization.ts --python PATH [--keep FOLDER] [--write] [NAME…]
 *
 * PATH: a Python with ai-edge-quantizer, ai-edge-litert and tensorflow. --keep: the files stay there, and jobs that have
 * a result are not run again. --write: the tables go into docs/quantization.md. NAME: models whose name contains it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { FlotillaError } from "@flotilla/protocol/errors";
import { encodeNpz } from "@flotilla/protocol/npz";
import { convert } from "../converter/src/convert.ts";
import { modelPath, readManifest } from "../scripts/corpus/manifest.ts";
import { type Case, casesOf } from "./quantization/cases.ts";
import { samplesOf } from "./quantization/samples.ts";
import { header, type JobResult, printRow, type Row, summary } from "./quantization/table.ts";

const document = join(import.meta.dirname, "..", "docs", "quantization.md");
const [begin, end] = ["<!-- printed by bench/quantization.ts -->", "<!-- end of what bench/quantization.ts prints -->"];
const peersScript = join(import.meta.dirname, "peers", "quantize_peers.py");
/** Formats that TensorFlow's converter reads itself. */
const keptForTensorflow = ["keras-v3", "keras-h5", "saved-model"];

const { values, positionals } = parseArgs({
  options: { python: { type: "string" }, keep: { type: "string" }, write: { type: "boolean" } },
  allowPositionals: true,
});
const { python } = values;
if (python === undefined) throw new FlotillaError("CONFIG_INVALID", "Say which Python has the peers: --python PATH.");

const peers = spawn(python, [peersScript], { stdio: ["pipe", "pipe", "ignore"] });
const replies = linesOf(peers)[Symbol.asyncIterator]();
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), "flotilla-peers-")));
try {
  process.stdout.write(`${header}\n`);
  const rows: Row[] = [];
  for (const one of casesOf(await readManifest(), positionals)) {
    const row = { model: one.entry.model, format: one.entry.format, result: await resultOf(one) };
    rows.push(row);
    process.stdout.write(`${printRow(row)}\n`);
  }
  process.stdout.write(`\n${summary(rows)}\n`);
  if (values.write) await writeDocument(rows);
} finally {
  peers.stdin.end();
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true });
}

async function resultOf(one: Case): Promise<JobResult | string> {
  const job = join(folder, one.entry.model);
  const earlier = await readResult(job);
  if (earlier) return earlier;
  try {
    await mkdir(job, { recursive: true });
    await prepare(one, job);
  } catch (error) {
    return error instanceof FlotillaError ? `${error.code}: ${error.message.slice(0, 80)}` : `${error}`;
  }
  peers.stdin.write(`${job}\n`);
  const { done } = await replies.next();
  if (done) throw new FlotillaError("INTERNAL", "The peers' script has ended; run it by hand to see why.");
  return (await readResult(job)) ?? "the peers' script left no result";
}

async function* linesOf({ stdout }: ChildProcess): AsyncGenerator<string> {
  if (stdout) yield* createInterface(stdout);
}

async function readResult(job: string): Promise<JobResult | undefined> {
  const text = await readFile(join(job, "result.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

/** The float file, the data, our int8 file made from just these, and what the peers' script must know. */
async function prepare(one: Case, job: string): Promise<void> {
  const { entry } = one;
  const model = await modelPath(entry);
  const inputShapes = entry.inputShapes ? { inputShapes: entry.inputShapes } : {};
  const float = await convert({ model, output: job, name: "converted", prove: false, ...inputShapes });
  const [variant] = float.variants;
  if (!variant) throw new FlotillaError("INTERNAL", "There is no float variant.");
  const source = join(job, "float.tflite");
  await copyFile(variant.file, source);
  const { calibration, heldOut } = await samplesOf(one, variant.inputs);
  const data = join(job, "calibration.npz");
  await writeFile(data, encodeNpz(calibration));
  await writeFile(join(job, "heldout.npz"), encodeNpz(heldOut));
  const ours = await convert({
    model: source,
    output: job,
    name: "ours",
    recipes: ["int8"],
    prove: false,
    calibration: { path: data },
  });
  await copyFile(ours.variants[0]?.file ?? "", join(job, "ours.tflite"));
  const readable = keptForTensorflow.includes(entry.format);
  const description = { source: readable ? { format: entry.format, path: model } : null };
  await writeFile(join(job, "job.json"), JSON.stringify(description));
}

async function writeDocument(rows: readonly Row[]): Promise<void> {
  const before = await readFile(document, "utf8").catch(() => `# Quantization\n\n${begin}\n${end}\n`);
  const [head, rest = ""] = before.split(begin);
  const [, tail = ""] = rest.split(end);
  const versions = rows.map(({ result }) => (typeof result === "string" ? undefined : result.versions)).find(Boolean);
  const machine = `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`;
  const programs = Object.entries({ Node: process.version.slice(1), ...versions }).map(
    ([name, one]) => `${name} ${one}`,
  );
  const printed = [`${machine}; ${programs.join(", ")}.`, summary(rows), [header, ...rows.map(printRow)].join("\n")];
  await writeFile(document, `${head}${begin}\n\n${printed.join("\n\n")}\n\n${end}${tail}`);
}
