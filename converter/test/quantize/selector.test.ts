/** Selectors: what they mean, what they say when they mean nothing, and that none of them takes long. */
import { describe, expect, test } from "vitest";
import { relu } from "../../src/ops/relu.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { assignAll, withOverrides } from "../../src/quantize/assignment.ts";
import { parseOverride } from "../../src/quantize/recipe.ts";
import { parseSelector, selectNodes } from "../../src/quantize/selector.ts";
import { GraphMaker } from "./graphs.ts";

const graph = (() => {
  const g = new GraphMaker();
  const x = g.input("x", [1, 4]);
  const a = g.op(relu, "block_1/relu", [x], { shape: [1, 4] });
  const b = g.op(relu, "block_2/relu", [a], { shape: [1, 4] });
  return g.graph(g.op(softmax, "head/softmax", [b], { shape: [1, 4] }));
})();

test.each([
  ["/block_/", [0, 1]],
  ["/^block_[2-9]/", [1]],
  ["/relu$|^head\\/(soft)max$/", [0, 1, 2]],
  ["op:SOFTMAX", [2]],
  ["index:1", [1]],
])("%s selects %j", (text, expected) => {
  expect(selectNodes(graph, parseSelector(text))).toEqual(expected);
});

test("later overrides win", () => {
  const overrides = ["op:RELU=int16x8", "index:1=float32"].map(parseOverride);
  const { precisions } = withOverrides(graph, assignAll(graph, "int8"), overrides);
  expect(precisions).toEqual(["int16x8", "float32", "int8"]);
});

test("an expression may hold the sign that ends it", () => {
  expect(parseOverride("/a=b/=float16")).toMatchObject({ selector: { text: "/a=b/" }, precision: "float16" });
});

describe("what selects nothing says what there is", () => {
  test.each([
    ["op:CONV_2D", ["op:RELU", "op:SOFTMAX"]],
    ["index:3", ["index:0 to index:2"]],
    ["/block_3/", ["/block_1\\/relu/"]],
  ])("%s", (text, suggestions) => {
    expect(() => selectNodes(graph, parseSelector(text))).toThrowError(
      expect.objectContaining({ code: "QUANT_SELECTOR", details: { selector: text, suggestions } }),
    );
  });

  test("an operator that does not exist", () => {
    expect(() => parseSelector("op:conv2d")).toThrowError(
      expect.objectContaining({
        code: "QUANT_SELECTOR",
        details: { selector: "op:conv2d", suggestions: ["op:CONV_2D"] },
      }),
    );
  });
});

test.each([
  "", "conv", "index:-1", "index:1.5", "op:", "//", "/(/", "/(a+)+$/", "/(a|a)*b/", "/(?=a)b/", "/(.)\\1/",
  "/.*.*.*.*b/", `/${"a".repeat(300)}/`,
])("%s is refused", (text) => {
  expect(() => parseSelector(text)).toThrowError(expect.objectContaining({ code: "QUANT_SELECTOR" }));
}); // biome-ignore format: one a line would be long

test.each(["op:RELU", "=int8", "op:RELU=int7"])("%s is no override", (text) => {
  expect(() => parseOverride(text)).toThrowError(
    expect.objectContaining({ code: expect.stringMatching(/^(QUANT_SELECTOR|CONFIG_RECIPE_UNKNOWN)$/) }),
  );
});

test("the dearest expression that is taken ends, on the longest name that is looked at", () => {
  const g = new GraphMaker();
  const x = g.input("x", [1, 4]);
  const long = g.graph(g.op(relu, "a".repeat(100_000), [x], { shape: [1, 4] }));
  expect(() => selectNodes(long, parseSelector("/a*a*a*b/"))).toThrowError(
    expect.objectContaining({ code: "QUANT_SELECTOR" }),
  );
});
