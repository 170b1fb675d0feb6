import type { NdArray } from "@flotilla/protocol/nd-array";
import { describe, expect, it } from "vitest";
import { type Graph, type Model, tensorOf } from "../../../src/ir/graph.ts";
import { runPasses } from "../../../src/passes/pipeline.ts";
import { lowerTfjsGraph } from "../../../src/readers/tf-graph/read-tfjs-graph.ts";
import { openTfjsGraph } from "../../../src/readers/tf-graph/tfjs-graph-container.ts";
import { readGraph, runLowered, seededInputs } from "./compare-graph.ts";
import { bool, float, func, GraphSketch, int, ints, text, type } from "./graph-sketch.ts";

const T = { T: type("DT_FLOAT") };
const mainGraph = (model: Model): Graph => model.graphs[0]!;
const kinds = (model: Model): string[] => mainGraph(model).nodes.map(({ kind }) => kind);

/** Both graphs give the same for the same inputs. */
async function sameAnswers(one: Model, other: Model): Promise<void> {
  const inputs = seededInputs(one);
  const [a, b] = [await runLowered(one, inputs), await runLowered(other, inputs)];
  for (const [at, { outputs }] of a.entries()) {
    for (const [place, values] of outputs.entries()) {
      for (const [i, value] of values.entries()) expect(b[at]!.outputs[place]![i]).toBeCloseTo(value, 5);
    }
  }
}

const window = (format: string) => ({ ...T, padding: text("SAME"), data_format: text(format) });
const toLast = [0, 2, 3, 1];
const toFirst = [0, 3, 1, 2];

describe("channels first", () => {
  type Work = (graph: GraphSketch, x: string, format: string) => string;
  const works: [string, Work][] = [
    ["Conv2D with explicit paddings", (g, x, format) => {
      const order = format === "NCHW" ? [0, 0, 0, 0, 1, 0, 2, 1] : [0, 0, 1, 0, 2, 1, 0, 0];
      const strides = format === "NCHW" ? ints(1, 1, 2, 1) : ints(1, 2, 1, 1);
      const attr = { ...window(format), padding: text("EXPLICIT"), strides, dilations: ints(1, 1, 1, 1), explicit_paddings: ints(...order) };
      return g.node("Conv2D", [x, weights(g, [2, 3, 3, 4])], attr);
    }],
    ["DepthwiseConv2dNative", (g, x, format) =>
      g.node("DepthwiseConv2dNative", [x, weights(g, [3, 3, 3, 2])], { ...window(format), strides: ints(1, 1, 1, 1), dilations: ints(1, 1, 1, 1) })],
    ["MaxPool", (g, x, format) => {
      const sizes = format === "NCHW" ? ints(1, 1, 3, 2) : ints(1, 3, 2, 1);
      return g.node("MaxPool", [x], { ...window(format), ksize: sizes, strides: sizes });
    }],
    ["BiasAdd", (g, x, format) => g.node("BiasAdd", [x, weights(g, [3])], window(format))],
    ["FusedBatchNormV3", (g, x, format) =>
      g.node("FusedBatchNormV3", [x, weights(g, [3]), weights(g, [3]), weights(g, [3]), g.weight([3], [1, 2, 3])], {
        ...window(format), epsilon: float(0.01), is_training: bool(false),
      })],
    ["Conv2DBackpropInput", (g, x, format) => {
      const sizes = format === "NCHW" ? [1, 5, 12, 10] : [1, 12, 10, 5];
      const strides = format === "NCHW" ? ints(1, 1, 2, 2) : ints(1, 2, 2, 1);
      return g.node("Conv2DBackpropInput", [g.integers(sizes), weights(g, [3, 3, 5, 3]), x], { ...window(format), strides, dilations: ints(1, 1, 1, 1) });
    }],
  ]; // biome-ignore format: a table
  /** The same numbers in both graphs, whatever came before. */
  const weights = (graph: GraphSketch, shape: number[]): string =>
    graph.weight(
      shape,
      Float32Array.from({ length: shape.reduce((p, s) => p * s, 1) }, (_, i) => Math.sin(i * 7 + 1)),
    );

  it.each(works)("%s is what it is between transpositions", async (_, work) => {
    const first = new GraphSketch();
    const direct = await readGraph(first.files([work(first, first.input([1, 3, 6, 5]), "NCHW")]));
    const last = new GraphSketch();
    const turned = last.node("Transpose", [last.input([1, 3, 6, 5]), last.integers(toLast)], T);
    const back = last.node("Transpose", [work(last, turned, "NHWC"), last.integers(toFirst)], T);
    await sameAnswers(direct, await readGraph(last.files([back])));
  });
});

