/** The machine under the passes: uses follow, order holds, and inputs and outputs keep their tensors. */

import { FlotillaError } from "@flotilla/protocol/errors";
import { describe, expect, it } from "vitest";
import { type Graph, GraphDraft, type TensorId } from "../../src/ir/graph.ts";
import { printGraph } from "../../src/ir/print.ts";
import { bytesOf } from "../../src/ir/values.ts";
import { add } from "../../src/ops/add.ts";
import { conv2d } from "../../src/ops/conv-2d.ts";
import { dequantize } from "../../src/ops/dequantize.ts";
import { quantize } from "../../src/ops/quantize.ts";
import { relu } from "../../src/ops/relu.ts";
import { tanh } from "../../src/ops/tanh.ts";
import { verifyGraph } from "../../src/ops/verify-graph.ts";
import { GraphRewrite } from "../../src/passes/graph-rewrite.ts";
import { legalizeOperands } from "../../src/passes/legalize-operands.ts";
import { runPass } from "../../src/passes/pipeline.ts";
import { removeRequantize } from "../../src/passes/remove-requantize.ts";
import { GraphSketch } from "./graph-sketch.ts";

const kinds = (graph: Graph): string[] => graph.nodes.map(({ kind }) => kind);

function rewritten(graph: Graph, edit: (rewrite: GraphRewrite) => void): Graph {
  const rewrite = new GraphRewrite(graph);
  edit(rewrite);
  const after = rewrite.finish();
  verifyGraph(after, "canonical");
  return after;
}

/** x → TANH → RELU → ADD with TANH's result */
function diamond(): { graph: Graph; ids: { x: TensorId; a: TensorId; b: TensorId; y: TensorId } } {
  const g = new GraphSketch();
  const x = g.input(1, 4);
  const a = g.emit(tanh, [x]);
  const b = g.emit(relu, [a]);
  const y = g.emit(add, [a, b]);
  return { graph: g.graph(y), ids: { x, a, b, y } };
}

describe("bypass", () => {
  it("lets all uses of a result use the operand", () => {
    const { graph, ids } = diamond();
    const after = rewritten(graph, (rewrite) => {
      expect(rewrite.bypass(rewrite.producerOf(ids.b)!, ids.a)).toBe(true);
      expect(rewrite.consumersOf(ids.a).map(({ inputs }) => inputs)).toEqual([[ids.a, ids.a]]);
    });
    expect(kinds(after)).toEqual(["TANH", "ADD"]);
  });

  it("keeps the tensor of an output: the node before makes it, other uses follow", () => {
    const { graph, ids } = diamond();
    const open: Graph = { ...graph, outputs: [ids.b, ids.y] };
    const after = rewritten(open, (rewrite) => expect(rewrite.bypass(rewrite.producerOf(ids.b)!, ids.a)).toBe(true));
    expect(after.outputs).toEqual([ids.b, ids.y]);
    expect(after.nodes.map(({ inputs, outputs }) => [inputs, outputs])).toEqual([
      [[ids.x], [ids.b]],
      [[ids.b, ids.b], [ids.y]],
    ]);
  });

  it("stays where one tensor would have to be two", () => {
    const { graph, ids } = diamond();
    for (const outputs of [[ids.a, ids.b, ids.y]]) {
      const open: Graph = { ...graph, outputs };
      expect(rewritten(open, (rewrite) => expect(rewrite.bypass(rewrite.producerOf(ids.b)!, ids.a)).toBe(false))).toBe(
        open,
      );
    }
    const first: Graph = { ...graph, outputs: [ids.a, ids.y] };
    expect(rewritten(first, (rewrite) => expect(rewrite.bypass(rewrite.producerOf(ids.a)!, ids.x)).toBe(false))).toBe(
      first,
    );
  });
});

