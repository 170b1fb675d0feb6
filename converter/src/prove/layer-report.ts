/**
 * Where a quantized variant loses precision: the SQNR of every activation that exists in both graphs, by tapping both in
 * the fixed build. The two run apart, so errors add up along the graph as they do on a device.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { byteSize, type Model, type Tensor, type TensorId, tensorOf } from "../ir/graph.ts";
import type { Sample } from "../runtimes/source-truth.ts";
import { tapActivations } from "../runtimes/tap-activations.ts";
import { asReals } from "../runtimes/variant-runner.ts";
import { decibels } from "./decibels.ts";

/** Float activations held at a time, while the quantized graph is run on the same samples. */
const heldBytes = 256 * 2 ** 20;

export interface LayerError {
  readonly tensor: string;
  /** The operator that makes it, and its place in the float graph. */
  readonly operator: string;
  readonly node: number;
  /** null when identical. */
  readonly sqnrDb: number | null;
}

export interface LayerReportRequest {
  readonly float: Model;
  readonly quantized: Model;
  /** Tensor of the float graph → the same value in the quantized one. */
  readonly pairs: ReadonlyMap<TensorId, TensorId>;
  readonly samples: readonly Sample[];
  readonly runtime: TfliteRuntime;
}

/** In the order of the float graph. */
export async function layerReport(request: LayerReportRequest): Promise<LayerError[]> {
  const { float, quantized, samples, runtime } = request;
  const [before] = float.graphs;
  const [after] = quantized.graphs;
  if (!before || !after) return [];
  const made = before.nodes.flatMap((node, at) => node.outputs.map((id) => ({ id, node, at })));
  const compared = made.filter(({ id }) => request.pairs.has(id));
  const sums = new Map(compared.map(({ id }) => [id, { signal: 0, noise: 0 }]));
  const tensors = compared.map(({ id }) => id);
  const back = new Map(compared.flatMap(({ id }) => [[request.pairs.get(id) ?? id, id] as const]));
  const sampleBytes = tensors.reduce((sum, id) => sum + byteSize("float32", tensorOf(before, id).shape), 1);
  const chunk = Math.max(1, Math.floor(heldBytes / sampleBytes));
  for (let start = 0; start < samples.length; start += chunk) {
    const part = samples.slice(start, start + chunk);
    const numbered = { count: part.length, sample: (index: number) => Promise.resolve(part[index] ?? []) };
    const expected = new Map<string, ArrayLike<number>>();
    await tapActivations({
      model: float,
      runtime,
      tensors,
      samples: numbered,
      visit: (id, sample, value) => expected.set(`${id}:${sample}`, asReals(value)),
    });
    await tapActivations({
      model: quantized,
      runtime,
      tensors: [...back.keys()],
      samples: numbered,
      visit: (id, sample, value) => {
        const source = back.get(id);
        const sum = source === undefined ? undefined : sums.get(source);
        const wanted = expected.get(`${source}:${sample}`);
        if (sum && wanted) addErrors(sum, wanted, value, tensorOf(after, id));
      },
    });
  }
  return compared.map(({ id, node, at }) => {
    const { signal, noise } = sums.get(id) ?? { signal: 0, noise: 0 };
    return { tensor: tensorOf(before, id).name, operator: node.kind, node: at, sqnrDb: decibels(signal, noise) };
  });
}

function addErrors(
  sum: { signal: number; noise: number },
  wanted: ArrayLike<number>,
  value: NdArray,
  { quantization }: Tensor,
): void {
  const scale = quantization?.scales[0] ?? 1;
  const zeroPoint = quantization?.zeroPoints[0] ?? 0;
  for (let at = 0; at < wanted.length; at++) {
    const a = wanted[at] ?? 0;
    const error = a - (Number(value.data[at]) - zeroPoint) * scale;
    sum.signal += a * a;
    sum.noise += error * error;
  }
}
