import type { NdArray } from "@flotilla/protocol/nd-array";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, it } from "vitest";
import type { SourceModel } from "../../src/runtimes/source-runtime.ts";
import { createTfjsGraphRuntime, type GraphSource } from "../../src/runtimes/tfjs-graph.ts";

const runtime = createTfjsGraphRuntime();
const open: SourceModel[] = [];
afterEach(() => {
  for (const model of open.splice(0)) model.close();
});

type GraphNode = { name: string; op: string; input?: string[]; attr?: Record<string, unknown> };

const placeholder = (name: string, type: string, sizes: readonly number[]): GraphNode => ({
  name,
  op: "Placeholder",
  attr: { dtype: { type }, shape: { shape: { dim: sizes.map((size) => ({ size: String(size) })) } } },
});

async function load(nodes: readonly GraphNode[], more: Partial<GraphSource> = {}): Promise<SourceModel> {
  const modelTopology = { node: nodes, versions: { producer: 1, minConsumer: 0 } };
  const model = await runtime.load({ modelTopology, weightSpecs: [], weightData: [], ...more });
  open.push(model);
  return model;
}

const floats = (shape: number[], values: number[]): NdArray => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(values),
});

describe("createTfjsGraphRuntime", () => {
  it("adds a weight that lies over two shards, on the WASM backend", async () => {
    const data = new Uint8Array(Float32Array.of(10, 20).buffer);
    const model = await load(
      [
        placeholder("x", "DT_FLOAT", [-1, 2]),
        { name: "w", op: "Const", attr: { dtype: { type: "DT_FLOAT" } } },
        { name: "sum", op: "AddV2", input: ["x", "w"] },
      ],
      {
        weightSpecs: [{ name: "w", shape: [2], dtype: "float32" }],
        weightData: [data.slice(0, 3).buffer, data.slice(3).buffer],
      },
    );
    expect(model.inputs).toEqual([{ name: "x", dtype: "float32", shape: [-1, 2] }]);
    expect(model.outputs.map(({ name }) => name)).toEqual(["sum"]);
    const results = await model.run(new Map([["x", floats([2, 2], [1, 2, 3, 4])]]));
    expect(results.get("sum")).toEqual(floats([2, 2], [11, 22, 13, 24]));
    expect(model.build).toBe("wasm-simd");
  });

  it("names ends by the signature, keeps its order, and takes integers", async () => {
    const model = await load(
      [
        placeholder("serve_a", "DT_INT32", [1, 2]),
        placeholder("serve_b", "DT_FLOAT", [1, 2]),
        { name: "twice", op: "AddV2", input: ["serve_a", "serve_a"] },
        { name: "less", op: "Neg", input: ["serve_b"] },
        { name: "over", op: "Greater", input: ["less", "serve_b"] },
      ],
      {
        signature: {
          inputs: {
            b: { name: "serve_b:0", dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "1" }, { size: "2" }] } },
            a: { name: "serve_a:0", dtype: "DT_INT64", tensorShape: { dim: [{ size: "1" }, { size: "2" }] } },
          },
          outputs: {
            over: { name: "over:0", dtype: "DT_BOOL" },
            twice: { name: "twice:0", dtype: "DT_INT32" },
          },
        },
      },
    );
    expect(model.inputs.map(({ name, dtype }) => [name, dtype])).toEqual([
      ["b", "float32"],
      ["a", "int32"],
    ]);
    const a: NdArray = { dtype: "int32", shape: [2, 2], data: Int32Array.of(1, -2, 3, 4) };
    const results = await model.run(
      new Map([
        ["a", a],
        ["b", floats([2, 2], [1, -1, 0, 2])],
      ]),
    );
    expect([...results]).toEqual([
      ["over", { dtype: "bool", shape: [2, 2], data: Uint8Array.of(0, 1, 0, 0) }],
      ["twice", { dtype: "int32", shape: [2, 2], data: Int32Array.of(2, -4, 6, 8) }],
    ]);
  });

  it("gives each port of a node", async () => {
    const model = await load(
      [
        placeholder("x", "DT_FLOAT", [1, 4]),
        { name: "axis", op: "Const" },
        { name: "parts", op: "Split", input: ["axis", "x"], attr: { num_split: { i: 2 } } },
      ],
      {
        weightSpecs: [{ name: "axis", shape: [], dtype: "int32" }],
        weightData: [Int32Array.of(1).buffer],
        signature: { outputs: { right: { name: "parts:1" }, left: { name: "parts:0" } } },
      },
    );
    const results = await model.run(new Map([["x", floats([1, 4], [1, 2, 3, 4])]]));
    expect([...results]).toEqual([
      ["right", floats([1, 2], [3, 4])],
      ["left", floats([1, 2], [1, 2])],
    ]);
  });

  it("runs operators whose sizes show only on the way, and frees what a run made", async () => {
    const model = await load([placeholder("x", "DT_BOOL", [-1]), { name: "where", op: "Where", input: ["x"] }]);
    const input = new Map<string, NdArray>([["x", { dtype: "bool", shape: [3], data: Uint8Array.of(0, 1, 1) }]]);
    const expected = { dtype: "int32", shape: [2, 1], data: Int32Array.of(1, 2) };
    expect((await model.run(input)).get("where")).toEqual(expected);
    const before = tf.memory().numTensors;
    expect((await model.run(input)).get("where")).toEqual(expected);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("moves to the CPU backend where WASM has no kernel", async () => {
    const equation = { s: btoa("ij->ji") };
    const model = await load([
      placeholder("x", "DT_FLOAT", [2, 2]),
      { name: "y", op: "Einsum", input: ["x"], attr: { N: { i: "1" }, equation } },
    ]);
    const results = await model.run(new Map([["x", floats([2, 2], [1, 2, 3, 4])]]));
    expect(model.build).toBe("cpu (no WASM kernel Einsum)");
    expect(results.get("y")).toEqual(floats([2, 2], [1, 3, 2, 4]));
  });

  it("refuses arrays that do not fit and operators that tfjs does not know", async () => {
    const model = await load([placeholder("x", "DT_FLOAT", [1, 3]), { name: "y", op: "Nothing", input: ["x"] }]);
    await expect(model.run(new Map([["x", floats([1, 2], [1, 2])]]))).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await expect(model.run(new Map([["x", floats([1, 3], [1, 2, 3])]]))).rejects.toMatchObject({
      code: "UNSUPPORTED_RUNTIME",
      message: expect.stringContaining("Nothing"),
    });
  });
});
