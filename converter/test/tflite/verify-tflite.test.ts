/** The structural verifier: real files pass, each rule is broken once, alone, and wild bytes end in an error of ours. */
import { readFile } from "node:fs/promises";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { EncodableModel } from "@flotilla/protocol/tflite/schema";
import { tfliteLimits, verifyTflite } from "@flotilla/protocol/tflite/verify-tflite";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { fileAccess } from "../../src/sources/file-access.ts";
import { type FileParts, floats, int32s, reluParts, tfliteFile } from "./file-model.ts";

const codeOf = (parts: FileParts): string | undefined => {
  try {
    verifyTflite(tfliteFile(parts));
    return undefined;
  } catch (thrown) {
    if (thrown instanceof FlotillaError) return thrown.code;
    throw thrown;
  }
};

describe("real files", () => {
  test.each([
    "pnet",
    "rnet",
    "onet",
    "mobilefacenet",
    "hand-landmark-lite",
    "hand-landmark-full",
    "face-anti-spoofing",
  ])("%s is sound, read whole or in pages", async (name) => {
    const path = await fixturePath(name);
    const facts = verifyTflite(new Uint8Array(await readFile(path)));
    expect(facts.inputs.length).toBeGreaterThan(0);
    expect(facts.operators.length).toBeGreaterThan(0);
    expect(verifyTflite(fileAccess(path))).toEqual(facts);
  });
});

const [x, y] = [
  { name: "x", shape: [2, 3] },
  { name: "y", shape: [2, 3] },
];
const node = { opcodeIndex: 0, inputs: [0], outputs: [1] };
const graph = { tensors: [x, y], inputs: [0], outputs: [1], operators: [node] };
const model = (facts: EncodableModel): FileParts => ({ ...reluParts, model: facts });
const options = (type: string, value: Readonly<Record<string, unknown>>): FileParts => ({
  ...reluParts,
  operators: [{ ...node, builtinOptions: { type, value } }],
});
const constant = (tensor: object, ...buffers: NonNullable<FileParts["buffers"]>): FileParts => ({
  ...reluParts,
  tensors: [x, y, { name: "c", shape: [2], buffer: 1, ...tensor }],
  outputs: [1],
  buffers,
});
const sparse = (level: object, order: readonly number[] = [0, 1]): FileParts =>
  constant(
    {
      shape: [2, 4],
      sparsity: { traversalOrder: order, dimMetadata: [{ denseSize: 2 }, { format: "SPARSE_CSR", ...level }] },
    },
    floats(1, 2, 3),
  );
const rows = (...values: number[]) => ({ type: "Uint8Vector", value: { values: Uint8Array.from(values) } });

test("sound files of every kind", () => {
  expect(codeOf(reluParts)).toBeUndefined();
  expect(codeOf(constant({}, floats(1, 2)))).toBeUndefined();
  expect(codeOf(sparse({ arraySegments: rows(0, 2, 3), arrayIndices: rows(0, 3, 1) }))).toBeUndefined();
  const strings = { data: Uint8Array.from([2, 0, 0, 0, 16, 0, 0, 0, 17, 0, 0, 0, 19, 0, 0, 0, 97, 98, 99]) };
  expect(codeOf(constant({ type: "STRING" }, strings))).toBeUndefined();
});

