import { describe, expect, it } from "vitest";
import { memorySource } from "../../../src/readers/file-source.ts";
import { readFrozenGraph } from "../../../src/readers/tf-graph/frozen-graph.ts";
import { lowerGraph } from "../../../src/readers/tf-graph/lower-graph.ts";
import { openSavedModel } from "../../../src/readers/tf-graph/saved-model/saved-model.ts";
import { readGraph } from "./compare-graph.ts";
import { GraphSketch, text, type } from "./graph-sketch.ts";
import {
  type Bytes,
  funcAttr,
  functionOf,
  graph,
  joined,
  message,
  node,
  number,
  placeholder,
  shape,
  string,
  typeAttr,
} from "./proto-sketch.ts";

/** Reads and lowers a GraphDef. */
function read(bytes: Uint8Array) {
  const { graph: frozen, inputs, outputs } = readFrozenGraph(bytes);
  return lowerGraph({ label: "hostile", graph: frozen, inputs, outputs });
}

const refused = (bytes: Uint8Array, code: string): void =>
  expect(() => read(bytes)).toThrowError(expect.objectContaining({ code }));

const constant = (name: string, ...parts: Bytes[]): Bytes =>
  node(name, "Const", [], { dtype: typeAttr(1), value: message(8, number(1, 1), ...parts) });
const call = (name: string, callee: string, ...inputs: string[]): Bytes =>
  node(name, "PartitionedCall", inputs, { f: funcAttr(callee) });

const sound = graph([
  placeholder("x", 2),
  constant("c", message(2, shape(2)), message(4, new Uint8Array(8))),
  node("y", "AddV2", ["x", "c"]),
]);

describe("a GraphDef", () => {
  it("is read", () => {
    expect(read(sound).graphs[0]?.nodes.map(({ kind }) => kind)).toEqual(["ADD"]);
  });

  it("never throws anything but refusals, cut off or with a bit turned", () => {
    const tryOut = (bytes: Uint8Array): void => {
      try {
        read(bytes);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: expect.stringMatching(/^(FORMAT_|UNSUPPORTED_|CONFIG_)/) });
      }
    };
    for (let length = 0; length < sound.length; length++) tryOut(sound.subarray(0, length));
    for (let at = 0; at < sound.length * 8; at++) {
      const turned = Uint8Array.from(sound);
      turned[at >> 3]! ^= 1 << (at & 7);
      tryOut(turned);
    }
  });

  it.each<[string, Bytes, string]>([
    ["a node that is not there", graph([placeholder("x", 2), node("y", "Neg", ["z"])]), "FORMAT_CORRUPT"],
    ["two nodes of one name", graph([placeholder("x", 2), node("x", "Neg", ["x"])]), "FORMAT_CORRUPT"],
    ["nodes that wait for each other", graph([node("a", "Neg", ["b"]), node("b", "Neg", ["a"]), node("y", "Abs", ["b"])]), "FORMAT_CORRUPT"],
    ["a constant of a huge shape", graph([constant("c", message(2, shape(2n ** 31n, 2n ** 31n))), node("y", "Neg", ["c"])]), "FORMAT_LIMIT"],
    ["a constant of too few bytes", graph([constant("c", message(2, shape(4)), message(4, new Uint8Array(8))), node("y", "Neg", ["c"])]), "FORMAT_CORRUPT"],
    ["a constant of an open shape", graph([constant("c", message(2, shape(-1))), node("y", "Neg", ["c"])]), "FORMAT_CORRUPT"],
    ["an input of a huge shape", graph([placeholder("x", 2 ** 30, 2 ** 30), node("y", "Neg", ["x"])]), "FORMAT_LIMIT"],
    ["a function that calls itself", graph([placeholder("x", 2), call("y", "f", "x")], [functionOf("f", [call("again", "f", "x")], "again:output:0")]), "FORMAT_CORRUPT"],
    ["functions that call each other", graph([placeholder("x", 2), call("y", "f", "x")], [
      functionOf("f", [call("a", "g", "x")], "a:output:0"),
      functionOf("g", [call("b", "f", "x")], "b:output:0"),
    ]), "FORMAT_CORRUPT"],
    ["a call of no function", graph([placeholder("x", 2), call("y", "f", "x")]), "FORMAT_CORRUPT"],
    ["a call with too many arguments", graph([placeholder("x", 2), call("y", "f", "x", "x")], [functionOf("f", [], "x")]), "FORMAT_CORRUPT"],
    ["an attribute of another kind", graph([placeholder("x", 1, 2, 2, 1), constant("w", message(2, shape(1, 1, 1, 1)), message(4, new Uint8Array(4))),
      node("y", "Conv2D", ["x", "w"], { strides: typeAttr(3), padding: string(2, "SAME") })]), "FORMAT_CORRUPT"],
    ["shapes that do not go together", graph([placeholder("x", 2), placeholder("z", 3), node("y", "AddV2", ["x", "z"])]), "FORMAT_CORRUPT"],
    ["an input that is missing", graph([placeholder("x", 2), node("y", "AddV2", ["x"])]), "FORMAT_CORRUPT"],
  ])("is refused with %s", (_, bytes, code) => refused(bytes, code)); // biome-ignore format: a table

  it("is refused when its functions double what they call, thirty times over", () => {
    const twice = (name: string, inner: string): Bytes =>
      functionOf(name, [call("a", inner, "x"), call("b", inner, "a:output:0")], "b:output:0");
    const functions = [functionOf("f0", [node("n", "Neg", ["x"])], "n:y:0")];
    for (let at = 1; at <= 30; at++) functions.push(twice(`f${at}`, `f${at - 1}`));
    refused(graph([placeholder("x", 2), call("y", "f30", "x")], functions), "FORMAT_LIMIT");
  });

  it("is read when it is deeper than a stack", () => {
    const chain = Array.from({ length: 20_000 }, (_, at) => node(`n${at + 1}`, "Neg", [at === 0 ? "x" : `n${at}`]));
    expect(read(graph([placeholder("x", 2), ...chain])).graphs[0]?.nodes).toHaveLength(20_000);
  });
});

