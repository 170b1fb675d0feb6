/** What worker-runtime.ts and runtime-worker.ts say to each other. Arrays travel by structured clone. */
import type { ErrorCode } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import type { RuntimeTensor } from "../ports/tflite-runtime.ts";

export type WorkerRequest =
  | { readonly kind: "load"; readonly bytes: Uint8Array }
  | { readonly kind: "run"; readonly model: number; readonly inputs: readonly NdArray[] }
  | { readonly kind: "close"; readonly model: number };

export type WorkerAnswer =
  | { readonly kind: "ready"; readonly name: string; readonly version: string; readonly build: string }
  | {
      readonly kind: "loaded";
      readonly model: number;
      readonly inputs: readonly RuntimeTensor[];
      readonly outputs: readonly RuntimeTensor[];
    }
  | { readonly kind: "ran"; readonly outputs: readonly NdArray[] }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };
