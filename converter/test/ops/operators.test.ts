/**
 * Every operator against two real runtimes, driven by the registry: a new operator needs only its file and a row in
 * `examples.ts`. Shapes are the runtime's, evaluation gives the runtime's values, int8 stays within a unit of float.
 */

import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { builtinOperatorNames } from "@flotilla/protocol/tflite/enums";
import { optionTables } from "@flotilla/protocol/tflite/options";
import { beforeAll, describe, expect, test } from "vitest";
import { type DType, elementCount, type Graph, type Model, tensorOf } from "../../src/ir/graph.ts";
import { modelDifference } from "../../src/ir/model-difference.ts";
import { bytesOf, valuesOf } from "../../src/ir/values.ts";
import { type ConstantValue, isUnsupported, type Op } from "../../src/ops/define-op.ts";
import { useOf } from "../../src/ops/graph-facts.ts";
import { opByCode, operators, opOf } from "../../src/ops/registry.ts";
import { verifyGraph } from "../../src/ops/verify-graph.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { type Example, examples, ramp } from "./examples.ts";
import { quantizedPair } from "./quantized-model.ts";
import { singleOperatorModel } from "./single-operator-model.ts";

/** Without examples, and why. */
const withoutExample: Readonly<Record<string, string>> = {
  BATCH_NORM: "no file can hold it",
  ERF: "no file can hold it",
  CUSTOM: "the runtimes have none of its kind",
  IF: "it needs other graphs",
  WHILE: "it needs other graphs",
  ...Object.fromEntries(
    operators.filter(({ effect }) => effect).map(({ kind }) => [kind, "what it does shows from run to run only"]),
  ),
  DENSIFY: "it needs a sparse constant, which no graph has",
};
/** What rounding to float32 and another order of summation may change, relative to a value or to what sums cancel. */
const evaluationTolerance = 4e-7;
const summandScale = 0.25;
/** One rounding of the result, and half a unit more for kernels that compute in fixed point or by tables. */
const int8ToleranceUnits = 1;
/** Products of integers carry every factor's fixed-point error. */
const productToleranceUnits = 4;

let oldRuntime: TfliteRuntime;
let litert: TfliteRuntime;
beforeAll(() => {
  oldRuntime = createTfliteRuntime();
  litert = createLitertRuntime({ build: "wasm-simd" });
});

const graphOf = ({ graphs }: Model): Graph => {
  const [graph] = graphs;
  if (!graph) throw new TypeError("a model with a graph");
  return graph;
};

describe("the registry", () => {
  test("kinds and codes are the format's, and each is there once", () => {
    for (const op of operators) {
      if (op.code >= 0) expect(builtinOperatorNames[op.code]).toBe(op.kind);
      expect(opOf(op.kind)).toBe(op);
      if (op.code >= 0) expect(opByCode(op.code)).toBe(op);
    }
    expect(new Set(operators.map(({ kind }) => kind)).size).toBe(operators.length);
  });

  test("every operator has an example, or a reason to have none", () => {
    const missing = operators.filter(({ kind }) => !examples[kind]?.length && !(kind in withoutExample));
    expect(missing.map(({ kind }) => kind)).toEqual([]);
  });

  test("attributes are the fields of the options table", () => {
    for (const op of operators) {
      if (op.options === null) continue;
      expect(Object.keys(op.attributes)).toEqual(optionTables[op.options].slots.map(({ name }) => name));
    }
  });

  test("every operand and result has a role, a fused activation has an attribute to be in", () => {
    for (const op of operators) {
      if (op.effect) continue;
      expect(op.operands.length, op.kind).toBeGreaterThan(0);
      expect(op.results.length, op.kind).toBeGreaterThan(0);
      const names = op.operands.map(({ name }) => name);
      for (const rule of op.results)
        if (rule.rule === "same-as" && rule.operand !== "activations") expect(names, op.kind).toContain(rule.operand);
      for (const role of op.operands)
        if (role.role === "bias") for (const name of role.of) expect(names, op.kind).toContain(name);
      if (op.fusedActivations.length > 0) expect(op.attributes).toHaveProperty("fusedActivationFunction", "NONE");
    }
  });
});

const cases = operators.flatMap((op) =>
  (examples[op.kind] ?? []).map((example, i) => ({ title: `${op.kind} ${i}`, op, example })),
);

