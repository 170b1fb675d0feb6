/** The verifier: each rule is broken once, alone, and the message names the node. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { describe, expect, test } from "vitest";
import { constantOf, type Graph, GraphDraft, type Node, type Quantization, type TensorId } from "../../src/ir/graph.ts";
import { bytesOf } from "../../src/ir/values.ts";
import { add } from "../../src/ops/add.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { div } from "../../src/ops/div.ts";
import { relu } from "../../src/ops/relu.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { type Phase, verifyGraph } from "../../src/ops/verify-graph.ts";

const id = (place: number): TensorId => place as TensorId;
const perTensor = (scale: number, zeroPoint = 0): Quantization => ({
  scales: [scale],
  zeroPoints: [zeroPoint],
  axis: 0,
});

/** x → RELU "first" → a → RELU "second" → y, all float32[2, 3]. */
function chain(edit: (draft: GraphDraft) => void = () => {}): Graph {
  const draft = new GraphDraft();
  for (const name of ["x", "a", "y"]) draft.addTensor({ name, dtype: "float32", shape: [2, 3] });
  draft.inputs.push(id(0));
  draft.outputs.push(id(2));
  draft.addNode(relu.node({ name: "first", inputs: [id(0)], outputs: [id(1)] }));
  draft.addNode(relu.node({ name: "second", inputs: [id(1)], outputs: [id(2)] }));
  edit(draft);
  return draft.freeze();
}
/** The second node's operator replaced. */
const instead = (node: Node) => (draft: GraphDraft) => {
  draft.nodes[1] = node;
};

function problemOf(graph: Graph, phase: Phase): { problem: unknown; node: unknown } {
  try {
    verifyGraph(graph, phase);
  } catch (thrown) {
    if (!(thrown instanceof FlotillaError)) throw thrown;
    expect(thrown.code).toBe("GRAPH_INVALID");
    const { problem, node } = thrown.details as Readonly<Record<string, unknown>>;
    return { problem, node };
  }
  return { problem: null, node: undefined };
}

test("a sound graph is legal in every phase", () => {
  for (const phase of ["imported", "canonical", "tflite"] as const)
    expect(problemOf(chain(), phase).problem).toBeNull();
});

const ones = (count: number): Uint8Array => bytesOf("float32", new Array<number>(count).fill(1));

describe("structure", () => {
  const cases: readonly [string, (draft: GraphDraft) => void, RegExp][] = [
    ["an operand that does not exist", (d) => instead(relu.node({ name: "second", inputs: [id(9)], outputs: [id(2)] }))(d), /operand 9 does not exist/],
    ["a result that does not exist", (d) => instead(relu.node({ name: "second", inputs: [id(1)], outputs: [id(9)] }))(d), /result 9 does not exist/],
    ["nodes in the wrong order", (d) => d.nodes.reverse(), /"a" is not made before it/],
    ["two makers", (d) => d.addNode(relu.node({ name: "third", inputs: [id(0)], outputs: [id(1)] })), /"a" has another maker/],
    ["an output that nobody makes", (d) => d.nodes.pop(), /output 2 is never made/],
    ["an input that does not exist", (d) => d.inputs.push(id(9)), /input 9 does not exist/],
    ["an input that is a constant", (d) => d.setTensor(id(0), { constant: constantOf(ones(6)) }), /input "x" is a constant/],
    ["an input listed twice", (d) => d.inputs.push(id(0)), /listed twice/],
    ["a constant of the wrong size", (d) => d.addTensor({ name: "c", dtype: "float32", shape: [3], constant: constantOf(ones(2)) }), /"c" has 8 bytes and needs 12/],
    ["a constant with a dynamic size", (d) => d.addTensor({ name: "c", dtype: "float32", shape: [-1], constant: constantOf(ones(2)) }), /dynamic/],
    ["scales without zero points", (d) => d.setTensor(id(1), { quantization: { scales: [1, 1], zeroPoints: [0], axis: 0 } }), /2 scales and 1 zero points/],
    ["more scales than channels", (d) => d.setTensor(id(1), { quantization: { scales: [1, 1], zeroPoints: [0, 0], axis: 1 } }), /2 scales along axis 1/],
    ["a scale that float32 cannot hold", (d) => d.setTensor(id(1), { quantization: perTensor(0.1) }), /not a finite float32/],
    ["a size below -1", (d) => d.setTensor(id(1), { shape: [2, -3] }), /has the shape/],
  ]; // biome-ignore format: a table
  test.each(cases)("%s", (_, edit, problem) => {
    expect(problemOf(chain(edit), "imported").problem).toMatch(problem);
  });
});

