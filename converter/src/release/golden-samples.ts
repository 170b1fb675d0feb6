/** Golden samples of a release out of data: evenly spread inputs, and what the source's own runtime answers to them. */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { type Dataset, spreadIndices } from "../data/dataset.ts";
import type { OpenedSource } from "../open-source.ts";
import { type EndAxes, inFileAxes } from "../runtimes/file-axes.ts";
import type { Sample } from "../runtimes/source-truth.ts";
import { type GoldenSamples, stackSamples } from "./golden.ts";

/** Samples are in the file's axes. `runtimes`: for a `.tflite` source, best first. @throws PROOF_UNAVAILABLE when the source cannot be run here */
export async function goldenSamples(
  source: OpenedSource,
  axes: EndAxes,
  dataset: Dataset,
  count: number,
  runtimes: readonly TfliteRuntime[],
): Promise<GoldenSamples> {
  const inputs: Sample[] = [];
  for (const index of spreadIndices(dataset.count, count)) inputs.push(await dataset.sample(index));
  const truth = inFileAxes(await source.truth(runtimes), axes);
  try {
    const outputs: Sample[] = [];
    for (const sample of inputs) outputs.push(...(await truth.run([sample])));
    return { inputs: stackEach(inputs), sourceOutputs: stackEach(outputs) };
  } finally {
    truth.close();
  }
}

const stackEach = (samples: readonly Sample[]) =>
  (samples[0] ?? []).map((_, place) => stackSamples(samples.flatMap((sample) => sample[place] ?? [])));
