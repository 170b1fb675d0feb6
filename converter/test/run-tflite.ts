/** Runs a float `.tflite` in both runtimes that devices use; tests compare what comes out with what should. */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";

/** The fixed build: it also takes files with dynamic sizes. */
export const fixedBuild = createTfliteRuntime();
export const litert = createLitertRuntime({ build: "wasm-simd" });
const runtimes: readonly TfliteRuntime[] = [fixedBuild, litert];

export interface RuntimeResult {
  readonly runtime: string;
  readonly outputs: readonly Float32Array[];
}

/** The outputs of each sample, in the file's order, by runtime. */
export async function runSamplesInRuntimes(
  bytes: Uint8Array,
  samples: readonly (readonly Float32Array[])[],
  which: readonly TfliteRuntime[] = runtimes,
): Promise<{ runtime: string; samples: Float32Array[][] }[]> {
  const results = [];
  for (const runtime of which) {
    const model = await runtime.load(bytes);
    try {
      const found: Float32Array[][] = [];
      for (const inputs of samples) {
        const arrays = model.inputs.map(({ shape, dtype }, index): NdArray => {
          const data = inputs[index]!;
          return dtype === "int32" ? { dtype, shape, data: Int32Array.from(data) } : { dtype: "float32", shape, data };
        });
        found.push((await model.run(arrays)).map(({ data }) => floats(data)));
      }
      results.push({ runtime: runtime.name, samples: found });
    } finally {
      model.close();
    }
  }
  return results;
}

/** The outputs of one sample. */
export async function runInRuntimes(bytes: Uint8Array, inputs: readonly Float32Array[]): Promise<RuntimeResult[]> {
  const results = await runSamplesInRuntimes(bytes, [inputs]);
  return results.map(({ runtime, samples }) => ({ runtime, outputs: samples[0]! }));
}

/** The outputs of one sample in the fixed build alone. */
export async function runInFixedBuild(bytes: Uint8Array, inputs: readonly Float32Array[]): Promise<Float32Array[]> {
  const [result] = await runSamplesInRuntimes(bytes, [inputs], [fixedBuild]);
  return result!.samples[0]!;
}

function floats(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Int32Array) return Float32Array.from(data);
  throw new FlotillaError("GRAPH_INVALID", "A float model gave another dtype.");
}

/** max|a − b| / max|a|, infinite where anything is NaN. The full definition over samples is `prove/parity.ts`. */
export function worstRelative(expected: Float32Array, found: Float32Array): number {
  let [difference, greatest] = [0, 0];
  for (const [i, value] of expected.entries()) {
    const apart = Math.abs(value - (found[i] ?? Number.NaN));
    if (Number.isNaN(apart)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, apart);
    greatest = Math.max(greatest, Math.abs(value));
  }
  return difference / Math.max(greatest, 1e-6);
}