describe("operators", () => {
  const cases: readonly [string, Node, RegExp][] = [
    ["an unknown kind", { ...relu.node({ name: "second", inputs: [id(1)], outputs: [id(2)] }), kind: "NOTHING" }, /no such operator/],
    ["an attribute too many", { ...relu.node({ name: "second", inputs: [id(1)], outputs: [id(2)] }), attributes: { more: 1 } }, /unknown attributes more/],
    ["an attribute too few", { ...softmax.node({ name: "second", inputs: [id(1)], outputs: [id(2)] }), attributes: {} }, /beta is missing/],
    ["an attribute of another type", { ...softmax.node({ name: "second", inputs: [id(1)], outputs: [id(2)] }), attributes: { beta: "1" } }, /beta is a string/],
    ["an operand too many", relu.node({ name: "second", inputs: [id(1), id(0)], outputs: [id(2)] }), /2 operands, 1 at most/],
    ["an operand too few", add.node({ name: "second", inputs: [id(1)], outputs: [id(2)] }), /"b" is missing/],
    ["an operand that is null", add.node({ name: "second", inputs: [id(1), null], outputs: [id(2)] }), /"b" is missing/],
    ["operands that cannot be", reshape.node({ name: "second", inputs: [id(1)], outputs: [id(2)], attributes: { newShape: [5] } }), /cannot be reshaped/],
    ["another shape than inferred", reshape.node({ name: "second", inputs: [id(1)], outputs: [id(2)], attributes: { newShape: [6] } }), /must be float32\[6\]/],
    ["a result too many", { ...relu.node({ name: "second", inputs: [id(0)], outputs: [id(1), id(2)] }) }, /another maker|gives 1 results/],
  ]; // biome-ignore format: a table
  test.each(cases)("%s", (_, node, problem) => {
    const found = problemOf(chain(instead(node)), "imported");
    expect(found.problem).toMatch(problem);
    expect(found.node).toBe("second");
  });

  test("a pseudo-operator is legal in the phase imported only", () => {
    const graph = chain((draft) => {
      const one = draft.addTensor({ name: "one", dtype: "float32", shape: [3], constant: constantOf(ones(3)) });
      draft.nodes[1] = batchNorm.node({ name: "second", inputs: [id(1), null, null, one, one], outputs: [id(2)] });
    });
    expect(problemOf(graph, "imported").problem).toBeNull();
    for (const phase of ["canonical", "tflite"] as const)
      expect(problemOf(graph, phase)).toEqual({ problem: `it is not legal in the phase ${phase}`, node: "second" });
  });
});

/** A convolution with bias in int8 whose scales are right. */
function convolution(edit: (draft: GraphDraft) => void = () => {}): Graph {
  const draft = new GraphDraft();
  const x = draft.addTensor({ name: "x", dtype: "int8", shape: [1, 2, 2, 1], quantization: perTensor(0.5, 3) });
  const w = draft.addConstant("w", "int8", [2, 1, 1, 1], Uint8Array.of(1, 2), {
    scales: [0.25, 0.5],
    zeroPoints: [0, 0],
    axis: 0,
  });
  const b = draft.addConstant("b", "int32", [2], new Uint8Array(8), {
    scales: [0.125, 0.25],
    zeroPoints: [0, 0],
    axis: 0,
  });
  const y = draft.addTensor({ name: "y", dtype: "int8", shape: [1, 2, 2, 2], quantization: perTensor(1) });
  draft.inputs.push(x);
  draft.outputs.push(y);
  draft.addNode(conv2d.node({ name: "conv", inputs: [x, w, b], outputs: [y] }));
  edit(draft);
  return draft.freeze();
}

