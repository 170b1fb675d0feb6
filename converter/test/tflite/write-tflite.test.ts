/** The `.tflite` writer: nothing of a model is lost, contents are shared, codes and versions follow the uses. */

import { decodeFlatbuffer } from "@flotilla/protocol/flatbuffer/decode-flatbuffer";
import { fileIdentifier, modelTable } from "@flotilla/protocol/tflite/schema";
import { describe, expect, test } from "vitest";
import { defaultSignature } from "../../src/ir/default-signature.ts";
import {
  byteSize,
  constantOf,
  type DType,
  type Graph,
  GraphDraft,
  type Model,
  type Quantization,
} from "../../src/ir/graph.ts";
import { modelDifference } from "../../src/ir/model-difference.ts";
import { bytesOf } from "../../src/ir/values.ts";
import { add } from "../../src/ops/add.ts";
import { batchNorm } from "../../src/ops/batch-norm.ts";
import { custom } from "../../src/ops/custom.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { relu } from "../../src/ops/relu.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { compareVersions } from "../../src/writers/tflite/operator-codes.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";

const modelOf = (graph: Graph, rest: Partial<Model> = {}): Model => ({
  description: "a test",
  graphs: [graph],
  signatures: [defaultSignature(graph)],
  metadata: [],
  ...rest,
});
const fileOf = (model: Model) => decodeFlatbuffer(writeTflite(model), modelTable, fileIdentifier);
const expectCarried = (model: Model) => expect(modelDifference(model, readTflite(writeTflite(model)))).toBeNull();

/** RELU of every tensor given, each with a constant of its dtype beside it through CUSTOM. */
function carrying(dtype: DType, shape: readonly number[], quantization?: Quantization): Model {
  const draft = new GraphDraft();
  const bytes = Uint8Array.from({ length: byteSize(dtype, shape) }, (_, i) => (i * 29) % 251);
  const input = draft.addTensor({ name: "x", dtype: "float32", shape: [1] });
  const constant = draft.addConstant("c", dtype, shape, bytes, quantization);
  const output = draft.addTensor({ name: "y", dtype, shape, ...(quantization ? { quantization } : {}) });
  draft.inputs.push(input);
  draft.outputs.push(output);
  draft.addNode(
    custom.node({ name: "n", inputs: [input, constant], outputs: [output], attributes: { customCode: "Mine" } }),
  );
  return modelOf(draft.freeze());
}

