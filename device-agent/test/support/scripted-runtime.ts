/**
 * A `TfliteRuntime` whose models are scripts in JSON: what a variant does (answers, fails, hangs, answers nonsense) is
 * written in a constant of its file, which is a sound `.tflite` to whoever looks. It stands for the runtime port in tests
 * of everything around it; real runtimes have their own.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { decodeFlatbuffer } from "@flotilla/protocol/flatbuffer/decode-flatbuffer";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { fileIdentifier, modelTable } from "@flotilla/protocol/tflite/schema";
import type { ManualClock } from "../../src/memory/manual-clock.ts";
import type { TfliteRuntime } from "../../src/ports/tflite-runtime.ts";
import { buildTinyModel } from "../runtimes/tiny-model.ts";

export const classCount = 4;

export interface Script {
  /** Tells files apart. */
  readonly name: string;
  readonly loads?: boolean;
  /** Answers with the class of the largest input, moved by this many. */
  readonly shift?: number;
  readonly delayMs?: number;
  readonly hangs?: boolean;
  /** From inputs whose mean is above this: one class, surely. */
  readonly collapsesAbove?: number;
  readonly failsAbove?: number;
  readonly nanAbove?: number;
  readonly slowAbove?: number;
  /** Makes the file larger than one chunk. */
  readonly padding?: string;
}

export function encodeScript(script: Script): Uint8Array {
  const data = new TextEncoder().encode(JSON.stringify(script));
  const shape = [1, classCount];
  return buildTinyModel({
    tensors: [
      { name: "image", type: "float32", shape },
      { name: "script", type: "uint8", shape: [data.length], data },
      { name: "scores", type: "float32", shape },
    ],
    operators: [{ kind: "add", inputs: [0, 0], outputs: [2] }],
    inputs: [0],
    outputs: [2],
  });
}

function decodeScript(bytes: Uint8Array): Script {
  const { subgraphs, buffers } = decodeFlatbuffer(bytes, modelTable, fileIdentifier);
  const data = buffers[subgraphs[0]?.tensors[1]?.buffer ?? 0]?.data.bytes();
  return JSON.parse(new TextDecoder().decode(data)) as Script;
}

export function answerOf(script: Script, input: NdArray): Float32Array {
  const values = Array.from(input.data, Number);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const above = (limit: number | undefined): boolean => limit !== undefined && mean > limit;
  if (above(script.failsAbove)) throw new FlotillaError("UNSUPPORTED_RUNTIME", "The script fails on this input.");
  if (above(script.nanAbove)) return new Float32Array(classCount).fill(Number.NaN);
  const largest = values.indexOf(Math.max(...values));
  const best = above(script.collapsesAbove) ? 0 : (largest + (script.shift ?? 0)) % classCount;
  const out = new Float32Array(classCount).fill(0.02);
  out[best] = 1 - 0.02 * (classCount - 1);
  return out;
}

/** @param clock runs let time pass on it, so that latencies are what the scripts say */
export function scriptedRuntime(clock: ManualClock, onLoad: (script: Script) => void = () => {}): TfliteRuntime {
  return {
    name: "scripted",
    version: "1.0.0",
    build: "test",
    async load(bytes) {
      const script = decodeScript(bytes);
      onLoad(script);
      if (script.loads === false) throw new FlotillaError("UNSUPPORTED_RUNTIME", "The script does not load.");
      const tensor = (name: string) => ({
        name,
        dtype: "float32" as const,
        shape: [1, classCount],
        quantization: null,
      });
      return {
        inputs: [tensor("image")],
        outputs: [tensor("scores")],
        async run([input]) {
          if (script.hangs) await new Promise(() => {});
          if (input === undefined) throw new FlotillaError("CONFIG_INVALID", "No input.");
          const mean = Array.from(input.data, Number).reduce((sum, value) => sum + value, 0) / classCount;
          const slow = script.slowAbove !== undefined && mean > script.slowAbove;
          clock.advance((script.delayMs ?? 1) * (slow ? 50 : 1));
          return [{ dtype: "float32", shape: [1, classCount], data: answerOf(script, input) }];
        },
        close: () => {},
      };
    },
  };
}

/** One input whose right answer is `label`; `mean` moves all values. */
export function inputFor(label: number, mean = 0): NdArray {
  const data = new Float32Array(classCount).fill(mean);
  data[label] = mean + 0.5;
  return { dtype: "float32", shape: [1, classCount], data };
}
