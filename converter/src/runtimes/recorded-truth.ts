/**
 * Recorded inputs and outputs in place of a source runtime (`--golden FILE.npz`): `input/<name>` and `source/<output>`,
 * first axis = sample, the others as the source has them. Names are those of the graph's inputs and outputs.
 */
import { basename } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { decodeNpz } from "@flotilla/protocol/npz";
import { type Graph, type TensorId, tensorOf } from "../ir/graph.ts";
import { sourceShape, toFileAxes } from "./file-axes.ts";
import type { Sample, SourceTruth } from "./source-truth.ts";

export interface RecordedTruth {
  readonly truth: SourceTruth;
  readonly samples: readonly Sample[];
}

/** @throws FORMAT_NPZ, QUANT_CALIBRATION_SHAPE for arrays that are missing or do not fit */
export function recordedTruth(path: string, bytes: Uint8Array, graph: Graph): RecordedTruth {
  const arrays = decodeNpz(bytes);
  const columns = (prefix: string, ids: readonly TensorId[]) =>
    ids.map((id) => {
      const { name, shape: stored, sourceAxes = null } = tensorOf(graph, id);
      const shape = sourceShape(stored, sourceAxes);
      const array = arrays.get(`${prefix}/${name}`);
      const size = shape.reduce((product, one) => product * Math.max(one, 1), 1);
      if (array?.shape[0] && array.data.length === size * array.shape[0]) return { array, shape, sourceAxes };
      throw new FlotillaError(
        "QUANT_CALIBRATION_SHAPE",
        `${basename(path)} has no "${prefix}/${name}" with samples of [${shape.join(", ")}].`,
        { details: { expected: `${prefix}/${name}`, shape, found: [...arrays.keys()] } },
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