describe("what is known is worked out", () => {
  it("chooses rows where the old Select has a condition per row", async () => {
    const graph = new GraphSketch();
    const chosen = graph.node("Select", [graph.booleans([true, false]), graph.input([2, 3]), graph.input([2, 3])], T);
    const model = await readGraph(graph.files([chosen]));
    const inputs = seededInputs(model);
    const [a, b] = inputs.map(({ data }) => Array.from(data as Float32Array));
    for (const { outputs } of await runLowered(model, inputs)) {
      expect(Array.from(outputs[0]!)).toEqual([...a!.slice(0, 3), ...b!.slice(3)]);
    }
  });

  it("takes the branch of If whose condition is known, and looks at nothing of the other", async () => {
    const graph = new GraphSketch();
    const body = (name: string, op: string) => ({
      signature: { name, inputArg: [{ name: "x", type: "DT_FLOAT" }], outputArg: [{ name: "y", type: "DT_FLOAT" }] },
      nodeDef: [{ name: "work", op, input: ["x"], attr: T }],
      ret: { y: op === "Unique" ? "work:y:0" : "work:y" },
    });
    graph.functions.push(body("yes", "Neg"), body("no", "Unique"));
    const branches = { then_branch: func("yes"), else_branch: func("no") };
    const chosen = graph.node("StatelessIf", [graph.booleans([true], []), graph.input([3])], branches);
    const model = await readGraph(graph.files([chosen]));
    expect(kinds(model)).toEqual(["NEG"]);
  });

  it("drops the dead side of Switch, operators without a conversion included", async () => {
    const graph = new GraphSketch();
    const x = graph.input([4]);
    const learning = graph.node("PlaceholderWithDefault", [graph.booleans([false], [])]);
    const sides = graph.node("Switch", [x, learning], T);
    const random = graph.node("RandomUniform", [graph.integers([4])], { dtype: type("DT_FLOAT") });
    const dropped = graph.node("Mul", [`${sides}:1`, random], T);
    const merged = graph.node("Merge", [graph.node("Relu", [sides], T), dropped], { ...T, N: int(2) });
    expect(kinds(await readGraph(graph.files([merged])))).toEqual(["RELU"]);
  });

  it("puts functions in place of calls, and calls in calls", async () => {
    const graph = new GraphSketch();
    const signature = (name: string) => ({
      name,
      inputArg: [{ name: "x", type: "DT_FLOAT" }],
      outputArg: [{ name: "y", type: "DT_FLOAT" }],
    });
    graph.functions.push(
      {
        signature: signature("inner"),
        nodeDef: [{ name: "n", op: "Neg", input: ["x"], attr: T }],
        ret: { y: "n:y:0" },
      },
      {
        signature: signature("outer"),
        nodeDef: [
          { name: "a", op: "PartitionedCall", input: ["x"], attr: { f: func("inner") } },
          { name: "b", op: "inner", input: ["a:output:0"] },
          { name: "s", op: "Abs", input: ["b:y:0"], attr: T },
        ],
        ret: { y: "s:y:0" },
      },
    );
    const called = graph.node("StatefulPartitionedCall", [graph.input([2])], { f: func("outer") });
    const model = await readGraph(graph.files([called]));
    expect(kinds(model)).toEqual(["NEG", "NEG", "ABS"]);
    expect(mainGraph(model).nodes.map(({ name }) => name)).toContain(`${called}/b/n`);
  });

  it("gives a copy for an output that is an input, a constant or given twice", async () => {
    const graph = new GraphSketch();
    const x = graph.input([2]);
    const y = graph.node("Neg", [x], T);
    const model = await readGraph(graph.files([x, y, graph.node("Identity", [y], T), graph.weight([2], [3, 4])]));
    const { outputs, inputs } = mainGraph(model);
    expect(new Set([...outputs, ...inputs]).size).toBe(5);
    const fed: NdArray = { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) };
    for (const result of await runLowered(model, [fed])) {
      expect(result.outputs.map((values) => Array.from(values))).toEqual([
        [1, 2],
        [-1, -2],
        [-1, -2],
        [3, 4],
      ]);
    }
  });
});

