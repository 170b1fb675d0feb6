/**
 * Every operator that declares a kernel for int16 values or for integer weights beside floats, planned and applied from
 * its example, in both runtimes: what comes out is what the float operator gives, to the precision of the numbers.
 */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { describe, expect, test } from "vitest";
import { elementCount, type Graph, type Model, type TensorId, tensorOf } from "../../src/ir/graph.ts";
import { valuesOf } from "../../src/ir/values.ts";
import { isUnsupported, type Op } from "../../src/ops/define-op.ts";
import { useOf } from "../../src/ops/graph-facts.ts";
import { operators } from "../../src/ops/registry.ts";
import { verifyGraph } from "../../src/ops/verify-graph.ts";
import { applyPlan } from "../../src/quantize/apply.ts";
import { assignAll } from "../../src/quantize/assignment.ts";
import { planQuantization } from "../../src/quantize/plan-quantization.ts";
import type { Precision } from "../../src/quantize/precision.ts";
import type { Range } from "../../src/quantize/scales.ts";
import { limitsOf, parseTarget } from "../../src/runtime-target.ts";
import { compareVersions } from "../../src/writers/tflite/operator-codes.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { type Example, examples, ramp } from "../ops/examples.ts";
import { singleOperatorModel } from "../ops/single-operator-model.ts";

const old = createTfliteRuntime();
const litert = createLitertRuntime({ build: "wasm-simd" });
/** Of what it has, its versions end here. */
const oldVersions = "2.10.999";
/** Largest error as a share of the largest value: of int16 values alone, and with int8 weights in between. */
const valueError = 5e-4;
const weightError = 1e-2;
/** Kernels whose int16 form is coarser, found by running them. */
const coarser: Readonly<Record<string, number>> = { RESIZE_BILINEAR: 5e-3 };
/** What the old runtime's XNNPACK refuses although its own kernel has it. */
const refusedByOld: Readonly<Record<string, RegExp>> = { TRANSPOSE: /unsupported datatype \(INT16\)/ };

const main = ({ graphs: [graph] }: Model): Graph => {
  if (!graph) throw new TypeError("a model with a graph");
  return graph;
};

/** Examples whose operand is a constant are asked at run time, too: else nothing of them would be quantized. */
const atRunTime = (example: Example): Example => {
  if (example.operands.some((operand) => operand && !operand.values && (operand.dtype ?? "float32") === "float32"))
    return example;
  return {
    ...example,
    operands: example.operands.map((operand, at) => (at === 0 && operand ? { shape: operand.shape } : operand)),
  };
};

function inputsOf(graph: Graph, given: Example): readonly NdArray[] {
  return graph.inputs.map((id, place): NdArray => {
    const { dtype, shape } = tensorOf(graph, id);
    const own = given.operands[place]?.values;
    const values = own?.length === elementCount(shape) ? own : ramp(elementCount(shape) + place).slice(place);
    if (dtype === "bool") return { dtype, shape, data: Uint8Array.from(values, (x) => (x > 0 ? 1 : 0)) };
    if (dtype === "int32") return { dtype, shape, data: Int32Array.from(values, (x) => Math.round(x * 3)) };
    return { dtype: "float32", shape, data: Float32Array.from(values) };
  });
}

async function run(runtime: TfliteRuntime, model: Model, inputs: readonly NdArray[]): Promise<readonly NdArray[]> {
  const loaded = await runtime.load(writeTflite(model));
  const outputs = await loaded.run(inputs);
  loaded.close();
  return outputs;
}

const rangeOf = ({ data }: NdArray): Range => ({ min: Math.min(...numbers(data)), max: Math.max(...numbers(data)) });
const numbers = (data: NdArray["data"] | undefined): number[] => Array.from(data ?? [], Number);

function planned(model: Model, precision: Precision, ranges: ReadonlyMap<TensorId, Range>) {
  const graph = main(model);
  const assignment = assignAll(graph, precision);
  const plan = planQuantization({ graph, assignment, ranges, io: "float32", limits: limitsOf(parseTarget("litert")) });
  return { plan, made: applyPlan(model, plan).model };
}

const int16Cases = operators
  .filter(({ int16 }) => int16 !== undefined && !isUnsupported(int16))
  .flatMap((op) => (examples[op.kind] ?? []).map((example, at) => ({ title: `${op.kind} ${at}`, op, example })));

const since = (op: Op, model: Model): string => {
  const node = main(model).nodes.find(({ kind }) => kind === op.kind);
  return (node && op.minRuntime[op.version(useOf(main(model), node))]) ?? "0.0.0";
};

describe.each(int16Cases)("int16x8 $title", ({ op, example }) => {
  test("gives what float gives, in both runtimes", async () => {
    const shown = atRunTime(example);
    const model = singleOperatorModel(op, shown);
    const graph = main(model);
    const inputs = inputsOf(graph, example);
    const expected = await run(old, model, inputs);
    const ranges = new Map<TensorId, Range>();
    for (const [ids, arrays] of [[graph.inputs, inputs], [graph.outputs, expected]] as const) // biome-ignore format: pairs
      for (const [place, id] of ids.entries()) {
        const array = arrays[place];
        if (array?.dtype === "float32") ranges.set(id, rangeOf(array));
      }
    const { plan, made } = planned(model, "int16x8", ranges);
    expect(plan.nodes[0]).toMatchObject({ mode: "int16x8" });
    verifyGraph(main(made), "tflite");
    const bound = coarser[op.kind] ?? (op.operands.some(({ role }) => role === "weight") ? weightError : valueError);
    for (const runtime of [old, litert]) {
      if (runtime === old && compareVersions(since(op, made), oldVersions) > 0) continue;
      const refused = refusedByOld[op.kind];
      if (runtime === old && refused) {
        await expect(run(runtime, made, inputs)).rejects.toThrow(refused);
        continue;
      }
      const found = await run(runtime, made, inputs);
      for (const [place, array] of expected.entries()) {
        const wanted = numbers(array.data);
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const worst = numbers(found[place]?.data).reduce((most, value, at) => Math.max(most, Math.abs(value - (wanted[at] ?? Number.NaN))), 0); // biome-ignore format: one thought
        expect(found[place]?.data).toHaveLength(wanted.length);
        expect(worst).toBeLessThanOrEqual(bound * largest);
      }
    }
  });
});

test("constants of operands are int16 too, biases int64", () => {
  const [example] = examples.CONV_2D ?? [];
  const op = operators.find(({ kind }) => kind === "CONV_2D");
  if (!example || !op) throw new TypeError("an example of a convolution");
  const model = singleOperatorModel(op, example);
  const graph = main(model);
  const ranges = new Map([...graph.inputs, ...graph.outputs].map((id) => [id, { min: -1, max: 1 }]));
  const { made } = planned(model, "int16x8", ranges);
  const constants = [...main(made).tensors.values()].filter(({ constant }) => constant);
  expect(constants.map(({ dtype }) => dtype).sort()).toEqual(["int64", "int8"]);
  for (const { dtype, constant } of constants)
    if (constant) expect(valuesOf(dtype, constant.bytes()).length).toBeGreaterThan(0);
});
