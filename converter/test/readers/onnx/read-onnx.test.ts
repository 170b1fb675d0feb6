/** What the reader makes of whole models: shapes, names, functions, branches, files of external data, and refusals. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { describe, expect, it } from "vitest";
import { tensorOf } from "../../../src/ir/graph.ts";
import { memorySource } from "../../../src/readers/file-source.ts";
import { openOnnx } from "../../../src/readers/onnx/container.ts";
import { lowerOnnx } from "../../../src/readers/onnx/read-onnx.ts";
import { comparedWithOnnx, readOnnx } from "./compare-with-onnx.ts";
import { type GraphSketch, type ModelSketch, onnxModel, type TensorSketch } from "./onnx-encoder.ts";

const plain: ModelSketch = {
  inputs: [{ name: "x", shape: [1, 4] }],
  outputs: [{ name: "y", shape: [1, 4] }],
  nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
};

async function failure(work: Promise<unknown>): Promise<FlotillaError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof FlotillaError) return thrown;
  throw new TypeError(`expected a FlotillaError, found ${String(thrown)}`);
}

const opened = (bytes: Uint8Array, files: Record<string, Uint8Array> = {}, shapes?: Record<string, number[]>) =>
  openOnnx(memorySource({ ...files, "model.onnx": bytes }), "model.onnx").then((container) =>
    lowerOnnx(container, shapes ? { inputShapes: shapes } : {}),
  );

describe("reading ONNX", () => {
  it("keeps names and order of inputs and outputs, and makes copies of outputs that are inputs", async () => {
    const model = await readOnnx({
      inputs: [{ name: "b", shape: [2] }, { name: "a", type: "int64", shape: [3] }],
      outputs: [{ name: "sum", shape: [2] }, { name: "b", shape: [2] }],
      nodes: [{ op: "Add", inputs: ["b", "b"], outputs: ["sum"] }],
    });
    const [graph] = model.graphs;
    const named = graph!.inputs.map((id) => tensorOf(graph!, id)).map(({ name, dtype }) => `${name}: ${dtype}`);
    expect(named).toEqual(["b: float32", "a: int32"]);
    expect(model.signatures[0]!.outputs.map(({ name }) => name)).toEqual(["sum", "b"]);
    expect(graph!.outputs[1]).not.toBe(graph!.inputs[0]);
  });

  it("computes shapes: what follows from them is no node", async () => {
    const model = await readOnnx({
      inputs: [{ name: "x", shape: ["batch", 3, 4] }],
      outputs: [{ name: "y", shape: ["batch", 12] }],
      initializers: [
        { name: "zero", type: "int64", shape: [1], values: [0] },
        { name: "rest", type: "int64", shape: [1], values: [-1] },
      ],
      nodes: [
        { op: "Shape", inputs: ["x"], outputs: ["s"] },
        { op: "Gather", inputs: ["s", "zero"], outputs: ["b"] },
        { op: "Concat", inputs: ["b", "rest"], outputs: ["target"], attributes: { axis: 0 } },
        { op: "Reshape", inputs: ["x", "target"], outputs: ["y"] },
      ],
    });
    const [graph] = model.graphs;
    expect(graph!.nodes.map(({ kind }) => kind)).toEqual(["RESHAPE"]);
    expect(tensorOf(graph!, graph!.outputs[0]!).shape).toEqual([1, 12]);
  });

  it.each([
    ["scales that make two thousand million pixels of one", [1, 1, 1, 2 ** 31], {}],
    ["a kernel that antialiasing makes as wide as the file says", [1, 1, 1, 1e-30], { antialias: 1 }],
    ["no scale at all", [1, 1, 1, Number.NaN], {}],
  ])("refuses to resize by %s", async (_, scales, attributes) => {
    const model: ModelSketch = {
      inputs: [{ name: "x", shape: [1, 1, 2, 3] }],
      outputs: [{ name: "y", shape: ["a", "b", "c", "d"] }],
      initializers: [{ name: "scales", shape: [4], values: scales }],
      nodes: [{ op: "Resize", inputs: ["x", "", "scales"], outputs: ["y"], attributes: { mode: "linear", ...attributes } }],
    };
    expect((await failure(readOnnx(model))).code).toBe("UNSUPPORTED_OPERATOR");
  });

  it("asks for sizes that are open, and takes a name of a size for all inputs that have it", async () => {
    const open: ModelSketch = {
      inputs: [{ name: "x", shape: ["n", "steps"] }, { name: "m", shape: ["n", "steps"] }],
      outputs: [{ name: "y", shape: ["n", "steps"] }],
      nodes: [{ op: "Add", inputs: ["x", "m"], outputs: ["y"] }],
    };
    expect((await failure(readOnnx(open))).message).toContain("--input x=1x224");
    const [graph] = (await opened(onnxModel(open), {}, { x: [1, 7] })).graphs;
    expect(graph!.inputs.map((id) => tensorOf(graph!, id).shape)).toEqual([[1, 7], [1, 7]]);
    expect((await failure(opened(onnxModel(open), {}, { z: [1] }))).code).toBe("CONFIG_INVALID");
  });

  it("inlines functions of the model", async () => {
    const apart = await comparedWithOnnx({
      ...plain,
      nodes: [{ op: "Twice", domain: "own", inputs: ["x"], outputs: ["y"] }],
      functions: [
        {
          name: "Twice", domain: "own", inputs: ["a"], outputs: ["c"],
          nodes: [
            { op: "Add", inputs: ["a", "a"], outputs: ["b"] },
            { op: "Sigmoid", inputs: ["b"], outputs: ["c"] },
          ],
        },
      ],
    });
    for (const worst of Object.values(apart)) expect(worst).toBeLessThanOrEqual(1e-4);
  });

  const branch = (op: string): GraphSketch => ({
    nodes: [{ op, inputs: ["x"], outputs: [`of ${op}`] }],
    outputs: [{ name: `of ${op}`, shape: [1, 4] }],
  });
  const choice = (condition: TensorSketch | undefined): ModelSketch => ({
    ...plain,
    inputs: [...plain.inputs!, ...(condition ? [] : [{ name: "flag", type: "bool", shape: [] } as const])],
    initializers: condition ? [condition] : [],
    nodes: [{ op: "If", inputs: ["flag"], outputs: ["y"], attributes: { then_branch: branch("Neg"), else_branch: branch("Abs") } }],
  });

  it("takes the branch of an If that is known, which sees the values around it", async () => {
    for (const [value, kind] of [[1, "NEG"], [0, "ABS"]] as const) {
      const model = await readOnnx(choice({ name: "flag", type: "bool", shape: [], values: [value] }));
      expect(model.graphs[0]!.nodes.map((node) => node.kind)).toEqual([kind]);
    }
    expect((await failure(readOnnx(choice(undefined)))).details).toMatchObject([{ operator: "If" }]);
  });

  it("lists everything that cannot be converted, and not what follows from it", async () => {
    const error = await failure(
      readOnnx({
        ...plain,
        nodes: [
          { op: "NonZero", inputs: ["x"], outputs: ["n"] },
          { op: "Abs", inputs: ["n"], outputs: ["after"] },
          { op: "Fancy", domain: "vendor", inputs: ["x"], outputs: ["f"] },
          { op: "Add", inputs: ["f", "x"], outputs: ["y"] },
        ],
      }),
    );
    expect(error.code).toBe("UNSUPPORTED_OPERATOR");
    expect(error.details).toMatchObject([{ operator: "NonZero" }, { operator: "vendor.Fancy" }]);
  });

  it.each<[string, Partial<ModelSketch>, string]>([
    ["a value that nothing makes", { nodes: [{ op: "Relu", inputs: ["gone"], outputs: ["y"] }] }, "FORMAT_CORRUPT"],
    ["a cycle", { nodes: [{ op: "Add", inputs: ["x", "y"], outputs: ["y"] }] }, "FORMAT_CORRUPT"],
    ["a value made twice", { nodes: [...plain.nodes, ...plain.nodes] }, "FORMAT_CORRUPT"],
    ["an operator set of the future", { opset: 99 }, "UNSUPPORTED_FORMAT"],
    ["a weight with too few bytes", { initializers: [{ name: "w", shape: [4], raw: new Uint8Array(15) }] }, "FORMAT_WEIGHTS_MISMATCH"],
    ["a weight of 2⁶² elements", { initializers: [{ name: "w", shape: [2 ** 31, 2 ** 31], values: [] }] }, "FORMAT_CORRUPT"],
  ])("refuses %s", async (_, change, code) => {
    expect((await failure(readOnnx({ ...plain, ...change }))).code).toBe(code);
  });

  describe("external data", () => {
    const withWeights = (external: Record<string, string>) =>
      onnxModel({
        ...plain,
        initializers: [{ name: "w", shape: [4], external }],
        nodes: [{ op: "Mul", inputs: ["x", "w"], outputs: ["y"] }],
      });
    const file = new Uint8Array(Float32Array.of(9, 1, 2, 3, 4).buffer);

    it("is read from where the model says", async () => {
      const [graph] = (await opened(withWeights({ location: "w/data.bin", offset: "4", length: "16" }), { "w/data.bin": file })).graphs;
      const weight = [...graph!.tensors.values()].find(({ name }) => name === "w");
      expect([...new Float32Array(weight!.constant!.bytes().slice().buffer)]).toEqual([1, 2, 3, 4]);
    });

    it.each([
      ["out of the folder", { location: "../data.bin" }, "FORMAT_CORRUPT"],
      ["at the root", { location: "/etc/passwd" }, "FORMAT_CORRUPT"],
      ["in a file that is not there", { location: "none.bin" }, "FORMAT_WEIGHTS_MISSING"],
      ["behind the end", { location: "data.bin", offset: "8" }, "FORMAT_TRUNCATED"],
      ["at a place that is no number", { location: "data.bin", offset: "-4" }, "FORMAT_CORRUPT"],
      ["with another length", { location: "data.bin", length: "12" }, "FORMAT_WEIGHTS_MISMATCH"],
    ])("is refused %s", async (_, external, code) => {
      expect((await failure(opened(withWeights(external), { "data.bin": file }))).code).toBe(code);
    });
  });

  it("ends with a code wherever a file is cut", async () => {
    const whole = onnxModel({ ...plain, initializers: [{ name: "w", shape: [4], values: [1, 2, 3, 4] }] });
    for (let end = 0; end < whole.length; end++) {
      const result = await opened(whole.subarray(0, end)).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(FlotillaError);
    }
  });
}); // biome-ignore format: sketches are tables