describe("replace", () => {
  it("puts new nodes where the old one stood, and does not visit them", () => {
    const { graph, ids } = diamond();
    const seen: string[] = [];
    const after = rewritten(graph, (rewrite) => {
      for (const node of rewrite.nodes()) {
        seen.push(node.kind);
        if (!relu.is(node)) continue;
        const between = rewrite.addTensor({ name: "between", dtype: "float32", shape: [1, 4] });
        rewrite.replace(node, tanh.node({ name: "new", inputs: [ids.a], outputs: [between] }), {
          ...node,
          inputs: [between],
        });
      }
    });
    expect(seen).toEqual(["TANH", "RELU", "ADD"]);
    expect(kinds(after)).toEqual(["TANH", "TANH", "RELU", "ADD"]);
  });

  it("refuses a node that is gone", () => {
    const { graph, ids } = diamond();
    const rewrite = new GraphRewrite(graph);
    const node = rewrite.producerOf(ids.y)!;
    rewrite.remove(node);
    expect(() => rewrite.remove(node)).toThrow(FlotillaError);
  });

  it("gives back the very graph when nothing was edited", () => {
    const { graph } = diamond();
    expect(new GraphRewrite(graph).finish()).toBe(graph);
  });
});

describe("remove-requantize", () => {
  function quantized(zeroPoint: number): Graph {
    const draft = new GraphDraft();
    const facts = { dtype: "int8", shape: [1, 4] } as const;
    const quantization = { scales: [0.5], zeroPoints: [3], axis: 0 };
    const q = draft.addTensor({ name: "q", ...facts, quantization });
    const real = draft.addTensor({ name: "real", dtype: "float32", shape: [1, 4] });
    const again = draft.addTensor({
      name: "again",
      ...facts,
      quantization: { ...quantization, zeroPoints: [zeroPoint] },
    });
    const out = draft.addTensor({ name: "out", ...facts, quantization: { ...quantization, zeroPoints: [zeroPoint] } });
    draft.inputs = [q];
    draft.outputs = [out];
    draft.addNode(dequantize.node({ name: "d", inputs: [q], outputs: [real] }));
    draft.addNode(quantize.node({ name: "q", inputs: [real], outputs: [again] }));
    draft.addNode(relu.node({ name: "r", inputs: [again], outputs: [out] }));
    return draft.freeze();
  }

  it("takes out a pair that comes back to the same integers", () => {
    const after = runPass(quantized(3), removeRequantize, "canonical");
    expect(printGraph(after)).toContain("RELU(%0)");
    expect(kinds(after)).toEqual(["DEQUANTIZE", "RELU"]);
  });

  it("leaves a pair that changes the zero point", () => {
    const graph = quantized(4);
    expect(runPass(graph, removeRequantize, "canonical")).toBe(graph);
  });
});

describe("legalize-operands on integers", () => {
  it("gives an int8 convolution a bias of zeros with the product of its scales", () => {
    const draft = new GraphDraft();
    const x = draft.addTensor({
      name: "x",
      dtype: "int8",
      shape: [1, 4, 4, 2],
      quantization: { scales: [0.5], zeroPoints: [3], axis: 0 },
    });
    const w = draft.addConstant("w", "int8", [2, 1, 1, 2], Uint8Array.of(1, 2, 3, 4), {
      scales: [0.25, 0.125],
      zeroPoints: [0, 0],
      axis: 0,
    });
    const quantization = { scales: [1], zeroPoints: [0], axis: 0 };
    const y = draft.addTensor({ name: "y", dtype: "int8", shape: [1, 4, 4, 2], quantization });
    draft.inputs = [x];
    draft.outputs = [y];
    draft.addNode(conv2d.node({ name: "c", inputs: [x, w], outputs: [y] }));
    const after = runPass(draft.freeze(), legalizeOperands, "tflite");
    const bias = after.tensors.get(after.nodes[0]!.inputs[2]!);
    expect(bias).toMatchObject({
      dtype: "int32",
      shape: [2],
      quantization: { scales: [0.125, 0.0625], zeroPoints: [0, 0], axis: 0 },
    });
    expect(bias?.constant?.bytes()).toEqual(new Uint8Array(8));
  });
});

it("float32 constants survive being computed more than once", () => {
  const g = new GraphSketch();
  const weights = g.floats([2], [1, 2]);
  const graph = g.graph(g.emit(add, [g.input(2), weights]));
  const rewrite = new GraphRewrite(graph);
  const id = rewrite.addValues("v", "float32", [2], [0.1, 1 / 3]);
  expect(rewrite.tensor(id).constant?.bytes()).toEqual(bytesOf("float32", [0.1, 1 / 3]));
});
