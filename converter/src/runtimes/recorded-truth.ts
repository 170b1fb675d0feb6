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
import { sourceShape, toFileAxes } from "./file-axes.ts";
import type { Sample, SourceTruth } from "./source-truth.ts";

export interface RecordedTruth {
  readonly truth: SourceTruth;
  readonly samples: readonly Sample[];
}

/** @throws FORMAT_NPZ, QUANT_CALIBRATION_SHAPE for arrays that are missing or do not fit */
export function recordedTruth(path: string, bytes: Uint8Array, model: Model): RecordedTruth {
  const arrays = decodeNpz(bytes);
  const [graph] = model.graphs;
  if (!graph) throw new FlotillaError("GRAPH_INVALID", "The model has no graph.");
  const columns = (prefix: "input" | "source", ids: readonly TensorId[]) =>
    ids.map((id) => {
      const { name, shape: stored, dtype, sourceAxes = null } = tensorOf(graph, id);
      const shape = sourceShape(stored, sourceAxes);
      const names = [...userNamesOf(model, prefix, id), name];
      const array = names.map((one) => arrays.get(`${prefix}/${one}`)).find((one) => one !== undefined);
      const size = shape.reduce((product, one) => product * Math.max(one, 1), 1);
      const count = array?.shape[0] ?? 0;
      if (array && count > 0 && array.data.length === size * count) {
        return { array: prefix === "input" ? asDType(array, dtype) : array, shape, sourceAxes };
      }
      const expected = `${prefix}/${names[0] ?? ""}`;
      throw new FlotillaError(
        "QUANT_CALIBRATION_SHAPE",
        `${basename(path)} has no "${expected}" with samples of [${shape.join(", ")}].`,
        {
          details: { expected, shape, found: [...arrays].map(([key, found]) => `${key} [${found.shape.join(", ")}]`) },
        },
      );
    });
  const inputs = columns("input", graph.inputs);
  const outputs = columns("source", graph.outputs);
  const counts = [...inputs, ...outputs].map(({ array }) => array.shape[0] ?? 0);
  const count = Math.min(...counts);
  if (counts.some((one) => one !== count)) {
    throw new FlotillaError(
      "QUANT_CALIBRATION_SHAPE",
      `${basename(path)} holds different numbers of samples: ${counts}.`,
    );
  }
  const row = ({ array, shape, sourceAxes }: (typeof inputs)[number], index: number): NdArray => {
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
