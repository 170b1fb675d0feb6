/**
 * Data in arrays: `.npz` (one array per input name, first axis = sample, `labels`), `.npy` (models with one input, answers
 * in a `labels.npy` beside it), `.json` (a list of samples) and `.jsonl` (one sample a line). A JSON sample is
 * `{"<input>": nested numbers, "label": class}`, or just the nested numbers where the model has one input.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { sha256Hex } from "@flotilla/protocol/digest";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { decodeNpy } from "@flotilla/protocol/npy";
import { decodeNpz } from "@flotilla/protocol/npz";
import type { Dataset, ModelInput } from "./dataset.ts";
import type { Preparation } from "./preparation.ts";

const maxRank = 8;

export function readNpz(path: string, bytes: Uint8Array, prepare: Preparation): Dataset {
  const arrays = decodeNpz(bytes);
  const labels = arrays.get("labels");
  return arrayDataset(basename(path), sha256Hex(bytes), arrays, labels, prepare);
}

export function readNpy(path: string, bytes: Uint8Array, prepare: Preparation): Dataset {
  const only = soleInput(prepare.inputs, path);
  const beside = join(dirname(path), "labels.npy");
  const labels = existsSync(beside) ? decodeNpy(new Uint8Array(readFileSync(beside))) : undefined;
  const arrays = new Map([[only.name, decodeNpy(bytes)]]);
  return arrayDataset(basename(path), sha256Hex(bytes), arrays, labels, prepare);
}

function arrayDataset(
  name: string,
  digest: string,
  arrays: ReadonlyMap<string, NdArray>,
  labels: NdArray | undefined,
  prepare: Preparation,
): Dataset {
  const columns = prepare.inputs.map((input) => {
    const array = arrays.get(input.name);
    if (array) return array;
    throw new FlotillaError(
      "QUANT_CALIBRATION_SHAPE",
      `"${name}" has no array "${input.name}"; it has ${[...arrays.keys()].map((key) => `"${key}"`).join(", ")}. ` +
        "Name the arrays as the model's inputs.",
      { details: { name, expected: prepare.inputs.map((one) => one.name), found: [...arrays.keys()] } },
    );
  });
  const count = columns[0]?.shape[0] ?? 0;
  const lengths = [...columns, ...(labels ? [labels] : [])].map((array) => array.shape[0] ?? 0);
  if (lengths.some((length) => length !== count)) {
    throw new FlotillaError(
      "QUANT_CALIBRATION_SHAPE",
      `The arrays in "${name}" hold different numbers of samples: ${lengths.join(", ")}.`,
      { details: { name, found: lengths } },
    );
  }
  return {
    name,
    digest,
    count,
    labels: labels ? classesOf(labels, name) : null,
    sample: async (index) =>
      prepare.inputs.map((input, at) => {
        const column = columns[at];
        if (!column) throw new FlotillaError("INTERNAL", `input ${at} has no column`);
        return prepare.array(rowOf(column, index), input, `sample ${index} of "${name}"`);
      }),
  };
}

/** One class number a sample; one-hot rows would otherwise be read as ten times as many answers. */
function classesOf({ shape, data }: NdArray, name: string): number[] {
  const classes = Array.from(data, Number);
  const count = shape[0] ?? 0;
  if (classes.length === count && classes.every((one) => Number.isInteger(one) && one >= 0)) return classes;
  throw new FlotillaError(
    "QUANT_CALIBRATION_SHAPE",
    `The labels of "${name}" are [${shape.join(", ")}]; they must be one class number from 0 on for each sample.`,
    { details: { name, found: shape, expected: [count] } },
  );
}

function rowOf(array: NdArray, index: number): NdArray {
  const shape = array.shape.slice(1);
  const length = shape.reduce((product, size) => product * size, 1);
  return { dtype: array.dtype, shape, data: array.data.slice(index * length, (index + 1) * length) };
}

