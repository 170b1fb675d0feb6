/** The printed form of a graph, as golden text: numbers follow the order of use, not the ids. */
import { expect, test } from "vitest";
import { defaultSignature } from "../../src/ir/default-signature.ts";
import { GraphDraft } from "../../src/ir/graph.ts";
import { printGraph, printModel } from "../../src/ir/print.ts";
import { bytesOf } from "../../src/ir/values.ts";
import { add } from "../../src/ops/add.ts";
import { custom } from "../../src/ops/custom.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";

test("a small graph", () => {
  const draft = new GraphDraft();
  draft.name = "main";
  const one = { scales: [0.5], zeroPoints: [-3], axis: 0 };
  const w = draft.addConstant("w", "int8", [2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6), {
    scales: [0.25, 0.5],
    zeroPoints: [0, 0],
    axis: 0,
  });
  const y = draft.addTensor({ name: "y", dtype: "int8", shape: [-1, 2], quantization: one });
  const x = draft.addTensor({ name: "x", dtype: "int8", shape: [-1, 3], quantization: one });
  const half = draft.addConstant("half", "float32", [], bytesOf("float32", [0.5]));
  const z = draft.addTensor({ name: "z", dtype: "float32", shape: [-1, 2] });
  const sum = draft.addTensor({ name: "sum", dtype: "float32", shape: [-1, 2] });
  draft.inputs.push(x);
  draft.outputs.push(sum, y);
  draft.addNode(
    fullyConnected.node({ name: "y", inputs: [x, w, null], outputs: [y], attributes: { keepNumDims: true } }),
  );
  const attributes = { customCode: "Mine", customOptions: Uint8Array.of(1) };
  draft.addNode(custom.node({ name: "mine", inputs: [y], outputs: [z], attributes }));
  draft.addNode(add.node({ name: "sum", inputs: [z, half], outputs: [sum] }));
  const graph = draft.freeze();
  expect(printGraph(graph)).toBe(`graph "main"
  %0 input int8[?, 3] scale=0.5 zeroPoint=-3 "x"
  %1 const int8[2, 3] scales=2 along 0, 0.25..0.5 #03d252aa "w"
  %2: int8[?, 2] scale=0.5 zeroPoint=-3 = FULLY_CONNECTED(%0, %1, -) fusedActivationFunction=NONE weightsFormat=DEFAULT keepNumDims=true asymmetricQuantizeInputs=false quantizedBiasType=FLOAT32  "y"
  %3: float32[?, 2] "z" = CUSTOM(%2) customCode=Mine version=1 customOptions=bytes[1]#040c5b8c  "mine"
  %4 const float32[] #1c95ab18 "half"
  %5: float32[?, 2] = ADD(%3, %4) fusedActivationFunction=NONE potScaleInt16=true  "sum"
  output %5, %2
`);
  const model = { description: "", graphs: [graph], signatures: [defaultSignature(graph)], metadata: [] };
  expect(printModel(model)).toBe(`${printGraph(graph)}  signature serving_default(x) -> (sum, y)\n`);
});
