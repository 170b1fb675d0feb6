/**
 * Runs a variant on the source model's samples, whatever dtypes its inputs and outputs have: floats are quantized on the
 * way in and integers dequantized on the way out, by the scales that the file states.
 */
import type { LoadedModel, RuntimeTensor, TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { clamp, roundHalfAwayFromZero } from "../quantize/rounding.ts";
import { readTflite } from "../readers/tflite/read-tflite.ts";
import { fixedCopy } from "./fixed-copy.ts";
import { runtimeLabel, type Sample } from "./source-truth.ts";

export interface VariantRunner {
  readonly outputs: readonly Pick<RuntimeTensor, "quantization">[];
  /** What runs it, e.g. "litert 2.5.3 (wasm-relaxed-simd)"; some runtimes change their build with the first run. */
  label(): string;
  /** Every output as real numbers. */
  run(sample: Sample): Promise<readonly ArrayLike<number>[]>;
  close(): void;
}

/** One runtime that may run a variant. */
export interface VariantOpener {
  readonly name: string;
  /** @throws UNSUPPORTED_RUNTIME when the runtime cannot load it */
  open(): Promise<VariantRunner>;
}

/** A `.tflite` variant in each of the runtimes. */
export const tfliteOpeners = (bytes: Uint8Array, runtimes: readonly TfliteRuntime[]): readonly VariantOpener[] =>
  runtimes.map((runtime) => ({ name: runtime.name, open: () => openVariant(bytes, runtime) }));

/** @throws UNSUPPORTED_RUNTIME when the runtime cannot load it */
export async function openVariant(bytes: Uint8Array, runtime: TfliteRuntime): Promise<VariantRunner> {
  const dynamic = dynamicOutputs(bytes);
  if (dynamic) return openDynamic(bytes, runtime, dynamic);
  const loaded: LoadedModel = await runtime.load(bytes);
  return {
    outputs: loaded.outputs,
    label: () => runtimeLabel(runtime),
    run: (sample) => runOnce(loaded, sample),
    close: () => loaded.close(),
  };
}

type Outputs = VariantRunner["outputs"];

/** A file with dynamic sizes runs as a copy that has those of the sample: of each size, until another comes. */
function openDynamic(bytes: Uint8Array, runtime: TfliteRuntime, outputs: Outputs): VariantRunner {
  let fixed: { readonly key: string; readonly model: LoadedModel } | undefined;
  return {
    outputs,
    label: () => runtimeLabel(runtime),
    run: async (sample) => {
      const shapes = sample.map(({ shape }) => shape);
      const key = JSON.stringify(shapes);
      if (fixed?.key !== key) {
        fixed?.model.close();
        fixed = undefined;
        fixed = { key, model: await runtime.load(fixedCopy(bytes, shapes)) };
      }
      return runOnce(fixed.model, sample);
    },
    close: () => fixed?.model.close(),
  };
}

async function runOnce(model: LoadedModel, sample: Sample): Promise<readonly ArrayLike<number>[]> {
  const results = await model.run(sample.map((array, at) => asInput(array, model.inputs[at])));
  return results.map((result, at) => asReals(result, model.outputs[at]));
}

/** The outputs of a file whose inputs have dynamic sizes: told by the file, for runtimes show such a size as 1. */
function dynamicOutputs(bytes: Uint8Array): Outputs | undefined {
  const [main] = readTflite(bytes).graphs;
  if (!main?.inputs.some((id) => main.tensors.get(id)?.shape.includes(-1))) return undefined;
  return main.outputs.map((id) => {
    const [scale, ...more] = main.tensors.get(id)?.quantization?.scales ?? [];
    const zeroPoint = main.tensors.get(id)?.quantization?.zeroPoints[0] ?? 0;
    return { quantization: scale === undefined || more.length > 0 ? null : { scale, zeroPoint } };
  });
}

const ranges = { int8: [-128, 127], uint8: [0, 255], int16: [-32_768, 32_767] } as const;
const arrays = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array } as const;

/** A float array in the dtype that an integer input takes; anything else as it is. */
export function asInput(array: NdArray, input: RuntimeTensor | undefined): NdArray {
  if (!(array.data instanceof Float32Array) || !input?.quantization) return array;
  const { scale, zeroPoint } = input.quantization;
  if (input.dtype !== "int8" && input.dtype !== "uint8" && input.dtype !== "int16") return array;
  const [low, high] = ranges[input.dtype];
  const quantized = Array.from(array.data, (value) =>
    clamp(roundHalfAwayFromZero(Math.fround(value / scale)) + zeroPoint, low, high),
  );
  const data = arrays[input.dtype].from(quantized);
  return { dtype: input.dtype, shape: array.shape, data };
}

/** The real numbers of an array: dequantized where it is a quantized integer. */
export function asReals({ dtype, data }: NdArray, tensor?: Pick<RuntimeTensor, "quantization">): ArrayLike<number> {
  if (data instanceof BigInt64Array) return Array.from(data, Number);
  const quantization = tensor?.quantization;
  if (!quantization || dtype.startsWith("float")) return data;
  const integers: ArrayLike<number> = data;
  return Float64Array.from(integers, (value) => (value - quantization.zeroPoint) * quantization.scale);
}