describe("the phase tflite", () => {
  test("a sound int8 convolution is legal", () => expect(problemOf(convolution(), "tflite").problem).toBeNull());

  const cases: readonly [string, (draft: GraphDraft) => void, RegExp][] = [
    ["no bias where the kernel needs one", (d) => { d.nodes[0] = conv2d.node({ name: "conv", inputs: [id(0), id(1)], outputs: [id(3)] }); }, /"bias" is missing/],
    ["a bias scale that is not the product", (d) => d.setTensor(id(2), { quantization: { scales: [0.125, 0.5], zeroPoints: [0, 0], axis: 0 } }), /scale 0.5 in channel 1, not 0.25/],
    ["fewer bias scales than channels", (d) => d.setTensor(id(2), { quantization: perTensor(0.125) }), /bias has 1 scales, its weights 2/],
    ["a bias with a zero point", (d) => d.setTensor(id(2), { quantization: { scales: [0.125, 0.25], zeroPoints: [0, 1], axis: 0 } }), /a zero point/],
    ["weights that are not symmetric", (d) => d.setTensor(id(1), { quantization: { scales: [0.25, 0.5], zeroPoints: [0, 4], axis: 0 } }), /not symmetric/],
    ["a result without a scale", (d) => { const { quantization: _, ...y } = d.tensor(id(3)); d.tensors.set(id(3), y); }, /has no scale/],
  ]; // biome-ignore format: a table
  test.each(cases)("%s", (_, edit, problem) => {
    const found = problemOf(convolution(edit), "tflite");
    expect(found.problem).toMatch(problem);
    expect(found.node).toBe("conv");
  });

  /** One operator from int8 x to int8 y. */
  function single(node: (inputs: TensorId[], outputs: TensorId[]) => Node, x: Quantization, y: Quantization): Graph {
    const draft = new GraphDraft();
    draft.inputs.push(draft.addTensor({ name: "x", dtype: "int8", shape: [2, 3], quantization: x }));
    draft.outputs.push(draft.addTensor({ name: "y", dtype: "int8", shape: [2, 3], quantization: y }));
    draft.addNode(node([id(0)], [id(1)]));
    return draft.freeze();
  }

  test("a result that must have its operand's scale", () => {
    const same = (inputs: TensorId[], outputs: TensorId[]) =>
      reshape.node({ name: "r", inputs, outputs, attributes: { newShape: [2, 3] } });
    expect(problemOf(single(same, perTensor(0.5), perTensor(0.5)), "tflite").problem).toBeNull();
    expect(problemOf(single(same, perTensor(0.5), perTensor(0.25)), "tflite").problem).toMatch(/the scale of "x"/);
    expect(problemOf(single(same, perTensor(0.5), perTensor(0.5, 1)), "tflite").problem).toMatch(/the scale of "x"/);
  });

  test("a result whose scale the kernel fixes", () => {
    const fixed = (inputs: TensorId[], outputs: TensorId[]) => softmax.node({ name: "s", inputs, outputs });
    expect(problemOf(single(fixed, perTensor(0.5), perTensor(1 / 256, -128)), "tflite").problem).toBeNull();
    expect(problemOf(single(fixed, perTensor(0.5), perTensor(1 / 256, 0)), "tflite").problem).toMatch(
      /must have the scale/,
    );
  });

  test("an operator without an int8 kernel", () => {
    const halved = (inputs: TensorId[], outputs: TensorId[]) =>
      div.node({ name: "d", inputs: [...inputs, ...inputs], outputs });
    expect(problemOf(single(halved, perTensor(1), perTensor(1)), "tflite").problem).toBe(
      "it cannot run in int8: no int8 kernel",
    );
  });
});
