/**
 * Answers of one model as the recorded answers of another that holds the same net in another format: what the twin's own
 * runtime gives for seeded random samples, under the names of the model in question.
 */
import { writeFile } from "node:fs/promises";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpz } from "@flotilla/protocol/npz";
import { randomDataset } from "../../converter/src/data/random-dataset.ts";
import { tensorOf } from "../../converter/src/ir/graph.ts";
import { openSource } from "../../converter/src/open-source.ts";

export interface Twin {
  /** Another entry of the manifest; with one input, as this one. */
  readonly model: string;
  readonly input: string;
  /** Output of this model → output of the twin. */
  readonly outputs: Readonly<Record<string, string>>;
}

const samples = 8;

/** Writes a `.npz` as `convert` takes it for `golden`. `twinPath`: the twin's file. */
export async function writeTwinAnswers(path: string, twinPath: string, twin: Twin): Promise<void> {
  const source = await openSource(twinPath);
  const [graph] = source.model.graphs;
  const [signature] = source.model.signatures;
  if (!graph || !signature) throw new FlotillaError("GRAPH_INVALID", `${twinPath} has no graph or no signature.`);
  const inputs = graph.inputs.map((id) => tensorOf(graph, id));
  const data = randomDataset(inputs, samples);
  const truth = await source.truth([createLitertRuntime(), createTfliteRuntime()]);
  const columns = new Map<string, NdArray[]>();
  const add = (name: string, array: NdArray | undefined) => {
    if (!array) throw new FlotillaError("CONFIG_INVALID", `The twin ${twin.model} has nothing for "${name}".`);
    columns.set(name, [...(columns.get(name) ?? []), array]);
  };
  try {
    for (let at = 0; at < samples; at++) {
      const sample = await data.sample(at);
      const [answer = []] = await truth.run([sample]);
      add(`input/${twin.input}`, sample[0]);
      for (const [name, other] of Object.entries(twin.outputs)) {
        const tensor = signature.outputs.find((output) => output.name === other)?.tensor;
        add(`source/${name}`, tensor === undefined ? undefined : answer[graph.outputs.indexOf(tensor)]);
      }
    }
  } finally {
    truth.close();
  }
  await writeFile(path, encodeNpz(new Map([...columns].map(([name, rows]) => [name, stacked(rows)]))));
}

/** Float arrays of one shape, one after the other. */
function stacked(rows: readonly NdArray[]): NdArray {
  const shape = [rows.length, ...(rows[0]?.shape ?? [])];
  const data = Float32Array.from(rows.flatMap((row) => Array.from(row.data, Number)));
  return { dtype: "float32", shape, data };
}