describe("nothing is lost", () => {
  const dtypes: readonly DType[] = [
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64", "uint32",
    "uint16", "int4", "uint4", "int2", "uint64", "bfloat16", "float8e4m3fn", "float8e5m2", "complex128",
  ]; // biome-ignore format: a table
  test.each(dtypes)("%s", (dtype) => expectCarried(carrying(dtype, [3, 5])));

  test("quantization per tensor and per channel", () => {
    const scale = Math.fround(0.1);
    expectCarried(carrying("int8", [3, 5], { scales: [scale], zeroPoints: [-7], axis: 0 }));
    expectCarried(carrying("int4", [3, 5], { scales: [scale, 2, 3], zeroPoints: [0, 0, 0], axis: 0 }));
    expectCarried(carrying("int8", [3, 5], { scales: [1, 2, 3, 4, 5], zeroPoints: [0, 0, 0, 0, 0], axis: 1 }));
  });

  test("dynamic sizes, variables, optional operands, scalars, empty constants", () => {
    const draft = new GraphDraft();
    const x = draft.addTensor({ name: "x", dtype: "float32", shape: [-1, 4] });
    const state = draft.addTensor({ name: "state", dtype: "float32", shape: [2], variable: true });
    const scalar = draft.addConstant("scalar", "float32", [], bytesOf("float32", [2]));
    const empty = draft.addConstant("empty", "int32", [0], new Uint8Array(0));
    const y = draft.addTensor({ name: "", dtype: "float32", shape: [-1, 4] });
    const z = draft.addTensor({ name: "z", dtype: "float32", shape: [] });
    draft.inputs.push(x);
    draft.outputs.push(y, z);
    draft.addNode(add.node({ name: "a", inputs: [x, scalar], outputs: [y] }));
    draft.addNode(
      custom.node({
        name: "b",
        inputs: [state, null, empty],
        outputs: [z],
        attributes: { customCode: "Mine", version: 2 },
      }),
    );
    expectCarried(modelOf(draft.freeze()));
  });

  test("attributes that are fractions, lists and words", () => {
    const draft = new GraphDraft();
    const x = draft.addTensor({ name: "x", dtype: "float32", shape: [2, 3] });
    const s = draft.addTensor({ name: "s", dtype: "float32", shape: [2, 3] });
    const y = draft.addTensor({ name: "y", dtype: "float32", shape: [6] });
    draft.inputs.push(x);
    draft.outputs.push(y);
    draft.addNode(softmax.node({ name: "s", inputs: [x], outputs: [s], attributes: { beta: 0.3 } }));
    draft.addNode(reshape.node({ name: "r", inputs: [s], outputs: [y], attributes: { newShape: [6] } }));
    expectCarried(modelOf(draft.freeze()));
  });

  test("several graphs, signatures and metadata", () => {
    const [first, second] = [carrying("int8", [2]).graphs[0], carrying("float32", [3]).graphs[0]];
    if (!first || !second) throw new TypeError("two graphs");
    const model = modelOf(
      { ...first, name: "main" },
      {
        graphs: [
          { ...first, name: "main" },
          { ...second, name: "other" },
        ],
        signatures: [
          defaultSignature(first),
          { key: "second", graph: 1, inputs: [{ name: "a", tensor: second.inputs[0]! }], outputs: [] },
        ],
        metadata: [{ name: "TFLITE_METADATA", bytes: Uint8Array.of(1, 2, 3) }],
      },
    );
    expectCarried(model);
    const extra = { metadata: [{ name: "more", bytes: Uint8Array.of(4) }] };
    expect(readTflite(writeTflite(model, extra)).metadata).toEqual([...model.metadata, ...extra.metadata]);
  });
});

/** Fully connected layers on one input, some with the same weights. */
function layers(...weights: readonly (readonly number[])[]): Model {
  const draft = new GraphDraft();
  const x = draft.addTensor({ name: "x", dtype: "float32", shape: [1, 2] });
  draft.inputs.push(x);
  for (const [i, values] of weights.entries()) {
    const filter = draft.addConstant(`w${i}`, "float32", [1, 2], bytesOf("float32", values));
    const y = draft.addTensor({ name: `y${i}`, dtype: "float32", shape: [1, 1] });
    draft.addNode(fullyConnected.node({ name: `n${i}`, inputs: [x, filter], outputs: [y] }));
    draft.outputs.push(y);
  }
  return modelOf(draft.freeze());
}

