/**
 * Recorded inputs and outputs in place of a source runtime (`--golden FILE.npz`): `input/<name>` and `source/<output>`,
 * first axis = sample, the others as the source has them. Names are those of the signature, or of the tensors themselves;
 * dtypes are the source's, and become those that the graph has in their place (int64 int32, float64 float32).
 */
import { basename } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { decodeNpz } from "@flotilla/protocol/npz";
import { type Model, type Tensor, type TensorId, tensorOf } from "../ir/graph.ts";
import { type SourceAxes, sourceShape, toFileAxes } from "./file-axes.ts";
import type { Sample, SourceTruth } from "./source-truth.ts";

export interface RecordedTruth {
  readonly truth: SourceTruth;
  readonly samples: readonly Sample[];
}

/** @throws FORMAT_NPZ, FORMAT_GOLDEN with everything that is missing or does not fit */
export function recordedTruth(path: string, bytes: Uint8Array, model: Model): RecordedTruth {
  const arrays = decodeNpz(bytes);
  const [graph] = model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  const misfits: string[] = [];
  const columns = (prefix: "input" | "source", ids: readonly TensorId[]) =>
    ids.flatMap((id): Column[] => {
      const { name, shape: stored, dtype, sourceAxes = null } = tensorOf(graph, id);
      const expected = sourceShape(stored, sourceAxes);
      const names = [...userNamesOf(model, prefix, id), name];
      const key = names.map((one) => `${prefix}/${one}`).find((one) => arrays.has(one)) ?? `${prefix}/${names[0]}`;
      const found = arrays.get(key);
      const shape = found && shapeOfSamples(found, expected);
      const array = found && prefix === "input" ? asDType(found, dtype) : found;
      const takes = `${dtype} [samples, ${bareOf(expected).join(", ")}]`;
      if (!found) misfits.push(`"${key}" is missing: ${takes}`);
      else if (!shape) misfits.push(`"${key}" is [${found.shape.join(", ")}], not ${takes}`);
      else if (prefix === "input" && array?.dtype !== dtype) misfits.push(`"${key}" is ${found.dtype}, not ${takes}`);
      return array && shape ? [{ key, array, shape, sourceAxes }] : [];
    });
  const inputs = columns("input", graph.inputs);
  const outputs = columns("source", graph.outputs);
  const counts = [...inputs, ...outputs].map(({ key, array }) => ({ key, count: array.shape[0] ?? 0 }));
  const count = Math.min(...counts.map((one) => one.count));
  if (counts.some((one) => one.count !== count)) {
    misfits.push(`numbers of samples differ (${counts.map((one) => `"${one.key}" ${one.count}`).join(", ")})`);
  }
  if (misfits.length > 0) throw misfit(path, misfits, arrays);
  const row = ({ array, shape, sourceAxes }: Column, index: number): NdArray => {
    const size = array.data.length / count;
    const data = array.data.slice(index * size, (index + 1) * size);
    return toFileAxes({ dtype: array.dtype, shape, data }, sourceAxes);
  };
  const samples = Array.from({ length: count }, (_, index) => inputs.map((column) => row(column, index)));
  const answers = new Map(samples.map((sample, index) => [sample, outputs.map((column) => row(column, index))]));
  return {
    samples,
    truth: {
      label: `recorded ${basename(path)}`,
      run: async (asked) =>
        asked.map((sample) => {
          const answer = answers.get(sample as NdArray[]);
          if (answer) return answer;
          throw new FlotillaError("PROOF_UNAVAILABLE", `${basename(path)} has no outputs for this sample.`);
        }),
      close: () => undefined,
    },
  };
}

/** One array of the file, and the shape that one sample of it has in the source. */
interface Column {
  readonly key: string;
  readonly array: NdArray;
  readonly shape: readonly number[];
  readonly sourceAxes: SourceAxes;
}

/** A sample's sizes without the batch axis, which the samples take the place of. */
const bareOf = (expected: readonly number[]): readonly number[] =>
  expected[0] === 1 || expected[0] === -1 ? expected.slice(1) : expected;

/** The shape of each sample, sizes that the model leaves open being the data's; null where they do not fit. */
function shapeOfSamples({ shape, data }: NdArray, expected: readonly number[]): readonly number[] | null {
  const [count = 0, ...sizes] = shape;
  if (count === 0) return null;
  const fits = (wanted: readonly number[]) =>
    wanted.length === sizes.length && wanted.every((size, axis) => size === -1 || size === sizes[axis]);
  if (fits(expected)) return sizes;
  const bare = bareOf(expected);
  if (bare.length < expected.length && fits(bare)) return [1, ...sizes];
  const length = expected.reduce((product, size) => product * size, 1);
  return expected.every((size) => size >= 0) && data.length === length * count ? expected : null;
}

function misfit(path: string, misfits: readonly string[], arrays: ReadonlyMap<string, NdArray>): FlotillaError {
  const holds = [...arrays].map(([key, { dtype, shape }]) => `${key} ${dtype} [${shape.join(", ")}]`);
  return new FlotillaError(
    "FORMAT_GOLDEN",
    `${basename(path)} does not fit the model: ${misfits.join("; ")}. It holds ${holds.join(", ") || "nothing"}.`,
    { details: { misfits, holds } },
  );
}

/** What users call an end: its names in the signatures of the main graph. */
const userNamesOf = ({ signatures }: Model, prefix: "input" | "source", id: TensorId): readonly string[] =>
  signatures
    .filter(({ graph }) => graph === 0)
    .flatMap(({ inputs, outputs }) => (prefix === "input" ? inputs : outputs))
    .filter(({ tensor }) => tensor === id)
    .map(({ name }) => name);

/** An array in the dtype that stands for its own in the graph. */
function asDType(array: NdArray, dtype: Tensor["dtype"]): NdArray {
  if (array.dtype === dtype) return array;
  const values: ArrayLike<number> = array.data instanceof BigInt64Array ? Array.from(array.data, Number) : array.data;
  if (dtype === "int32") return { dtype, shape: array.shape, data: Int32Array.from(values) };
  if (dtype === "float32" && array.dtype !== "float16")
    return { dtype, shape: array.shape, data: Float32Array.from(values) };
  return array;
}