export function readJson(path: string, bytes: Uint8Array, prepare: Preparation): Dataset {
  const name = basename(path);
  const text = new TextDecoder().decode(bytes);
  const parsed = path.toLowerCase().endsWith(".jsonl")
    ? text.split("\n").flatMap((line, at) => (line.trim() === "" ? [] : [parseJson(line, `${name}, line ${at + 1}`)]))
    : parseJson(text, name);
  if (!Array.isArray(parsed)) throw malformed(`${name} is not a list of samples.`);
  const samples = parsed.map((sample: unknown, at) => jsonSample(sample, prepare.inputs, `sample ${at} of "${name}"`));
  const labelled = samples.filter((sample) => sample.label !== null).length;
  if (labelled !== 0 && labelled !== samples.length) {
    throw malformed(`${name}: ${labelled} of ${samples.length} samples have a label; either all or none must.`);
  }
  return {
    name,
    digest: sha256Hex(bytes),
    count: samples.length,
    labels: labelled > 0 ? samples.map((sample) => sample.label ?? -1) : null,
    sample: async (index) =>
      prepare.inputs.map((input, at) => {
        const array = samples[index]?.arrays[at];
        if (!array) throw new FlotillaError("INTERNAL", `sample ${index} has no input ${at}`);
        return prepare.array(array, input, `sample ${index} of "${name}"`);
      }),
  };
}

interface JsonSample {
  readonly arrays: readonly NdArray[];
  readonly label: number | null;
}

function jsonSample(sample: unknown, inputs: readonly ModelInput[], where: string): JsonSample {
  if (Array.isArray(sample) || typeof sample === "number") {
    const only = inputs.length === 1 ? inputs[0] : undefined;
    if (!only) throw malformed(`${where}: the model has ${inputs.length} inputs, so a sample must name them.`);
    return { arrays: [nestedArray(sample, only, where)], label: null };
  }
  if (typeof sample !== "object" || sample === null) throw malformed(`${where} is neither numbers nor an object.`);
  const fields = new Map<string, unknown>(Object.entries(sample));
  const label = fields.get("label");
  if (label !== undefined && !Number.isInteger(label)) throw malformed(`${where}: its label is not an integer.`);
  const arrays = inputs.map((input) => {
    if (!fields.has(input.name)) throw malformed(`${where} has no field "${input.name}".`);
    return nestedArray(fields.get(input.name), input, where);
  });
  return { arrays, label: typeof label === "number" ? label : null };
}

function nestedArray(value: unknown, input: ModelInput, where: string): NdArray {
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) {
    if (shape.length === maxRank) throw malformed(`${where}: "${input.name}" is nested deeper than ${maxRank}.`);
    shape.push(level.length);
  }
  const flat: number[] = [];
  const visit = (part: unknown, depth: number): void => {
    if (depth === shape.length) {
      if (typeof part !== "number") throw malformed(`${where}: "${input.name}" holds something that is no number.`);
      flat.push(part);
      return;
    }
    if (!Array.isArray(part) || part.length !== shape[depth]) {
      throw malformed(`${where}: "${input.name}" has rows of different lengths.`);
    }
    for (const inner of part) visit(inner, depth + 1);
  };
  visit(value, 0);
  if (input.dtype === "float32") return { dtype: "float32", shape, data: Float32Array.from(flat) };
  return { dtype: "int64", shape, data: BigInt64Array.from(flat, (one) => BigInt(Math.trunc(one))) };
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlotillaError("FORMAT_JSON", `${where} is not JSON.`, { details: { where }, cause });
  }
}

const malformed = (message: string): FlotillaError => new FlotillaError("QUANT_CALIBRATION_SHAPE", message);

function soleInput(inputs: readonly ModelInput[], path: string): ModelInput {
  const [only] = inputs;
  if (only && inputs.length === 1) return only;
  throw new FlotillaError(
    "QUANT_CALIBRATION_SHAPE",
    `The model has ${inputs.length} inputs and ${basename(path)} holds one array. Use .npz with one array per input.`,
    { details: { expected: inputs.map((input) => input.name) } },
  );
}
