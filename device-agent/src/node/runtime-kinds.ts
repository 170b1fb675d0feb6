/** The runtimes that a Node device can have, by the names that requirements use. */
import type { TfliteRuntime } from "../ports/tflite-runtime.ts";
import { createLitertRuntime } from "../runtimes/litert.ts";
import { createTfliteRuntime } from "../runtimes/tflite-wasm.ts";

export type RuntimeKind = "litert" | "tflite";
export const runtimeKinds: readonly RuntimeKind[] = ["litert", "tflite"];

export function createRuntime(kind: RuntimeKind): TfliteRuntime {
  switch (kind) {
    case "litert":
      return createLitertRuntime();
    case "tflite":
      return createTfliteRuntime();
  }
}