const broken: readonly [string, FileParts, string][] = [
  ["no graph", model({ subgraphs: [] }), "FORMAT_CORRUPT"],
  ["another version of the schema", model({ version: 2 }), "UNSUPPORTED_FORMAT"],
  ["a builtin code that does not exist", { ...reluParts, codes: [{ builtinCode: 4000 }] }, "FORMAT_CORRUPT"],
  ["a custom operator without a name", { ...reluParts, codes: [{ builtinCode: 32 }] }, "FORMAT_CORRUPT"],
  ["an operator code out of range", { ...reluParts, operators: [{ ...node, opcodeIndex: 7 }] }, "FORMAT_CORRUPT"],
  ["an operand out of range", { ...reluParts, operators: [{ ...node, inputs: [9] }] }, "FORMAT_CORRUPT"],
  ["an operand before all tensors", { ...reluParts, operators: [{ ...node, inputs: [-2] }] }, "FORMAT_CORRUPT"],
  ["a result out of range", { ...reluParts, operators: [{ ...node, outputs: [2] }] }, "FORMAT_CORRUPT"],
  ["a result made twice", { ...reluParts, operators: [node, node] }, "FORMAT_CORRUPT"],
  ["a result that is an input", { ...reluParts, operators: [{ ...node, outputs: [0] }] }, "FORMAT_CORRUPT"],
  ["a value used before it is made", { ...reluParts, operators: [{ ...node, inputs: [1], outputs: [1] }] }, "FORMAT_CORRUPT"],
  ["an output that nobody makes", { ...reluParts, operators: [] }, "FORMAT_CORRUPT"],
  ["an input out of range", { ...reluParts, inputs: [5] }, "FORMAT_CORRUPT"],
  ["an input listed twice", { ...reluParts, inputs: [0, 0] }, "FORMAT_CORRUPT"],
  ["an output out of range", { ...reluParts, outputs: [-1] }, "FORMAT_CORRUPT"],
  ["an intermediate out of range", { ...reluParts, operators: [{ ...node, intermediates: [8] }] }, "FORMAT_CORRUPT"],
  ["a buffer out of range", { ...reluParts, tensors: [{ ...x, buffer: 4 }, y] }, "FORMAT_CORRUPT"],
  ["a size below -1", { ...reluParts, tensors: [{ ...x, shape: [-7] }, y] }, "FORMAT_CORRUPT"],
  ["sizes whose product is huge", { ...reluParts, tensors: [{ ...x, shape: [2 ** 30, 2 ** 30] }, y] }, "FORMAT_LIMIT"],
  ["more axes than kernels know", { ...reluParts, tensors: [{ ...x, shape: new Array(9).fill(1) }, y] }, "FORMAT_LIMIT"],
  ["a signature of another rank", { ...reluParts, tensors: [{ ...x, shapeSignature: [2] }, y] }, "FORMAT_CORRUPT"],
  ["a signature of another size", { ...reluParts, tensors: [{ ...x, shapeSignature: [2, 4] }, y] }, "FORMAT_CORRUPT"],
  ["a constant with too few bytes", constant({}, floats(1)), "FORMAT_CORRUPT"],
  ["a variable with a value", constant({ isVariable: true }, floats(1, 2)), "FORMAT_CORRUPT"],
  ["a constant as an input", { ...constant({}, floats(1, 2)), inputs: [0, 2] }, "FORMAT_CORRUPT"],
  ["a buffer behind the end", constant({}, { offset: 16n, size: 1n << 40n }), "FORMAT_TRUNCATED"],
  ["strings whose offsets lead away", constant({ type: "STRING", shape: [1] }, int32s(1, 12, 900)), "FORMAT_CORRUPT"],
  ["more strings than elements", constant({ type: "STRING", shape: [1] }, int32s(1 << 30)), "FORMAT_CORRUPT"],
  ["fewer zero points than scales", { ...reluParts, tensors: [{ ...x, quantization: { scale: [1, 2], zeroPoint: [0n] } }, y] }, "FORMAT_CORRUPT"],
  ["scales along no axis", { ...reluParts, tensors: [{ ...x, quantization: { scale: [1, 2], zeroPoint: [0n, 0n], quantizedDimension: 9 } }, y] }, "FORMAT_CORRUPT"],
  ["a scale that is not finite", { ...reluParts, tensors: [{ ...x, quantization: { scale: [Number.NaN], zeroPoint: [0n] } }, y] }, "FORMAT_CORRUPT"],
  ["a traversal that is no permutation", sparse({ arraySegments: rows(0, 2, 3), arrayIndices: rows(0, 3, 1) }, [0, 0]), "FORMAT_CORRUPT"],
  ["a sparse index outside its row", sparse({ arraySegments: rows(0, 2, 3), arrayIndices: rows(0, 4, 1) }), "FORMAT_CORRUPT"],
  ["row starts that go back", sparse({ arraySegments: rows(0, 4, 3), arrayIndices: rows(0, 3, 1) }), "FORMAT_CORRUPT"],
  ["fewer values than indices", sparse({ arraySegments: rows(0, 2, 4), arrayIndices: rows(0, 3, 1, 2) }), "FORMAT_CORRUPT"],
  ["a stride of 0", options("Conv2DOptions", { strideW: 0, strideH: 1 }), "FORMAT_CORRUPT"],
  ["a window of nothing", options("Pool2DOptions", { strideW: 1, strideH: 1, filterWidth: 1 }), "FORMAT_CORRUPT"],
  ["a branch that is no graph", options("IfOptions", { thenSubgraphIndex: 1 }), "FORMAT_CORRUPT"],
  ["a graph that runs itself", options("WhileOptions", {}), "FORMAT_CORRUPT"],
  ["a signature of a graph that is none", model({ signatureDefs: [{ signatureKey: "a", subgraphIndex: 3 }] }), "FORMAT_CORRUPT"],
  ["a signature of a tensor that is no input", model({ signatureDefs: [{ signatureKey: "a", inputs: [{ name: "x", tensorIndex: 1 }] }] }), "FORMAT_CORRUPT"],
  ["two signatures of one name", model({ signatureDefs: [{ signatureKey: "a" }, { signatureKey: "a" }] }), "FORMAT_CORRUPT"],
  ["metadata without a buffer", model({ metadata: [{ name: "m", buffer: 9 }] }), "FORMAT_CORRUPT"],
  ["more graphs than allowed", model({ subgraphs: new Array(tfliteLimits.graphs + 1).fill(graph) }), "FORMAT_LIMIT"],
]; // biome-ignore format: a table

test.each(broken)("refused: %s", (_, parts, code) => {
  expect(codeOf(parts)).toBe(code);
});

test("cut short or with bits flipped a file passes or is refused, and nothing else", async () => {
  const original = new Uint8Array(await readFile(await fixturePath("pnet")));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(original.byteLength - 1), fc.nat(7)), { maxLength: 6 }),
      fc.option(fc.nat(original.byteLength)),
      (flips, length) => {
        const bytes = original.slice(0, length ?? original.byteLength);
        for (const [at, bit] of flips) if (at < bytes.byteLength) bytes[at]! ^= 1 << bit;
        try {
          verifyTflite(bytes);
        } catch (thrown) {
          if (!(thrown instanceof FlotillaError)) throw thrown;
          expect(thrown.code).toMatch(/^(FORMAT|UNSUPPORTED)_/);
        }
      },
    ),
    { numRuns: 300 },
  );
});
