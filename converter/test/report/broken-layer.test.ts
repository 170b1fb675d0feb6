/**
 * The digits model with one layer ruined, in three ways: the report names that layer and why, and does not blame those
 * behind it for what they inherit. Everything runs in the real runtime.
 */
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { beforeAll, describe, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { digitPixels, loadDigits } from "../../../test/fixtures/digits.ts";
import { constantOf, editGraph, type Model, type Node, type TensorId, tensorOf } from "../../src/ir/graph.ts";
import { bytesOf, valuesOf } from "../../src/ir/values.ts";
import { openSource } from "../../src/open-source.ts";
import { runPasses } from "../../src/passes/pipeline.ts";
import { applyPlan } from "../../src/quantize/apply.ts";
import { assignAll } from "../../src/quantize/assignment.ts";
import { type Observation, rangeOf } from "../../src/quantize/observers.ts";
import { planQuantization } from "../../src/quantize/plan-quantization.ts";
import type { Range } from "../../src/quantize/scales.ts";
import { pairsByName, pairsOfPlan } from "../../src/report/pairs.ts";
import type { LayerReport, VariantReport } from "../../src/report/report.ts";
import { reportVariant } from "../../src/report/variant-report.ts";
import { limitsOf } from "../../src/runtime-target.ts";
import { calibrate } from "../../src/runtimes/calibrate.ts";
import type { Sample } from "../../src/runtimes/source-truth.ts";

const runtime = createTfliteRuntime();
let model: Model;
let samples: Sample[];
let observations: ReadonlyMap<TensorId, Observation>;

const sampleOf = (data: Float32Array): NdArray => ({ dtype: "float32", shape: [1, 28, 28, 1], data });

beforeAll(async () => {
  model = runPasses((await openSource(await fixturePath("digits-layers"))).model);
  const digits = await loadDigits(40);
  samples = Array.from({ length: 40 }, (_, at) => [
    sampleOf(digits.images.slice(at * digitPixels, (at + 1) * digitPixels)),
  ]);
  const seen = { count: 32, sample: async (at: number) => samples[at] ?? [] };
  observations = await calibrate({ model, runtime, samples: seen, histograms: false });
}, 120_000);

const nodeCalled = (name: string): Node => {
  const node = model.graphs[0]?.nodes.find((one) => one.name.includes(name));
  if (!node) throw new Error(`no ${name}`);
  return node;
};

interface Ruin {
  /** Of the layer's result. */
  readonly range?: (range: Range) => Range;
  /** Of the integers of its weights. */
  readonly weight?: (value: number, at: number) => number;
}

/** int8 with `name` ruined, reported on digits that calibration did not see. */
async function reported(name: string, { range, weight }: Ruin): Promise<VariantReport> {
  const [graph] = model.graphs;
  if (!graph) throw new Error("no graph");
  const [result] = nodeCalled(name).outputs;
  const ranges = new Map(
    [...observations].flatMap(([id, one]) => {
      const found = rangeOf(one, "min-max");
      return found ? [[id, id === result && range ? range(found) : found] as const] : [];
    }),
  );
  const plan = planQuantization({
    graph,
    assignment: assignAll(graph, "int8"),
    ranges,
    io: "float32",
    limits: limitsOf(undefined),
  });
  const applied = applyPlan(model, plan);
  const quantized = weight ? withWeights(applied.model, name, weight) : applied.model;
  const [after] = quantized.graphs;
  if (!after) throw new Error("no graph");
  const pairs = pairsOfPlan(graph, after, applied.twins);
  expect([...pairsByName(graph, after)].sort()).toEqual([...pairs].sort());
  return reportVariant({
    facts: {
      name: "digits",
      recipe: "int8",
      bytes: 1_300_000,
      sha256: "",
      parity: null,
      accuracy: null,
      calibration: null,
    },
    float: model,
    quantized,
    pairs,
    plan,
    samples: samples.slice(32),
    data: "digits",
    runtimes: [runtime],
  });
}

function withWeights(of: Model, name: string, change: (value: number, at: number) => number): Model {
  const [graph, ...others] = of.graphs;
  const id = graph?.nodes.find((node) => node.name === nodeCalled(name).name)?.inputs[1];
  if (!graph || id === undefined || id === null) throw new Error("no weights");
  const bytes = tensorOf(graph, id).constant?.bytes() ?? new Uint8Array();
  const ruined = bytesOf("int8", Array.from(valuesOf("int8", bytes), change));
  return {
    ...of,
    graphs: [editGraph(graph, (draft) => draft.setTensor(id, { constant: constantOf(ruined) })), ...others],
  };
}

const worstOf = ({ layers, worst }: VariantReport): readonly LayerReport[] =>
  worst.flatMap((place) => (layers[place] ? [layers[place]] : []));
const dbOf = (layer: LayerReport | undefined): number => layer?.error?.own?.sqnrDb ?? Number.POSITIVE_INFINITY;
const codesOf = (layer: LayerReport | undefined) => layer?.causes.map(({ code }) => code);

test("a sound model: every layer is told apart, and none stands out", async () => {
  const { layers, worst, unmeasured } = await reported("conv2d_2", {});
  expect(unmeasured).toBeNull();
  expect(layers.every(({ error }) => error?.own)).toBe(true);
  expect(dbOf(layers[worst[0] ?? -1])).toBeGreaterThan(25);
  const pool = layers.find(({ operator }) => operator === "MAX_POOL_2D");
  expect(pool?.error?.own?.sqnrDb).toBeNull(); // it only moves values
  expect(pool?.error?.sqnrDb).not.toBeNull();
});

describe("one layer ruined", () => {
  const cases: readonly (readonly [string, string, Ruin, string])[] = [
    [
      "a range ten times too narrow",
      "dense_1",
      { range: ({ min, max }) => ({ min: min / 10, max: max / 10 }) },
      "clipped",
    ],
    [
      "a range a hundred times too wide",
      "dense_1",
      { range: ({ min, max }) => ({ min: min * 100, max: max * 100 }) },
      "unused-range",
    ],
    ["weights of which every second is lost", "conv2d_2", { weight: (value, at) => (at % 2 ? 0 : value) }, "weights"],
  ];
  test.each(cases)("%s", async (_, name, ruin, code) => {
    const report = await reported(name, ruin);
    const [first, second] = worstOf(report);
    expect(first?.node).toBe(nodeCalled(name).name);
    expect(codesOf(first)).toContain(code);
    expect(dbOf(second)).toBeGreaterThan(dbOf(first) + 10);
    const place = first ? report.layers.indexOf(first) : -1;
    const behind = report.layers.filter((layer) => layer.origin === place);
    expect(behind.length).toBeGreaterThan(0); // they inherit it, and say from where
    for (const layer of behind) expect(dbOf(layer)).toBeGreaterThan((layer.error?.sqnrDb ?? 0) + 3);
  });

  test("own and inherited error are the whole", async () => {
    const { layers } = await reported("dense_1", { range: ({ min, max }) => ({ min: min / 10, max: max / 10 }) });
    for (const { error, spread } of layers) {
      if (!error?.own || !error.inherited || error.sqnrDb === null || !spread) continue;
      const whole = spread.rms ** 2 / 10 ** (error.sqnrDb / 10);
      const [own, rest] = [Math.sqrt(error.own.power), Math.sqrt(error.inherited.power)];
      expect(Math.sqrt(whole)).toBeLessThanOrEqual((own + rest) * 1.001);
      expect(Math.sqrt(whole)).toBeGreaterThanOrEqual(Math.abs(own - rest) * 0.999);
    }
  });
});