describe("the file", () => {
  test("equal constants share a buffer, buffer 0 is empty", () => {
    const file = fileOf(layers([1, 2], [3, 4], [1, 2], [1, 2]));
    const weights = file.subgraphs[0]?.tensors.filter(({ name }) => name.startsWith("w")).map(({ buffer }) => buffer);
    expect(weights).toEqual([1, 2, 1, 1]);
    expect(file.buffers[0]?.data.byteLength).toBe(0);
    expect(file.subgraphs[0]?.tensors[0]?.buffer).toBe(0);
  });

  test("constants are read lazily: none before the file is written, once where no other has its length", () => {
    let reads = 0;
    const draft = new GraphDraft();
    const x = draft.addTensor({ name: "x", dtype: "float32", shape: [1000] });
    const constant = {
      byteLength: 4000,
      bytes: () => {
        reads += 1;
        return new Uint8Array(4000);
      },
    };
    const c = draft.addTensor({ name: "c", dtype: "float32", shape: [1000], constant });
    const y = draft.addTensor({ name: "y", dtype: "float32", shape: [1000] });
    draft.inputs.push(x);
    draft.outputs.push(y);
    draft.addNode(add.node({ name: "n", inputs: [x, c], outputs: [y] }));
    writeTflite(modelOf(draft.freeze()));
    expect(reads).toBe(1);
  });

  test("one code per operator, with the highest version of its uses and both code fields", () => {
    const codes = fileOf(layers([1, 2], [3, 4])).operatorCodes;
    expect(codes).toEqual([{ deprecatedBuiltinCode: 9, customCode: "", version: 6, builtinCode: 9 }]);
  });

  test("min_runtime_version is the first runtime that has every version", () => {
    const file = fileOf(layers([1, 2]));
    const entry = file.metadata.find(({ name }) => name === "min_runtime_version");
    const bytes = file.buffers[entry?.buffer ?? 0]?.data.bytes();
    expect(bytes?.byteLength).toBe(16);
    expect(new TextDecoder().decode(bytes).replaceAll("\0", "")).toBe("2.1.0");
    expect(readTflite(writeTflite(layers([1, 2]))).metadata).toEqual([]);
  });

  test("runtime versions compare by number", () => {
    expect(["2.10.0", "1.14.0", "2.9.0", "2.9.1"].sort(compareVersions)).toEqual([
      "1.14.0",
      "2.9.0",
      "2.9.1",
      "2.10.0",
    ]);
  });

  test("a custom operator of two versions is two operators", () => {
    const draft = new GraphDraft();
    const x = draft.addTensor({ name: "x", dtype: "float32", shape: [1] });
    draft.inputs.push(x);
    for (const version of [1, 3]) {
      const y = draft.addTensor({ name: `y${version}`, dtype: "float32", shape: [1] });
      draft.addNode(custom.node({ name: "n", inputs: [x], outputs: [y], attributes: { customCode: "Mine", version } }));
      draft.outputs.push(y);
    }
    expect(fileOf(modelOf(draft.freeze())).operatorCodes.map(({ version }) => version)).toEqual([1, 3]);
  });

  test("what no file can hold is GRAPH_INVALID and names the node", () => {
    const draft = new GraphDraft();
    const x = draft.addTensor({ name: "x", dtype: "float32", shape: [1, 2] });
    const one = draft.addConstant("one", "float32", [2], bytesOf("float32", [1, 1]));
    const y = draft.addTensor({ name: "y", dtype: "float32", shape: [1, 2] });
    draft.inputs.push(x);
    draft.outputs.push(y);
    draft.addNode(batchNorm.node({ name: "bn", inputs: [x, one, one, one, one], outputs: [y] }));
    expect(() => writeTflite(modelOf(draft.freeze()))).toThrow(
      expect.objectContaining({ code: "GRAPH_INVALID", details: { node: "bn", operator: "BATCH_NORM" } }),
    );
  });

  test("an output in a signature that is not in its graph is GRAPH_INVALID", () => {
    const model = layers([1, 2]);
    const [signature] = model.signatures;
    if (!signature) throw new TypeError("a signature");
    const wrong = {
      ...signature,
      outputs: [{ name: "y", tensor: 99 as (typeof signature.outputs)[number]["tensor"] }],
    };
    expect(() => writeTflite({ ...model, signatures: [wrong] })).toThrow(
      expect.objectContaining({ code: "GRAPH_INVALID" }),
    );
  });
});

test("a difference between two models says where it is", () => {
  const base = layers([1, 2], [3, 4]);
  expect(modelDifference(base, layers([1, 2], [3, 5]))).toBe("graphs[0].tensors[3].constant: the bytes differ");
  expect(modelDifference(base, { ...base, description: "b" })).toBe("description: a test against b");
  const [graph] = base.graphs;
  if (!graph) throw new TypeError("a graph");
  const nodes = graph.nodes.map((node, i) =>
    i === 1 ? relu.node({ ...node, inputs: node.inputs.slice(0, 1), attributes: {} }) : node,
  );
  expect(modelDifference(base, { ...base, graphs: [{ ...graph, nodes }] })).toBe(
    "graphs[0].nodes[1].kind: FULLY_CONNECTED against RELU",
  );
  expect(modelDifference(base, layers([1, 2]))).toMatch(/^graphs\[0\]\.outputs: 2 against 1/);
  expect(constantOf(new Uint8Array(3)).byteLength).toBe(3);
});
