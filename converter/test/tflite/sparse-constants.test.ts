/** Constants that are stored sparse: every form against an encoder of the test's own, and bytes made to hurt. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { EncodableTensor } from "@flotilla/protocol/tflite/schema";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DType } from "../../src/ir/graph.ts";
import { bytesOf, valuesOf } from "../../src/ir/values.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { type FileParts, tfliteFile } from "./file-model.ts";

type Sparsity = NonNullable<EncodableTensor["sparsity"]>;
type Width = "Uint8Vector" | "Uint16Vector" | "Int32Vector";

interface Form {
  readonly shape: readonly number[];
  /** Axes in their order of traversal; blocks follow in the order of `blocks`. */
  readonly order: readonly number[];
  /** Axis and size of its block. */
  readonly blocks: readonly (readonly [number, number])[];
  /** Which of the levels are compressed; blocks never are. */
  readonly compressed: readonly boolean[];
  readonly width: Width;
}

const vector = (width: Width, values: readonly number[]) => ({
  type: width,
  value: { values: width === "Uint8Vector" ? Uint8Array.from(values) : values },
});

/** The sparse form of dense values, by looking up for each position of the traversal whether anything is behind it. */
function encode(dense: readonly number[], { shape, order, blocks, compressed, width }: Form) {
  const blockOf = (axis: number): number => blocks.find(([own]) => own === axis)?.[1] ?? 1;
  const levels = [
    ...order.map((axis) => ({ axis, size: (shape[axis] ?? 0) / blockOf(axis), step: blockOf(axis) })),
    ...blocks.map(([axis, size]) => ({ axis, size, step: 1 })),
  ];
  const at = (place: readonly number[]): number => {
    const index = shape.map(() => 0);
    for (const [level, step] of place.entries()) {
      const { axis = 0, step: width = 1 } = levels[level] ?? {};
      index[axis] = (index[axis] ?? 0) + step * width;
    }
    return index.reduce((sum, value, axis) => sum * (shape[axis] ?? 1) + value, 0);
  };
  const behind = (place: readonly number[]): readonly number[] =>
    place.length === levels.length
      ? [dense[at(place)] ?? 0]
      : Array.from({ length: levels[place.length]?.size ?? 0 }, (_, i) => behind([...place, i])).flat();
  let places: (readonly number[])[] = [[]];
  const dimMetadata = levels.map(({ size }, level) => {
    const steps = Array.from({ length: size }, (_, i) => i);
    if (!compressed[level]) {
      places = places.flatMap((place) => steps.map((i) => [...place, i]));
      return { format: "DENSE" as const, denseSize: size };
    }
    const starts = [0];
    const kept: number[] = [];
    places = places.flatMap((place) => {
      const used = steps.filter((i) => behind([...place, i]).some((value) => value !== 0));
      kept.push(...used);
      starts.push(kept.length);
      return used.map((i) => [...place, i]);
    });
    return {
      format: "SPARSE_CSR" as const,
      arraySegments: vector("Int32Vector", starts),
      arrayIndices: vector(width, kept),
    };
  });
  const blockOrder = blocks.map((_, i) => shape.length + i);
  const sparsity: Sparsity = {
    traversalOrder: [...order, ...blockOrder],
    blockMap: blocks.map(([axis]) => axis),
    dimMetadata,
  };
  return { sparsity, values: places.map((place) => dense[at(place)] ?? 0) };
}

const densify = { builtinCode: 124, deprecatedBuiltinCode: 124 };
const add = { builtinCode: 0, deprecatedBuiltinCode: 0 };
const types = { float32: "FLOAT32", float16: "FLOAT16", int8: "INT8" } as const;

/** y = x + w, with w behind DENSIFY. */
function parts(
  shape: readonly number[],
  dtype: keyof typeof types,
  sparsity: Sparsity,
  values: readonly number[],
): FileParts {
  const type = types[dtype];
  return {
    tensors: [
      { name: "x", shape, type },
      { name: "sparse", shape, type, buffer: 1, sparsity },
      { name: "w", shape, type },
      { name: "y", shape, type },
    ],
    codes: [densify, add],
    operators: [
      { opcodeIndex: 0, inputs: [1], outputs: [2] },
      { opcodeIndex: 1, inputs: [0, 2], outputs: [3], builtinOptions: { type: "AddOptions", value: {} } },
    ],
    buffers: [{ data: bytesOf(dtype, values) }],
  };
}

function denseOf(file: Uint8Array, dtype: DType): number[] {
  const [graph] = readTflite(file).graphs;
  expect(graph?.nodes.map(({ kind }) => kind)).toEqual(["ADD"]);
  const [, operand] = graph?.nodes[0]?.inputs ?? [];
  const constant = typeof operand === "number" ? graph?.tensors.get(operand)?.constant : undefined;
  return Array.from(valuesOf(dtype, constant?.bytes() ?? new Uint8Array(0)));
}

