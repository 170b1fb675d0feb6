/** What TensorFlow graph comes of a graph: fused nodes, shared weights, names and their order, complete refusals. */
import { describe, expect, test } from "vitest";
import { GraphDraft, type Model, type TensorId } from "../../src/ir/graph.ts";
import { bytesOf } from "../../src/ir/values.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { custom } from "../../src/ops/custom.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { prelu } from "../../src/ops/prelu.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { relu } from "../../src/ops/relu.ts";
import { raiseModel, writeTfjsGraph } from "../../src/writers/tfjs-graph/write-tfjs-graph.ts";
import { ramp } from "../ops/examples.ts";
import { runTfjsGraph } from "./run-tfjs-graph.ts";

class Sketch extends GraphDraft {
  value(name: string, ...shape: number[]): TensorId {
    return this.addTensor({ name, dtype: "float32", shape });
  }
  weight(name: string, ...shape: number[]): TensorId {
    return this.addConstant(name, "float32", shape, bytesOf("float32", ramp(shape.reduce((a, b) => a * b, 1))));
  }
  model(ends?: { inputs: readonly string[]; outputs: readonly string[] }): Model {
    const named = (names: readonly string[], ids: readonly TensorId[]) =>
      names.map((name, at) => ({ name, tensor: ids[at] ?? (-1 as never) }));
    const signatures = ends
      ? [{ key: "s", graph: 0, inputs: named(ends.inputs, this.inputs), outputs: named(ends.outputs, this.outputs) }]
      : [];
    return { description: "", graphs: [this.freeze()], signatures, metadata: [] };
  }
}

const opsOf = (model: Model): string[] => raiseModel(model).nodes.map(({ op }) => op);

/** A filter of groups as one without: zeros for the channels of other groups. */
function ungrouped(groups: number): number[] {
  const depth = 4 / groups;
  const values = ramp(8 * 9 * depth);
  return Array.from({ length: 8 * 9 * 4 }, (_, i) => {
    const [filter, place, channel] = [Math.floor(i / 36), Math.floor(i / 4) % 9, i % 4];
    const inGroup = Math.floor(channel / depth) === Math.floor(filter / (8 / groups));
    return inGroup ? (values[(filter * 9 + place) * depth + (channel % depth)] ?? 0) : 0;
  });
}

function convolution(groups: number, alphaShape: readonly number[], values?: readonly number[]): Sketch {
  const draft = new Sketch();
  const x = draft.value("x", 1, 5, 5, 4);
  const [sum, y] = [draft.value("sum", 1, 5, 5, 8), draft.value("y", 1, 5, 5, 8)];
  draft.inputs.push(x);
  draft.outputs.push(y);
  const filter = values
    ? draft.addConstant("filter", "float32", [8, 3, 3, 4], bytesOf("float32", values))
    : draft.weight("filter", 8, 3, 3, 4 / groups);
  draft.addNode(conv2d.node({ name: "conv", inputs: [x, filter, draft.weight("bias", 8)], outputs: [sum] }));
  draft.addNode(prelu.node({ name: "act", inputs: [sum, draft.weight("alpha", ...alphaShape)], outputs: [y] }));
  return draft;
}

describe("PRELU behind a convolution", () => {
  test("is fused when its slopes are per channel", () => {
    const { nodes } = raiseModel(convolution(1, [1, 1, 8]).model());
    expect(nodes.map(({ op }) => op)).toEqual(["Placeholder", "_FusedConv2D"]);
    expect(nodes[1]?.attributes).toMatchObject({
      fused_ops: { value: ["BiasAdd", "Prelu"] },
      num_args: { value: 2 },
    });
  });

  test("is spelt out when they are not, as the WASM kernel would repeat them wrongly", () => {
    expect(opsOf(convolution(1, [5, 1, 1]).model())).toEqual([
      "Placeholder",
      "_FusedConv2D",
      "Neg",
      "Relu",
      "Relu",
      "Mul",
      "Sub",
    ]);
  });

  test("is not fused when the sum is an output, too", () => {
    const draft = convolution(1, [8]);
    draft.outputs.push(draft.nodes[0]!.outputs[0]!);
    expect(opsOf(draft.model())).toEqual(["Placeholder", "_FusedConv2D", "Prelu"]);
  });

  const x = { dtype: "float32", shape: [1, 5, 5, 4], data: Float32Array.from(ramp(100)) } as const;
  test("computes the same in every spelling", async () => {
    const [fused] = await runTfjsGraph(convolution(1, [1, 1, 8]).model(), [x]);
    const apart = convolution(1, [1, 1, 8]);
    apart.outputs.push(apart.nodes[0]!.outputs[0]!);
    const [plain] = await runTfjsGraph(apart.model(), [x]);
    expect(fused?.data).toEqual(plain?.data);
  });

  test("groups are convolutions side by side, or one depthwise", async () => {
    expect(opsOf(convolution(2, [8]).model()).filter((op) => op === "Conv2D")).toHaveLength(2);
    expect(opsOf(convolution(4, [8]).model())).toContain("FusedDepthwiseConv2dNative");
    for (const groups of [2, 4]) {
      const [found] = await runTfjsGraph(convolution(groups, [8]).model(), [x]);
      const [expected] = await runTfjsGraph(convolution(1, [8], ungrouped(groups)).model(), [x]);
      const numbers: ArrayLike<number | bigint> = found?.data ?? [];
      const apart = Array.from(numbers, (value, i) => Math.abs(Number(value) - Number(expected?.data[i])));
      expect(apart).toHaveLength(200);
      expect(Math.max(...apart)).toBeLessThan(1e-5);
    }
  });
});

