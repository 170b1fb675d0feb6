/** The `.tflite` reader on files made to be wrong, one fault each, and on what it must carry without loss. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { describe, expect, test } from "vitest";
import type { Model } from "../../src/ir/graph.ts";
import { custom } from "../../src/ops/custom.ts";
import { verifyGraph } from "../../src/ops/verify-graph.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { type FileParts, floats, int32s, relu, reluParts, tfliteFile } from "./file-model.ts";

function failureOf(file: Uint8Array): FlotillaError {
  try {
    readTflite(file);
  } catch (thrown) {
    if (thrown instanceof FlotillaError) return thrown;
    throw thrown;
  }
  throw new FlotillaError("INTERNAL", "The file was read.");
}
const tensorsOf = (model: Model) => [...(model.graphs[0]?.tensors.values() ?? [])];

const [x, y] = [...reluParts.tensors];
const conv = { builtinCode: 3, deprecatedBuiltinCode: 3 };
const operator = { opcodeIndex: 0, inputs: [0], outputs: [1] };

test("a sound file gives a verified graph, a signature of its tensors' names and named nodes", () => {
  const model = readTflite(tfliteFile(reluParts));
  const [graph] = model.graphs;
  expect(graph?.nodes.map(({ kind, name }) => [kind, name])).toEqual([["RELU", "y"]]);
  expect(model.signatures).toEqual([
    { key: "serving_default", graph: 0, inputs: [{ name: "x", tensor: 0 }], outputs: [{ name: "y", tensor: 1 }] },
  ]);
  if (graph) verifyGraph(graph, "imported");
});

describe("files that contradict themselves are FORMAT_CORRUPT and say where", () => {
  const cases: readonly [string, FileParts, string | RegExp][] = [
    ["no graph", { ...reluParts, model: { subgraphs: [] } }, "Model.subgraphs"],
    ["an operator code that does not exist", { ...reluParts, operators: [{ ...operator, opcodeIndex: 7 }] }, "Model.subgraphs[0].operators[0]"],
    ["a negative operator code", { ...reluParts, codes: [{ builtinCode: -3, deprecatedBuiltinCode: -3 }] }, "Model.subgraphs[0].operators[0]"],
    ["an operand that does not exist", { ...reluParts, operators: [{ ...operator, inputs: [9] }] }, "Model.subgraphs[0].operators[0]"],
    ["an operand below -1", { ...reluParts, operators: [{ ...operator, inputs: [-2] }] }, "Model.subgraphs[0].operators[0]"],
    ["a result of -1", { ...reluParts, operators: [{ ...operator, outputs: [-1] }] }, "Model.subgraphs[0].operators[0]"],
    ["no result", { ...reluParts, operators: [{ ...operator, outputs: [] }] }, "Model.subgraphs[0].operators[0]"],
    ["an input that does not exist", { ...reluParts, inputs: [5] }, "Model.subgraphs[0].inputs"],
    ["an output that does not exist", { ...reluParts, outputs: [-1] }, "Model.subgraphs[0].outputs"],
    ["an output that nobody makes", { ...reluParts, operators: [] }, "Model.subgraphs[0]"],
    ["an operand that nobody makes", { ...reluParts, inputs: [] }, "Model.subgraphs[0].operators[0]"],
    ["a value used before it is made", { ...reluParts, tensors: [x ?? {}, y ?? {}, y ?? {}], operators: [{ ...operator, inputs: [1], outputs: [2] }, operator] }, "Model.subgraphs[0].operators[0]"],
    ["a value made twice", { ...reluParts, operators: [operator, operator] }, "Model.subgraphs[0].operators[1]"],
    ["a result that is an input", { ...reluParts, inputs: [0, 1] }, "Model.subgraphs[0].operators[0]"],
    ["a buffer that does not exist", { ...reluParts, tensors: [x ?? {}, { ...y, buffer: 4 }] }, "Model.subgraphs[0].tensors[1]"],
    ["a constant of the wrong size", { ...reluParts, tensors: [x ?? {}, { ...y, buffer: 1 }], buffers: [floats(1, 2)] }, "Model.subgraphs[0].tensors[1]"],
    ["a constant that is an input", { ...reluParts, tensors: [{ ...x, buffer: 1 }, y ?? {}], buffers: [floats(1, 2, 3, 4, 5, 6)] }, "Model.subgraphs[0]"],
    ["a variable with a value", { ...reluParts, tensors: [x ?? {}, { ...y, isVariable: true, buffer: 1 }], buffers: [floats(1, 2, 3, 4, 5, 6)] }, "Model.subgraphs[0].tensors[1]"],
    ["a negative size", { ...reluParts, tensors: [{ ...x, shape: [2, -7] }, y ?? {}] }, "Model.subgraphs[0].tensors[0]"],
    ["a size beyond reason", { ...reluParts, tensors: [{ ...x, shape: [2 ** 31 - 1, 2 ** 31 - 1] }, y ?? {}] }, "Model.subgraphs[0].tensors[0]"],
    ["a signature of another rank", { ...reluParts, tensors: [{ ...x, shapeSignature: [-1] }, y ?? {}] }, "Model.subgraphs[0].tensors[0]"],
    ["another shape than the operator gives", { ...reluParts, tensors: [x ?? {}, { ...y, shape: [3, 2] }] }, "Model.subgraphs[0].operators[0]"],
    ["another dtype than the operator gives", { ...reluParts, tensors: [x ?? {}, { ...y, type: "INT32" }] }, "Model.subgraphs[0].operators[0]"],
    ["scales without zero points", { ...reluParts, tensors: [{ ...x, quantization: { scale: [1, 2], zeroPoint: [0n] } }, y ?? {}] }, "Model.subgraphs[0].tensors[0]"],
    ["more scales than channels", { ...reluParts, tensors: [{ ...x, quantization: { scale: [1, 2, 3], zeroPoint: [0n, 0n, 0n] } }, y ?? {}] }, "Model.subgraphs[0].tensors[0]"],
    ["a scale that is no number", { ...reluParts, tensors: [{ ...x, quantization: { scale: [Number.NaN], zeroPoint: [0n] } }, y ?? {}] }, "Model.subgraphs[0].tensors[0]"],
    ["the options of another operator", { ...reluParts, operators: [{ ...operator, builtinOptions: { type: "Conv2DOptions", value: {} } }] }, "Model.subgraphs[0].operators[0]"],
    ["operands that cannot be", { ...reluParts, codes: [conv], operators: [{ ...operator, inputs: [0, 0] }] }, "Model.subgraphs[0].operators[0]"],
    ["a convolution without options", { tensors: [{ name: "x", shape: [1, 4, 4, 1] }, { name: "w", shape: [1, 1, 1, 1], buffer: 1 }, { name: "y", shape: [1, 4, 4, 1] }], buffers: [floats(1)], codes: [conv], operators: [{ opcodeIndex: 0, inputs: [0, 1], outputs: [2] }] }, "Model.subgraphs[0].operators[0]"],
    ["a tensor of more axes than any runtime has", { ...reluParts, tensors: [{ ...x, shape: new Array<number>(40).fill(1) }, y ?? {}] }, "Model.subgraphs[0].tensors[0]"],
    ["more parts announced than there are results", { ...reluParts, codes: [{ builtinCode: 88, deprecatedBuiltinCode: 88 }], operators: [{ ...operator, builtinOptions: { type: "UnpackOptions", value: { num: 60_000 } } }] }, "Model.subgraphs[0].operators[0]"],
    ["a thousand axes", { tensors: [x ?? {}, { name: "axes", shape: [1025], type: "INT32", buffer: 1 }, { name: "y", shape: [] }], buffers: [int32s(...new Array<number>(1025).fill(0))], codes: [{ builtinCode: 40, deprecatedBuiltinCode: 40 }], operators: [{ ...operator, inputs: [0, 1], outputs: [2] }] }, "Model.subgraphs[0].operators[0]"],
    ["a custom operator without a name", { ...reluParts, codes: [{ builtinCode: 32, deprecatedBuiltinCode: 32 }] }, "Model.subgraphs[0].operators[0]"],
    ["a signature of a tensor that does not exist", { ...reluParts, model: { signatureDefs: [{ signatureKey: "s", inputs: [{ name: "x", tensorIndex: 9 }] }] } }, "Model.signatureDefs[0]"],
    ["a signature of a graph that does not exist", { ...reluParts, model: { signatureDefs: [{ signatureKey: "s", subgraphIndex: 3 }] } }, "Model.signatureDefs[0]"],
    ["metadata in a buffer that does not exist", { ...reluParts, model: { metadata: [{ name: "m", buffer: 9 }] } }, "Model.metadata[0]"],
  ]; // biome-ignore format: a table
  test.each(cases)("%s", (_, parts, path) => {
    const failure = failureOf(tfliteFile(parts));
    expect(failure.code).toBe("FORMAT_CORRUPT");
    expect(failure.details).toMatchObject({ path });
    expect(failure.message).toContain(String(path));
  });
});

describe("what is valid but not done is UNSUPPORTED", () => {
  test("every operator that is not supported is listed at once", () => {
    const tensors = ["x", "a", "b", "c"].map((name) => ({ name, shape: [2, 3] }));
    const failure = failureOf(
      tfliteFile({
        tensors,
        codes: [
          relu,
          { deprecatedBuiltinCode: 127, builtinCode: 163 },
          { deprecatedBuiltinCode: 127, builtinCode: 999 },
        ],
        operators: [
          { opcodeIndex: 1, inputs: [0, 0], outputs: [1] },
          { opcodeIndex: 0, inputs: [1], outputs: [2], mutatingVariableInputs: [true] },
          { opcodeIndex: 2, inputs: [2], outputs: [3] },
        ],
      }),
    );
    expect(failure.code).toBe("UNSUPPORTED_OPERATOR");
    expect(failure.details).toEqual([
      { node: "a", operator: "STABLEHLO_ADD", reason: "Flotilla does not know this operator" },
      { node: "b", operator: "RELU", reason: "it changes an input in place" },
      { node: "c", operator: "#999", reason: "Flotilla does not know this operator" },
    ]);
  });

  const refusals: readonly [string, FileParts, string][] = [
    ["a sparse operand of half bytes", { ...reluParts, tensors: [{ ...x, type: "INT4", sparsity: { traversalOrder: [0, 1] } }, y ?? {}] }, 'the tensor "x" is not supported: it is stored sparse in int4'],
    ["blockwise quantization", { ...reluParts, tensors: [{ ...x, quantization: { details: { type: "BlockwiseQuantization", value: { scales: 1 } } } }, y ?? {}] }, 'the tensor "x" is not supported: its quantization is BlockwiseQuantization'],
    ["a variant", { ...reluParts, tensors: [{ ...x, type: "VARIANT" }, y ?? {}] }, 'the tensor "x" is not supported: its type is VARIANT'],
    ["a value in another file", { ...reluParts, tensors: [{ ...x, externalBuffer: 3 }, y ?? {}] }, 'the tensor "x" is not supported: its values are in another file'],
    ["an operand changed in place", { ...reluParts, operators: [{ ...operator, mutatingVariableInputs: [true] }] }, "it changes an input in place"],
    ["custom options of a builtin operator", { ...reluParts, operators: [{ ...operator, customOptions: Uint8Array.of(1) }] }, "a builtin operator with custom options"],
  ]; // biome-ignore format: a table
  test.each(refusals)("%s", (_, parts, reason) => {
    const failure = failureOf(tfliteFile(parts));
    expect(failure.code).toBe("UNSUPPORTED_OPERATOR");
    expect(failure.details).toEqual([{ node: "y", operator: "RELU", reason }]);
  });

  test("a tensor that cannot be carried although no operator uses it", () => {
    const tensors = [{ name: "v", shape: [1], type: "VARIANT" as const }, x ?? {}, y ?? {}];
    const failure = failureOf(
      tfliteFile({ tensors, inputs: [1], operators: [{ ...operator, inputs: [1], outputs: [2] }] }),
    );
    expect(failure.code).toBe("UNSUPPORTED_FORMAT");
    expect(failure.details).toMatchObject({ path: "Model.subgraphs[0].tensors[0]" });
  });

  test("another schema version", () => {
    expect(failureOf(tfliteFile({ ...reluParts, model: { version: 2 } })).code).toBe("UNSUPPORTED_FORMAT");
  });
});

describe("what the file only hints at", () => {
  test("the shape of a result whose rank the file does not tell is the operator's", () => {
    const model = readTflite(tfliteFile({ ...reluParts, tensors: [x ?? {}, { name: "y" }] }));
    expect(tensorsOf(model)[1]?.shape).toEqual([2, 3]);
  });

  test("a stored size fills in for one that only the run tells", () => {
    const model = readTflite(
      tfliteFile({
        tensors: [{ name: "x", shape: [2, 3] }, { name: "shape", shape: [2], type: "INT32" }, { name: "y", shape: [3, 2] }],
        inputs: [0, 1],
        codes: [{ builtinCode: 22, deprecatedBuiltinCode: 22 }],
        operators: [{ opcodeIndex: 0, inputs: [0, 1], outputs: [2] }],
      }),
    ); // biome-ignore format: short
    expect(tensorsOf(model)[2]?.shape).toEqual([3, 2]);
  });

  test("the version of an operator says nothing about its dtypes", () => {
    const model = readTflite(tfliteFile({ ...reluParts, codes: [{ ...relu, version: 2 }] }));
    expect(tensorsOf(model).map(({ dtype }) => dtype)).toEqual(["float32", "float32"]);
  });

  test("old files have only the one-byte operator code", () => {
    const model = readTflite(tfliteFile({ ...reluParts, codes: [{ deprecatedBuiltinCode: 19 }] }));
    expect(model.graphs[0]?.nodes[0]?.kind).toBe("RELU");
  });

  test("a dynamic size is -1", () => {
    const shapeSignature = [-1, 3];
    const model = readTflite(
      tfliteFile({
        ...reluParts,
        tensors: [
          { ...x, shapeSignature },
          { ...y, shapeSignature },
        ],
      }),
    );
    expect(tensorsOf(model).map(({ shape }) => shape)).toEqual([
      [-1, 3],
      [-1, 3],
    ]);
  });

  test("an operand without elements is a constant although it has no bytes", () => {
    const model = readTflite(
      tfliteFile({
        tensors: [{ name: "x", shape: [2, 3] }, { name: "axes", shape: [0], type: "INT32" }, { name: "y", shape: [2, 3] }],
        codes: [{ builtinCode: 40, deprecatedBuiltinCode: 40 }],
        operators: [{ opcodeIndex: 0, inputs: [0, 1], outputs: [2] }],
      }),
    ); // biome-ignore format: short
    expect(tensorsOf(model)[1]?.constant?.byteLength).toBe(0);
  });
});

describe("buffers outside the flatbuffer", () => {
  const parts = (offset: bigint, size: bigint): FileParts => ({
    tensors: [{ name: "x", shape: [2] }, { name: "c", shape: [2], buffer: 1 }, { name: "y", shape: [2] }],
    buffers: [{ offset, size }],
    codes: [{ builtinCode: 55, deprecatedBuiltinCode: 55 }],
    operators: [{ opcodeIndex: 0, inputs: [0, 1], outputs: [2] }],
  }); // biome-ignore format: short

  test("are read from where they say", () => {
    const head = tfliteFile(parts(1000n, 8n));
    const file = new Uint8Array(1008);
    file.set(head);
    file.set(int32s(1, 2).data, 1000);
    expect(tensorsOf(readTflite(file))[1]?.constant?.bytes()).toEqual(int32s(1, 2).data);
  });

  test.each([
    [100_000n, 8n],
    [2n ** 63n, 8n],
    [100n, 2n ** 63n],
  ])("at %d of %d bytes are FORMAT_TRUNCATED", (offset, size) => {
    expect(failureOf(tfliteFile(parts(offset, size))).code).toBe("FORMAT_TRUNCATED");
  });
});

test("a custom operator is carried with its name, version and options", () => {
  const model = readTflite(
    tfliteFile({
      ...reluParts,
      codes: [{ builtinCode: 32, deprecatedBuiltinCode: 32, customCode: "MyOwn", version: 4 }],
      operators: [{ ...operator, inputs: [0, -1], customOptions: Uint8Array.of(1, 2, 3) }],
    }),
  );
  const [node] = model.graphs[0]?.nodes ?? [];
  expect(custom.is(node) && custom.attributesOf(node)).toEqual({
    customCode: "MyOwn",
    version: 4,
    customOptions: Uint8Array.of(1, 2, 3),
  });
  expect(node?.inputs).toEqual([0, null]);
});