const matrix = [0, 0, 5, 0, 0, 0, 0, 0, 0, 7, 0, 8, 0, 0, 0, 9]; // [4, 4]
const forms: readonly [string, Form][] = [
  ["compressed rows", { shape: [4, 4], order: [0, 1], blocks: [], compressed: [false, true], width: "Uint8Vector" }],
  ["compressed columns", { shape: [4, 4], order: [1, 0], blocks: [], compressed: [false, true], width: "Uint16Vector" }],
  ["both axes compressed", { shape: [4, 4], order: [0, 1], blocks: [], compressed: [true, true], width: "Int32Vector" }],
  ["blocks of 1x4", { shape: [4, 4], order: [0, 1], blocks: [[1, 4]], compressed: [false, true], width: "Uint8Vector" }],
  ["blocks of 2x2", { shape: [4, 4], order: [0, 1], blocks: [[0, 2], [1, 2]], compressed: [false, true], width: "Uint8Vector" }],
  ["blocks of 2x2, columns first in a block", { shape: [4, 4], order: [1, 0], blocks: [[1, 2], [0, 2]], compressed: [false, true], width: "Uint8Vector" }],
  ["four axes", { shape: [2, 2, 2, 2], order: [0, 1, 2, 3], blocks: [], compressed: [false, false, false, true], width: "Uint16Vector" }],
  ["nothing compressed", { shape: [4, 4], order: [1, 0], blocks: [], compressed: [], width: "Uint8Vector" }],
]; // biome-ignore format: a table

describe.each(forms)("%s", (_, form) => {
  test.each(["float32", "float16", "int8"] as const)("in %s become dense, and DENSIFY goes", (dtype) => {
    const { sparsity, values } = encode(matrix, form);
    const file = tfliteFile(parts(form.shape, dtype, sparsity, values));
    expect(denseOf(file, dtype)).toEqual(matrix);
    expect(denseOf(writeTflite(readTflite(file)), dtype)).toEqual(matrix);
  });
});

test("any matrix in any form", () => {
  const pair = fc.constantFrom([0, 1], [1, 0]);
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0, 0, 0, 1, -2, 3.5), { minLength: 48, maxLength: 48 }),
      pair,
      fc.constantFrom<Form["blocks"]>([], [[0, 3]], [[1, 4]], [[0, 2], [1, 2]], [[1, 8], [0, 6]]), // biome-ignore format: short
      fc.tuple(fc.boolean(), fc.boolean()),
      fc.constantFrom<Width>("Uint8Vector", "Uint16Vector", "Int32Vector"),
      (dense, order, blocks, compressed, width) => {
        fc.pre(dense.some((value) => value !== 0));
        const form = { shape: [6, 8], order, blocks, compressed, width };
        const { sparsity, values } = encode(dense, form);
        expect(denseOf(tfliteFile(parts(form.shape, "float32", sparsity, values)), "float32")).toEqual(dense);
      },
    ),
    { numRuns: 300 },
  );
});

describe("made to hurt", () => {
  const codeOf = (file: Uint8Array): string => {
    try {
      readTflite(file);
      return "none";
    } catch (thrown) {
      if (thrown instanceof FlotillaError) return thrown.code;
      throw thrown;
    }
  };
  const row = { denseSize: 1, format: "DENSE" as const };
  const one = (shape: readonly number[], sparsity: Sparsity): Uint8Array =>
    tfliteFile(parts(shape, "float32", sparsity, [1]));
  const csr = (start: number, end: number, index: number) => ({
    format: "SPARSE_CSR" as const,
    arraySegments: vector("Int32Vector", [start, end]),
    arrayIndices: vector("Int32Vector", [index]),
  });

  test("a few bytes do not become gigabytes", () => {
    const bomb = { traversalOrder: [0, 1], dimMetadata: [row, csr(0, 1, 5)] };
    expect(codeOf(one([1, 2 ** 29], bomb))).toBe("FORMAT_LIMIT");
    expect(codeOf(one([1, 2 ** 20], bomb))).toBe("none");
  });

  test.each<[string, readonly number[], Sparsity]>([
    ["an index outside its row", [1, 4], { traversalOrder: [0, 1], dimMetadata: [row, csr(0, 1, 4)] }],
    ["a negative index", [1, 4], { traversalOrder: [0, 1], dimMetadata: [row, csr(0, 1, -1)] }],
    ["a row that begins behind its end", [1, 4], { traversalOrder: [0, 1], dimMetadata: [row, csr(1, 0, 1)] }],
    ["a block before its axes", [4], { traversalOrder: [1, 0], blockMap: [0], dimMetadata: [row, { denseSize: 4 }] }],
    ["two blocks of one axis", [8], { traversalOrder: [0, 1, 2], blockMap: [0, 0], dimMetadata: [{ denseSize: 1 }, { denseSize: 8 }, { denseSize: 8 }] }],
    ["a block that does not divide its axis", [4], { traversalOrder: [0, 1], blockMap: [0], dimMetadata: [row, { denseSize: 3 }] }],
    ["fewer levels than axes", [1, 4], { traversalOrder: [0], dimMetadata: [row] }],
  ])("%s is corrupt", (_, shape, sparsity) => {
    expect(codeOf(one(shape, sparsity))).toBe("FORMAT_CORRUPT");
  }); // biome-ignore format: a table

  test("DENSIFY of a dense constant is corrupt: no kernel takes it", () => {
    const { tensors, ...rest } = parts([1, 1], "float32", { traversalOrder: [0, 1], dimMetadata: [row, row] }, [1]);
    expect(codeOf(tfliteFile({ ...rest, tensors: tensors.map(({ sparsity: _, ...tensor }) => tensor) }))).toBe(
      "FORMAT_CORRUPT",
    );
  });
});
