/**
 * Recorded inputs and outputs in place of a source runtime (`--golden FILE.npz`): `input/<name>` and `source/<output>`,
 * first axis = sample. Names are those of the graph's inputs and outputs.
 */
import { basename } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { decodeNpz } from "@flotilla/protocol/npz";
import { type Graph, type TensorId, tensorOf } from "../ir/graph.ts";
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
      const { name, shape } = tensorOf(graph, id);
      const array = arrays.get(`${prefix}/${name}`);
      const size = shape.reduce((product, one) => product * Math.max(one, 1), 1);
      if (array?.shape[0] && array.data.length === size * array.shape[0]) return { array, shape };
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
  const row = ({ array, shape }: { array: NdArray; shape: readonly number[] }, index: number): NdArray => {
    const size = array.data.length / count;
    return { dtype: array.dtype, shape, data: array.data.slice(index * size, (index + 1) * size) };
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
