/** Builds the tables of small `.tflite` files, right ones and wrong ones: what is left out has a legal default. */

import {
  type EncodableModel,
  type EncodableOperator,
  type EncodableTensor,
  fileIdentifier,
  modelTable,
} from "@flotilla/protocol/tflite/schema";
import { encodeFlatbuffer } from "../../src/codecs/flatbuffer/encode-flatbuffer.ts";
import { bytesOf } from "../../src/ir/values.ts";

export const floats = (...values: number[]): { data: Uint8Array } => ({ data: bytesOf("float32", values) });
export const int32s = (...values: number[]): { data: Uint8Array } => ({ data: bytesOf("int32", values) });

export interface FileParts {
  readonly tensors: readonly EncodableTensor[];
  readonly operators: readonly EncodableOperator[];
  readonly inputs?: readonly number[];
  readonly outputs?: readonly number[];
  readonly codes?: NonNullable<EncodableModel["operatorCodes"]>;
  /** Behind the empty buffer 0. */
  readonly buffers?: NonNullable<EncodableModel["buffers"]>;
  readonly model?: EncodableModel;
}

export const relu = { builtinCode: 19, deprecatedBuiltinCode: 19 };

/** One graph with tensor 0 as its input and the last tensor as its output, and RELU as operator code 0. */
export function tfliteFile(parts: FileParts): Uint8Array {
  const {
    tensors,
    operators,
    inputs = [0],
    outputs = [tensors.length - 1],
    codes = [relu],
    buffers = [],
    model,
  } = parts;
  return encodeFlatbuffer(
    {
      version: 3,
      operatorCodes: codes,
      subgraphs: [{ name: "main", tensors, inputs, outputs, operators }],
      buffers: [{}, ...buffers],
      ...model,
    },
    modelTable,
    fileIdentifier,
  );
}

/** RELU from tensor 0 to tensor 1, both float32[2, 3]. */
export const reluParts: FileParts = {
  tensors: [
    { name: "x", shape: [2, 3] },
    { name: "y", shape: [2, 3] },
  ],
  operators: [{ opcodeIndex: 0, inputs: [0], outputs: [1] }],
};