describe("loops", () => {
  const float = "DT_FLOAT";
  const integer = "DT_INT32";
  const args = (...types: string[]) => types.map((one, at) => ({ name: `a${at}`, type: one }));
  const results = (...types: string[]) => types.map((one, at) => ({ name: `r${at}`, type: one }));

  /** Three rounds, or as many as `limit` says: puts x · (round + 1) into a list. */
  function loop(graph: GraphSketch, limit: string): string {
    const step = graph.scalar(1);
    const one = { name: "one", op: "Const", attr: graph.nodes.find(({ name }) => name === step)!.attr };
    graph.functions.push(
      {
        signature: {
          name: "goes_on",
          inputArg: args(integer, integer, "DT_VARIANT", float),
          outputArg: results("DT_BOOL"),
        },
        nodeDef: [{ name: "less", op: "Less", input: ["a0", "a1"] }],
        ret: { r0: "less:z:0" },
      },
      {
        signature: {
          name: "round",
          inputArg: args(integer, integer, "DT_VARIANT", float),
          outputArg: results(integer, integer, "DT_VARIANT", float),
        },
        nodeDef: [
          { ...one, name: step },
          { name: "next", op: "AddV2", input: ["a0", `${step}:output:0`] },
          { name: "factor", op: "Cast", input: ["next:z:0"], attr: { SrcT: type(integer), DstT: type(float) } },
          { name: "scaled", op: "Mul", input: ["a3", "factor:y:0"] },
          { name: "set", op: "TensorListSetItem", input: ["a2", "a0", "scaled:z:0"] },
        ],
        ret: { r0: "next:z:0", r1: "a1", r2: "set:output_handle:0", r3: "a3" },
      },
    );
    const reserved = graph.node("TensorListReserve", [graph.integers([2]), graph.scalar(3)], {
      element_dtype: type(float),
    });
    const state = [graph.scalar(0), limit, reserved, graph.input([2])];
    const whole = graph.node("While", state, { cond: func("goes_on"), body: func("round") });
    return graph.node("TensorListStack", [`${whole}:2`, graph.integers([2])], { element_dtype: type(float) });
  }

  it("are written out where the number of rounds is known, lists and all", async () => {
    const graph = new GraphSketch();
    const model = await readGraph(graph.files([loop(graph, graph.scalar(3))]));
    expect(new Set(kinds(model))).toEqual(new Set(["MUL", "PACK"]));
    const x: NdArray = { dtype: "float32", shape: [2], data: Float32Array.of(1, -2) };
    for (const { outputs } of await runLowered(model, [x])) {
      expect(Array.from(outputs[0]!)).toEqual([1, -2, 2, -4, 3, -6]);
    }
  });

  it("are refused where it is not, and where it is too large", async () => {
    const open = new GraphSketch();
    const stacked = loop(open, open.input([], integer));
    await expect(readGraph(open.files([stacked]))).rejects.toMatchObject({
      details: [{ operator: "TensorListReserve" }, { operator: "While" }, { operator: "TensorListStack" }],
    });
    const endless = new GraphSketch();
    await expect(readGraph(endless.files([loop(endless, endless.scalar(1_000_000))]))).rejects.toMatchObject({
      code: expect.stringMatching(/^(FORMAT_|UNSUPPORTED_)/),
    });
  });
});