describe.each(cases)("$title", ({ op, example }) => {
  const model = singleOperatorModel(op, example);
  const graph = graphOf(model);

  test("is legal in every phase and comes back from a file", () => {
    for (const phase of ["imported", "canonical", "tflite"] as const) verifyGraph(graph, phase);
    expect(modelDifference(model, readTflite(writeTflite(model)))).toBeNull();
  });

  test("its version is one that a runtime is known for", () => {
    const [node] = graph.nodes;
    if (node) expect(Object.keys(op.minRuntime)).toContain(String(op.version(useOf(graph, node))));
  });

  test.skipIf(example.notHandedOver !== undefined)("its shapes are those of the runtimes", async () => {
    const expected = graph.outputs.map((id) => tensorOf(graph, id).shape);
    const old = await oldRuntime.load(writeTflite(model));
    expect(old.outputs.map(({ shape }) => shape)).toEqual(expected);
    old.close();
    if (!litertTakes(graph, example)) return;
    const current = await litert.load(writeTflite(model));
    expect(current.outputs.map(({ shape }) => shape)).toEqual(expected);
    current.close();
  });

  test.skipIf(isUnsupported(op.evaluate))("evaluated it gives what the runtimes give", async () => {
    const inputs = inputsOf(graph, (index) => index / 127);
    const evaluated = evaluate(op, graph, inputs);
    expect(evaluated.map(({ shape }) => shape)).toEqual(graph.outputs.map((id) => tensorOf(graph, id).shape));
    for (const runtime of litertTakes(graph, example) ? [oldRuntime, litert] : [oldRuntime]) {
      const outputs = await run(runtime, model, inputs);
      for (const [i, { dtype, bytes }] of evaluated.entries())
        expectClose(
          valuesOf(dtype, bytes),
          numbers(outputs[i]),
          (value) => evaluationTolerance * Math.max(Math.abs(value), summandScale),
        );
    }
  });

  test.skipIf(isUnsupported(op.int8))("in int8 it stays within a unit of float", async () => {
    const stored = inputsOf(graph, (index) => index, "int8");
    const real = (pair: ReturnType<typeof quantizedPair>): readonly NdArray[] =>
      stored.map((array, i) => {
        const scale = pair.inputs[i]?.scales[0];
        if (scale === undefined) return array;
        return { ...array, dtype: "float32", data: Float32Array.from(numbers(array), (q) => q * scale) };
      });
    const rough = quantizedPair(op, model, 1, []);
    const ranges = (await run(oldRuntime, rough.float, real(rough))).map((output): [number, number] => [
      Math.min(...numbers(output)),
      Math.max(...numbers(output)),
    ]);
    const pair = quantizedPair(op, model, 1, ranges);
    verifyGraph(graphOf(pair.int8), "tflite");
    const expected = await run(oldRuntime, pair.float, real(pair));
    const found = await run(oldRuntime, pair.int8, stored);
    const bound = op.kind === "REDUCE_PROD" ? productToleranceUnits : int8ToleranceUnits;
    for (const [i, output] of found.entries()) {
      const quantization = pair.outputs[i];
      const scale = quantization?.scales[0] ?? 1;
      const zeroPoint = quantization?.zeroPoints[0] ?? 0;
      const inRange = (value: number): number =>
        quantization ? Math.max((-128 - zeroPoint) * scale, Math.min((127 - zeroPoint) * scale, value)) : value;
      expectClose(
        numbers(output).map((q) => (q - zeroPoint) * scale),
        numbers(expected[i]).map(inRange),
        () => (quantization ? bound * scale : 0),
      );
    }
  });
});

/** LiteRT's JavaScript takes and gives only these dtypes. */
const litertTakes = (graph: Graph, { notInLitert }: Example): boolean =>
  notInLitert === undefined &&
  [...graph.inputs, ...graph.outputs].every((id) => ["float32", "int32", "uint8"].includes(tensorOf(graph, id).dtype));

/** One array per graph input: different whole numbers in ±127 through `value`, booleans by their sign. */
function inputsOf(graph: Graph, value: (index: number) => number, floatsAs: DType = "float32"): readonly NdArray[] {
  return graph.inputs.map((id, k) => {
    const { dtype: own, shape } = tensorOf(graph, id);
    const indices = ramp(elementCount(shape) + k)
      .slice(k)
      .map((x) => Math.round(x * 127));
    const dtype = own === "float32" ? floatsAs : own;
    if (dtype === "bool") return { dtype, shape, data: Uint8Array.from(indices, (x) => (x > 0 ? 1 : 0)) };
    if (dtype === "int8") return { dtype, shape, data: Int8Array.from(indices) };
    if (dtype === "int32") return { dtype, shape, data: Int32Array.from(indices) };
    return { dtype: "float32", shape, data: Float32Array.from(indices, value) };
  });
}

async function run(runtime: TfliteRuntime, model: Model, inputs: readonly NdArray[]): Promise<readonly NdArray[]> {
  const loaded = await runtime.load(writeTflite(model));
  const outputs = await loaded.run(inputs);
  loaded.close();
  return outputs;
}

function evaluate(op: Op, graph: Graph, inputs: readonly NdArray[]): readonly ConstantValue[] {
  const [node] = graph.nodes;
  if (!node || isUnsupported(op.evaluate)) throw new TypeError("an operator that is evaluated");
  const values = node.inputs.map((id): ConstantValue | null => {
    if (id === null) return null;
    const { dtype, shape, constant, quantization } = tensorOf(graph, id);
    const bytes = constant?.bytes() ?? bytesOf(dtype, numbers(inputs[graph.inputs.indexOf(id)]));
    return { dtype, shape, bytes, ...(quantization ? { quantization } : {}) };
  });
  const results = op.evaluate(values, node.attributes);
  expect(results).not.toBeNull();
  return results ?? [];
}

const numbers = (array: NdArray | undefined): number[] => Array.from(array?.data ?? [], Number);

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, bound: (value: number) => number): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a = Number.NaN, b = Number.NaN] = [found[i], expected[i]];
    if (a !== b && !(Math.abs(a - b) <= bound(b))) expect.fail(`element ${i} is ${a}, not ${b}`);
  }
}