describe("a SavedModel", () => {
  const info = (...tags: string[]): Bytes => message(1, ...tags.map((tag) => string(4, tag)));
  const signature = (key: string, ...parts: Bytes[]): Bytes => message(5, string(1, key), message(2, ...parts));
  const end = (field: number, name: string, tensor: string): Bytes =>
    message(field, string(1, name), message(2, string(1, tensor), number(2, 1), message(3, shape(2))));
  const meta = (...parts: Bytes[]): Bytes => message(2, ...parts);
  const body = message(2, graph([placeholder("x", 2), node("y", "Neg", ["x"])]));
  const named = signature("serving_default", end(1, "in", "x:0"), end(2, "out", "y:0"));
  const open = (...metas: Bytes[]) =>
    openSavedModel(memorySource({ "saved_model.pb": joined(number(1, 1), ...metas) }, "model"));

  it("is read, the graph for serving alone", async () => {
    const found = await open(
      meta(info("train"), body),
      meta(info("serve", "gpu"), body),
      meta(info("serve"), body, named),
    );
    expect(found).toMatchObject({
      tags: ["serve"],
      signature: "serving_default",
      inputs: [{ name: "in" }],
      outputs: [{ name: "out" }],
    });
  });

  it("is refused without a graph for serving, and says which there are", async () => {
    await expect(open(meta(info("train"), body), meta(info("eval"), body))).rejects.toMatchObject({
      code: "UNSUPPORTED_FORMAT",
      message: expect.stringContaining("[train], [eval]"),
    });
  });

  it("is refused without a signature, and says which there are", async () => {
    const one = signature("first", end(2, "out", "y:0"));
    const other = signature("second", end(2, "out", "y:0"));
    await expect(open(meta(info("serve"), body, one, other))).rejects.toMatchObject({
      message: expect.stringContaining("first, second"),
    });
    await expect(open(meta(info("serve"), body))).rejects.toMatchObject({ code: "UNSUPPORTED_FORMAT" });
  });

  it("is refused without the files of its variables", async () => {
    const variable = message(2, graph([node("v", "VarHandleOp"), node("y", "ReadVariableOp", ["v"])]));
    await expect(open(meta(info("serve"), variable, named))).rejects.toMatchObject({ code: "FORMAT_WEIGHTS_MISSING" });
  });

  it("is refused with a signature that names no tensor", async () => {
    await expect(
      open(meta(info("serve"), body, signature("serving_default", end(2, "out", "a:b:c:d")))),
    ).rejects.toMatchObject({ code: "FORMAT_CORRUPT" });
  });
});

describe("a GraphModel", () => {
  const T = { T: type("DT_FLOAT") };

  it.each<[string, (graph: GraphSketch) => string, string]>([
    ["an attribute that is no AttrValue", (g) => g.node("Relu", [g.input([2])], { T: "DT_FLOAT" }), "FORMAT_JSON"],
    ["a type that is none", (g) => g.node("Relu", [g.input([2])], { T: { type: "float" } }), "FORMAT_JSON"],
    ["text that is not base64", (g) => g.node("Relu", [g.input([2])], { mode: { s: "%%%" } }), "FORMAT_JSON"],
    ["an integer that is none", (g) => g.node("Pack", [g.input([2])], { ...T, axis: { i: "1.5" } }), "FORMAT_JSON"],
    ["text where an integer should be", (g) => g.node("Pack", [g.input([2])], { ...T, axis: text("0") }), "FORMAT_CORRUPT"],
    ["a constant without a weight", (g) => g.node("Neg", [g.node("Const", [], { dtype: type("DT_FLOAT") })], T), "FORMAT_CORRUPT"],
    ["a huge result", (g) => g.node("Tile", [g.input([2]), g.integers([2 ** 30])], T), "FORMAT_LIMIT"],
    ["a shape of negative sizes", (g) => g.node("Fill", [g.integers([-4]), g.weight([], [1])], T), "FORMAT_CORRUPT"],
    ["a stride of 0", (g) => g.node("StridedSlice", [g.input([4]), g.integers([0]), g.integers([4]), g.integers([0])], T), "FORMAT_CORRUPT"],
    ["an axis that is not there", (g) => g.node("Mean", [g.input([4]), g.integers([7])], T), "FORMAT_CORRUPT"],
    ["an impossible shape", (g) => g.node("Reshape", [g.input([4]), g.integers([3, -1])], T), "FORMAT_CORRUPT"],
  ])("is refused with %s", async (_, build, code) => {
    const sketch = new GraphSketch();
    await expect(readGraph(sketch.files([build(sketch)]))).rejects.toMatchObject({ code });
  }); // biome-ignore format: a table

  it("is refused with an initializer that does something", async () => {
    const sketch = new GraphSketch();
    const out = sketch.node("Relu", [sketch.input([2])], T);
    const files = sketch.files([out], (json) => {
      json.modelInitializer = { node: [{ name: "t", op: "HashTableV2" }] };
    });
    await expect(readGraph(files)).rejects.toMatchObject({ code: "UNSUPPORTED_FORMAT" });
  });
});