describe("inputs and outputs", () => {
  it("keeps the signature's names and order, and sets an open batch to 1", async () => {
    const graph = new GraphSketch();
    const [a, b] = [graph.input([-1, 2]), graph.input([-1, 2], "DT_INT64")];
    const sum = graph.node(
      "AddV2",
      [a, graph.node("Cast", [b], { SrcT: type("DT_INT64"), DstT: type("DT_FLOAT") })],
      T,
    );
    const model = await readGraph(
      graph.files([sum], (json) => {
        json.signature = {
          inputs: { second: { name: `${b}:0` }, first: { name: `${a}:0` } },
          outputs: { total: { name: sum } },
        };
      }),
    );
    const graphOut = mainGraph(model);
    expect(graphOut.inputs.map((id) => tensorOf(graphOut, id))).toMatchObject([
      { name: "second", dtype: "int32", shape: [1, 2] },
      { name: "first", dtype: "float32", shape: [1, 2] },
    ]);
    expect(model.signatures[0]?.outputs.map(({ name }) => name)).toEqual(["total"]);
  });

  it("takes placeholders and the nodes that nobody uses where there is no signature", async () => {
    const graph = new GraphSketch();
    const negated = graph.node("Neg", [graph.input([2])], T);
    const cut = graph.node("Split", [graph.scalar(0), graph.input([2])], { ...T, num_split: int(2) });
    const model = await readGraph(
      graph.files([], (json) => {
        delete json.signature;
      }),
    );
    expect(model.signatures[0]?.inputs.map(({ name }) => name)).toEqual(["in0", "in1"]);
    expect(model.signatures[0]?.outputs.map(({ name }) => name)).toEqual([negated, cut, `${cut}:1`]);
  });

  it("asks for sizes that are open, and for the shape where the rank is", async () => {
    const graph = new GraphSketch();
    const container = await openTfjsGraph(graph.files([graph.node("Relu", [graph.input([-1, -1, 3])], T)]));
    expect(() => lowerTfjsGraph(container)).toThrowError(expect.objectContaining({ code: "CONFIG_INVALID" }));
    const { model } = lowerTfjsGraph(container, { inputShapes: { in0: [1, 7, 3] } });
    expect(tensorOf(mainGraph(model), mainGraph(model).inputs[0]!).shape).toEqual([1, 7, 3]);
    graph.nodes[0]!.attr.shape = { shape: { unknownRank: true } };
    const ranked = await openTfjsGraph(graph.files(["Relu_1"]));
    expect(() => lowerTfjsGraph(ranked)).toThrowError(/unknown number of axes.*--input in0=/s);
    expect(lowerTfjsGraph(ranked, { inputShapes: { in0: [2, 5] } }).model.graphs).toHaveLength(1);
  });
});

describe("what cannot be converted", () => {
  it("is listed at once, in the order of the graph, without what follows from it", async () => {
    const graph = new GraphSketch();
    const x = graph.input([4]);
    const found = graph.node("Where", [graph.node("Greater", [x, graph.weight([], [0])], T)], T);
    const kept = graph.node("NonMaxSuppressionV3", [found, x], T);
    const text1 = graph.node("StringJoin", [graph.node("Relu", [kept], T)], T);
    const error = await readGraph(graph.files([graph.node("Neg", [text1], T)])).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "UNSUPPORTED_OPERATOR",
      details: [
        { node: found, operator: "Where" },
        { node: kept, operator: "NonMaxSuppressionV3" },
        { node: text1, operator: "StringJoin" },
      ],
    });
  });

  it("says which result of an operator is not there", async () => {
    const graph = new GraphSketch();
    const four = () => graph.weight([4], [1, 1, 1, 1]);
    const norm = graph.node(
      "FusedBatchNormV3",
      [graph.input([1, 2, 2, 4]), four(), four(), four(), four()],
      window("NHWC"),
    );
    await expect(readGraph(graph.files([`${norm}:5`]))).rejects.toMatchObject({
      details: [{ node: norm, reason: "its result 5 is not converted" }],
    });
  });
});

describe("GELU spelt with Erf", () => {
  it.each(["0.5·x first", "0.5 last"])("becomes one operator: %s", async (form) => {
    const g = new GraphSketch();
    const x = g.input([2, 5]);
    const erf = g.node("Erf", [g.node("RealDiv", [x, g.weight([], [Math.SQRT2])], T)], T);
    const sum = g.node("AddV2", [erf, g.weight([], [1])], T);
    const half = g.weight([], [0.5]);
    const whole =
      form === "0.5 last"
        ? g.node("Mul", [half, g.node("Mul", [x, sum], T)], T)
        : g.node("Mul", [g.node("Mul", [half, x], T), sum], T);
    expect(kinds(runPasses(await readGraph(g.files([whole]))))).toEqual(["GELU"]);
  });

  it("is not one with another factor", async () => {
    const g = new GraphSketch();
    const x = g.input([2, 5]);
    const erf = g.node("Erf", [g.node("Mul", [x, g.weight([], [0.5])], T)], T);
    const sum = g.node("AddV2", [erf, g.weight([], [1])], T);
    const whole = g.node("Mul", [g.node("Mul", [g.weight([], [0.5]), x], T), sum], T);
    expect(kinds(await readGraph(g.files([whole])))).not.toContain("GELU");
  });
});