test("a weight that two layers share is stored once", () => {
  const draft = new Sketch();
  const [x, h, y] = [draft.value("x", 1, 6), draft.value("h", 1, 6), draft.value("y", 1, 6)];
  const [weights, bias] = [draft.weight("w", 6, 6), draft.weight("b", 6)];
  draft.inputs.push(x);
  draft.outputs.push(y);
  draft.addNode(fullyConnected.node({ name: "one", inputs: [x, weights, bias], outputs: [h] }));
  draft.addNode(fullyConnected.node({ name: "two", inputs: [h, weights, bias], outputs: [y] }));
  expect(raiseModel(draft.model()).weights.map(({ name }) => name)).toEqual(["w", "b"]);
});

test("8-bit weights whose channels differ in size are stored evened out, and multiplied back", async () => {
  const draft = new Sketch();
  const [x, y] = [draft.value("x", 1, 32), draft.value("y", 1, 64)];
  draft.inputs.push(x);
  draft.outputs.push(y);
  const values = ramp(64 * 32).map((value, i) => value * 10 ** -(Math.floor(i / 32) % 4));
  const weights = draft.addConstant("w", "float32", [64, 32], bytesOf("float32", values));
  draft.addNode(fullyConnected.node({ name: "dense", inputs: [x, weights, draft.weight("b", 64)], outputs: [y] }));
  const model = draft.model();
  expect(opsOf(model)).not.toContain("Mul");
  expect(raiseModel(model, "weights-uint8").nodes.map(({ op }) => op)).toContain("Mul");
  const data = Float32Array.from(ramp(32));
  const [exact] = await runTfjsGraph(model, [{ dtype: "float32", shape: [1, 32], data }]);
  const [stored] = await runTfjsGraph(model, [{ dtype: "float32", shape: [1, 32], data }], "weights-uint8");
  for (let channel = 0; channel < 64; channel++) {
    const size = 10 ** -(channel % 4);
    const apart = Math.abs(Number(exact?.data[channel]) - Number(stored?.data[channel]));
    expect(apart, `channel ${channel}`).toBeLessThan(0.1 * size);
  }
});

describe("ends", () => {
  /** Three outputs: an input as it is, one value, and that value again. */
  function relus(): Sketch {
    const draft = new Sketch();
    const [x, y] = [draft.value("serving_default_x:0", 1, 3), draft.value("^y;z", 1, 3)];
    draft.inputs.push(x);
    draft.outputs.push(y, x, y);
    draft.addNode(relu.node({ name: "a:b", inputs: [x], outputs: [y] }));
    return draft;
  }

  test("have a node each, with a name that TensorFlow allows", async () => {
    const raised = raiseModel(relus().model({ inputs: ["x"], outputs: ["y", "same", "again"] }));
    expect(new Set(raised.outputs.map(({ tensor }) => tensor)).size).toBe(3);
    for (const { name } of raised.nodes) expect(name).toMatch(/^[A-Za-z0-9.][A-Za-z0-9_.\-/]*$/);
    const data = Float32Array.of(-1, 0, 2);
    const model = relus().model({ inputs: ["x"], outputs: ["y", "same", "again"] });
    const results = await runTfjsGraph(model, [{ dtype: "float32", shape: [1, 3], data }]);
    expect(results.map((result) => [...result.data])).toEqual([
      [0, 0, 2],
      [-1, 0, 2],
      [0, 0, 2],
    ]);
  });

  test("keep the signature's order, numbers too", () => {
    const model = relus().model({ inputs: ["x"], outputs: ["495", "b", "12"] });
    const json = JSON.parse(new TextDecoder().decode(writeTfjsGraph(raiseModel(model), "float32").get("model.json")));
    expect(Object.keys(json.signature.outputs)).toEqual(["output_495", "b", "output_12"]);
  });
});

test("everything that tfjs cannot do is listed, what follows from it is not", () => {
  const draft = new Sketch();
  const [x, y, z, q] = [draft.value("x", 1, 3), draft.value("y", 1, 3), draft.value("z", 1, 3), draft.value("q", 1, 3)];
  draft.inputs.push(x);
  draft.outputs.push(q);
  draft.addNode(custom.node({ name: "odd", inputs: [x], outputs: [y], attributes: { customCode: "Odd" } }));
  draft.addNode(relu.node({ name: "relu", inputs: [y], outputs: [z] }));
  draft.addNode(quantize.node({ name: "q", inputs: [z], outputs: [q] }));
  expect(() => raiseModel(draft.model())).toThrow(
    expect.objectContaining({
      code: "UNSUPPORTED_OPERATOR",
      details: [
        { node: "odd", operator: "CUSTOM Odd", reason: expect.stringContaining("tfjs") },
        { node: "q", operator: "QUANTIZE", reason: expect.stringContaining("float32") },
      ],
    }),
  );
});
