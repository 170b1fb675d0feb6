/** What outlives a run: variables that are only read become constants, others are carried and still count in the runtime. */
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import type { EncodableGraph, EncodableModel } from "@flotilla/protocol/tflite/schema";
import { verifyTflite } from "@flotilla/protocol/tflite/verify-tflite";
import { expect, test } from "vitest";
import type { Model } from "../../src/ir/graph.ts";
import { modelDifference } from "../../src/ir/model-difference.ts";
import { verifyGraph } from "../../src/ops/verify-graph.ts";
import { runPasses } from "../../src/passes/pipeline.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { raiseGraph } from "../../src/writers/tfjs-graph/raise-graph.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { floats, tfliteFile } from "./file-model.ts";

const code = (builtinCode: number) => ({ builtinCode, deprecatedBuiltinCode: Math.min(builtinCode, 127) });
const codes = [code(129), code(142), code(143), code(144), code(0)];
const [callOnce, varHandle, readVariable, assignVariable, add] = [0, 1, 2, 3, 4];

const once = (initSubgraphIndex: number) => ({
  opcodeIndex: callOnce,
  builtinOptions: { type: "CallOnceOptions", value: { initSubgraphIndex } },
});
const handle = (output: number, sharedName = "total") => ({
  opcodeIndex: varHandle,
  outputs: [output],
  builtinOptions: { type: "VarHandleOptions", value: { sharedName } },
});
const assign = (to: number, value: number) => ({ opcodeIndex: assignVariable, inputs: [to, value] });
const read = (from: number, to: number) => ({ opcodeIndex: readVariable, inputs: [from], outputs: [to] });
const sum = (a: number, b: number, to: number) => ({
  opcodeIndex: add,
  inputs: [a, b],
  outputs: [to],
  builtinOptions: { type: "AddOptions", value: {} },
});
const value = (name: string, buffer = 0) => ({ name, shape: [2], buffer });
const resource = (name: string) => ({ name, type: "RESOURCE" as const, hasRank: true });

/** total = [1, 2] */
const init: EncodableGraph = {
  name: "init",
  tensors: [value("start", 1), resource("total of init")],
  operators: [handle(1), assign(1, 0)],
};
/** y = x + total */
const adding: EncodableGraph = {
  name: "main",
  tensors: [value("x"), resource("total"), value("before"), value("y")],
  inputs: [0],
  outputs: [3],
  operators: [once(1), handle(1), read(1, 2), sum(0, 2, 3)],
};
/** y = total = x + total */
const counting: EncodableGraph = { ...adding, operators: [...(adding.operators ?? []), assign(1, 3)] };

const file = (subgraphs: readonly EncodableGraph[], model: EncodableModel = {}): Uint8Array =>
  tfliteFile({ tensors: [], operators: [], codes, buffers: [floats(1, 2)], model: { subgraphs, ...model } });
const kinds = ({ graphs }: Model): string[][] => graphs.map(({ nodes }) => nodes.map(({ kind }) => kind));

async function sums(bytes: Uint8Array, runs: number): Promise<number[][]> {
  const model = await createLitertRuntime({ build: "wasm-simd" }).load(bytes);
  const x = { dtype: "float32" as const, shape: [2], data: Float32Array.of(1, 10) };
  const results: number[][] = [];
  for (let i = 0; i < runs; i++) results.push(Array.from((await model.run([x]))[0]?.data ?? [], Number));
  model.close();
  return results;
}

test("a variable that is set once and only read is a constant, and the graph that set it goes", async () => {
  const bytes = file([adding, init]);
  verifyTflite(bytes);
  const model = readTflite(bytes);
  expect(kinds(model)).toEqual([["ADD"]]);
  for (const graph of model.graphs) verifyGraph(graph, "tflite");
  expect(await sums(writeTflite(model), 2)).toEqual(await sums(bytes, 2));
  expect(raiseGraph(runPasses(model)).weights).toHaveLength(1);
});

