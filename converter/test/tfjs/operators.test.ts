/** Every operator that raises itself to TensorFlow nodes: a graph of it in tfjs gives what the `.tflite` runtime gives. */
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { describe, expect, test } from "vitest";
import { elementCount, type Graph, type Model, tensorOf } from "../../src/ir/graph.ts";
import { isUnsupported } from "../../src/ops/define-op.ts";
import { operators } from "../../src/ops/registry.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { examples, ramp } from "../ops/examples.ts";
import { singleOperatorModel } from "../ops/single-operator-model.ts";
import { runTfjsGraph } from "./run-tfjs-graph.ts";

const runtime = createTfliteRuntime();
/** tfjs's erf is a polynomial (Abramowitz and Stegun 7.1.26): 1.5e-7; everything else rounds to float32. */
const tolerance = 2e-6;

const cases = operators.flatMap((op) =>
  isUnsupported(op.raise)
    ? []
    : (examples[op.kind] ?? []).map((example, i) => ({ title: `${op.kind} ${i}`, op, example })),
);

const graphOf = ({ graphs }: Model): Graph => {
  const [graph] = graphs;
  if (!graph) throw new TypeError("a model with a graph");
  return graph;
};

describe.each(cases)("$title", ({ op, example }) => {
  test.skipIf(example.notHandedOver !== undefined)("gives in tfjs what the .tflite runtime gives", async () => {
    const model = singleOperatorModel(op, example);
    const graph = graphOf(model);
    const inputs = inputsOf(graph);
    const loaded = await runtime.load(writeTflite(model));
    const expected = await loaded.run(inputs);
    loaded.close();
    const found = await runTfjsGraph(model, inputs);
    for (const [i, array] of expected.entries()) {
      expect(found[i]?.shape).toEqual(array.shape);
      const [a, b] = [numbers(found[i]), numbers(array)];
      const bound = tolerance * Math.max(1, ...b.filter(Number.isFinite).map(Math.abs));
      for (const [at, value] of b.entries())
        if (!Object.is(a[at], value) && !(Math.abs((a[at] ?? Number.NaN) - value) <= bound))
          expect.fail(`result ${i}, element ${at}: ${a[at]}, not ${value}`);
    }
  });
});

function inputsOf(graph: Graph): readonly NdArray[] {
  return graph.inputs.map((id, k) => {
    const { dtype, shape } = tensorOf(graph, id);
    const values = ramp(elementCount(shape) + k).slice(k);
    if (dtype === "bool") return { dtype, shape, data: Uint8Array.from(values, (x) => (x > 0 ? 1 : 0)) };
    if (dtype === "int32") return { dtype, shape, data: Int32Array.from(values, (x) => Math.round(x * 127)) };
    return { dtype: "float32", shape, data: Float32Array.from(values, (x) => Math.round(x * 127) / 127) };
  });
}

const numbers = (array: NdArray | undefined): number[] => Array.from(array?.data ?? [], Number);