test("graphs behind one that goes are named by their new numbers", () => {
  const other: EncodableGraph = { ...adding, name: "other", operators: [once(3), handle(1, "b"), read(1, 2), sum(0, 2, 3), assign(1, 3)] };
  const initOther: EncodableGraph = { ...init, name: "init other", operators: [handle(1, "b"), assign(1, 0)] };
  const signatureDefs = [
    { signatureKey: "first", subgraphIndex: 0 },
    { signatureKey: "second", subgraphIndex: 2 },
  ];
  const model = readTflite(file([adding, init, other, initOther], { signatureDefs }));
  expect(model.graphs.map(({ name }) => name)).toEqual(["main", "other", "init other"]);
  expect(model.signatures.map(({ key, graph }) => [key, graph])).toEqual([["first", 0], ["second", 1]]);
  expect(model.graphs[1]?.nodes[0]?.attributes).toEqual({ initSubgraphIndex: 2 });
  verifyTflite(writeTflite(model));
}); // biome-ignore format: short lists

test("a variable that a run changes is carried: written back it counts as before", async () => {
  const bytes = file([counting, init]);
  verifyTflite(bytes);
  const model = readTflite(bytes);
  expect(kinds(model)).toEqual([
    ["CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ADD", "ASSIGN_VARIABLE"],
    ["VAR_HANDLE", "ASSIGN_VARIABLE"],
  ]);
  const written = writeTflite(runPasses(model));
  expect(modelDifference(model, readTflite(written))).toBeNull();
  expect(await sums(written, 3)).toEqual([[2, 12], [3, 22], [4, 32]]); // biome-ignore format: short
});

test.each<[string, readonly EncodableGraph[], EncodableModel?]>([
  ["set by a graph that users run too", [adding, init], { signatureDefs: [{ signatureKey: "s", subgraphIndex: 1 }] }],
  ["set to what is not constant", [adding, { ...init, tensors: [value("start"), resource("total of init")], inputs: [0] }]],
  ["set twice", [adding, { ...init, operators: [...(init.operators ?? []), assign(1, 0)] }]],
  ["read as something else", [{ ...adding, tensors: [{ name: "x", shape: [3] }, resource("total"), { name: "before", shape: [3] }, { name: "y", shape: [3] }] }, init]],
])("a variable %s is not taken for a constant", (_, graphs, model) => {
  expect(kinds(readTflite(file(graphs, model)))[0]).toContain("READ_VARIABLE");
}); // biome-ignore format: a table

test("the fixed build refuses such files, to which it answers zeros", async () => {
  await expect(createTfliteRuntime().load(file([counting, init]))).rejects.toMatchObject({
    code: "UNSUPPORTED_RUNTIME",
  });
});

test("TFJS refuses every node that keeps something, by name", () => {
  expect(() => raiseGraph(readTflite(file([counting, init])))).toThrow(/total \(VAR_HANDLE\)/);
});

test("what a branch without a maker would read is corrupt", () => {
  const { operators: _, ...headless } = adding;
  expect(() => readTflite(file([{ ...headless, operators: [read(1, 2), sum(0, 2, 3)] }, init]))).toThrow(/used before/);
});

test("values inside an integer LSTM are carried with their quantization", () => {
  const model = readTflite(writeTflite(lstmWithin()));
  const [node] = model.graphs[0]?.nodes ?? [];
  expect(node?.intermediates).toHaveLength(2);
  expect(modelDifference(model, readTflite(writeTflite(model)))).toBeNull();
  const scales = node?.intermediates?.map((id) => model.graphs[0]?.tensors.get(id)?.quantization?.scales[0]);
  expect(scales).toEqual([0.5, 0.25]);
});

/** The structure alone: RELU stands in for an LSTM, whose own file is in the corpus. */
function lstmWithin(): Model {
  const inner = (name: string, scale: number) => ({
    name,
    shape: [0],
    type: "INT16" as const,
    quantization: { scale: [scale], zeroPoint: [0n] },
  });
  return readTflite(
    tfliteFile({
      tensors: [value("x"), inner("a", 0.5), inner("b", 0.25), value("y")],
      operators: [{ opcodeIndex: 0, inputs: [0], outputs: [3], intermediates: [1, 2] }],
    }),
  );
}
