/** One suite over every `.tflite` runtime: what the port promises, with real files and with tiny ones that hit one rule each. */

import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { allocateData, elementCount } from "@flotilla/protocol/npy";
import { afterEach, describe, expect, it } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { seededRandom } from "../../../test/fixtures/photos.ts";
import type { LoadedModel, RuntimeTensor, TfliteRuntime } from "../../src/ports/tflite-runtime.ts";
import { createLitertRuntime } from "../../src/runtimes/litert.ts";
import { createTfliteRuntime } from "../../src/runtimes/tflite-wasm.ts";
import { buildTinyModel, type TinyModel, type TinyTensor } from "./tiny-model.ts";

const rnet = await readFile(await fixturePath("rnet"));
const hand = await readFile(await fixturePath("hand-landmark-lite"));

const runtimes: readonly [string, () => TfliteRuntime][] = [
  ["litert", () => createLitertRuntime()],
  ["litert, fixed build", () => createLitertRuntime({ build: "wasm-simd" })],
  ["tflite", () => createTfliteRuntime()],
];

const open: LoadedModel[] = [];
afterEach(() => {
  for (const model of open.splice(0)) model.close();
});
async function load(runtime: TfliteRuntime, bytes: Uint8Array): Promise<LoadedModel> {
  const model = await runtime.load(bytes);
  open.push(model);
  return model;
}

function floats(tensor: RuntimeTensor, seed: number): NdArray {
  const random = seededRandom(seed);
  const data = Float32Array.from({ length: elementCount(tensor.shape) }, () => random() * 2 - 1);
  return { dtype: "float32", shape: tensor.shape, data };
}

function unary(kind: TinyModel["operators"][number]["kind"], from: Partial<TinyTensor>, to: Partial<TinyTensor>) {
  const tensors: TinyTensor[] = [
    { name: "in", type: "float32", shape: [1, 4], ...from },
    { name: "out", type: "float32", shape: [1, 4], ...to },
  ];
  return buildTinyModel({ tensors, operators: [{ kind, inputs: [0], outputs: [1] }], inputs: [0], outputs: [1] });
}

/** Doubles each of two inputs; the signature lists both sides the other way round. */
function crossedSignature(): Uint8Array {
  return buildTinyModel({
    tensors: [
      { name: "first", type: "float32", shape: [1, 2] },
      { name: "second", type: "float32", shape: [1, 3] },
      { name: "first-doubled", type: "float32", shape: [1, 2] },
      { name: "second-doubled", type: "float32", shape: [1, 3] },
    ],
    operators: [
      { kind: "add", inputs: [0, 0], outputs: [2] },
      { kind: "add", inputs: [1, 1], outputs: [3] },
    ],
    inputs: [0, 1],
    outputs: [2, 3],
    signature: { inputs: { a: 1, b: 0 }, outputs: { p: 3, q: 2 } },
  });
}

function chainOfAdds(length: number): Uint8Array {
  const names = Array.from({ length: length + 1 }, (_, index) => `t${index}`);
  return buildTinyModel({
    tensors: names.map((name) => ({ name, type: "float32", shape: [1, 8] })),
    operators: names.slice(1).map((_, index) => ({ kind: "add", inputs: [index, 0], outputs: [index + 1] })),
    inputs: [0],
    outputs: names.slice(1).map((_, index) => index + 1),
  });
}

async function failure(promise: Promise<unknown>): Promise<FlotillaError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof FlotillaError) return thrown;
  throw new FlotillaError("INTERNAL", `expected a FlotillaError, found ${String(thrown)}`);
}

describe.each(runtimes)("%s", (_, create) => {
  const runtime = create();

  it("tells inputs and outputs in the file's order, with names, dtypes and shapes", async () => {
    const model = await load(runtime, hand);
    const list = (tensors: readonly RuntimeTensor[]) => tensors.map(({ name, shape }) => [name, ...shape].join(" "));
    expect(list(model.inputs)).toEqual(["input_1 1 224 224 3"]);
    expect(list(model.outputs)).toEqual(["Identity 1 63", "Identity_1 1 1", "Identity_2 1 1", "Identity_3 1 63"]);
    expect(model.outputs[0]).toMatchObject({ dtype: "float32", quantization: null });
  });

  it("keeps the file's order although a signature lists another one", async () => {
    const model = await load(runtime, crossedSignature());
    const [first, second] = await model.run([
      { dtype: "float32", shape: [1, 2], data: new Float32Array([1, 2]) },
      { dtype: "float32", shape: [1, 3], data: new Float32Array([3, 4, 5]) },
    ]);
    expect(model.outputs.map(({ name }) => name)).toEqual(["first-doubled", "second-doubled"]);
    expect(first?.data).toEqual(new Float32Array([2, 4]));
    expect(second?.data).toEqual(new Float32Array([6, 8, 10]));
  });

  it("gives the same answer to the same input, and another to another", async () => {
    const model = await load(runtime, rnet);
    const input = floats(model.inputs[0]!, 1);
    const answer = await model.run([input]);
    expect(await model.run([input])).toEqual(answer);
    expect(await model.run([floats(model.inputs[0]!, 2)])).not.toEqual(answer);
    const [no, yes] = answer[0]!.data as Float32Array;
    expect(no! + yes!).toBeCloseTo(1, 5);
  });

  it("hands out copies that later runs and closing do not touch", async () => {
    const model = await load(runtime, rnet);
    const [answer] = await model.run([floats(model.inputs[0]!, 1)]);
    const kept = answer!.data.slice();
    await model.run([floats(model.inputs[0]!, 2)]);
    model.close();
    expect(answer!.data).toEqual(kept);
  });

  it("runs two models in turns without mixing them up", async () => {
    const [a, b] = await Promise.all([load(runtime, rnet), load(runtime, hand)]);
    const [forA, forB] = [[floats(a.inputs[0]!, 3)], [floats(b.inputs[0]!, 4)]];
    const [aloneA, aloneB] = [await a.run(forA), await b.run(forB)];
    const turns = await Promise.all([a.run(forA), b.run(forB), a.run(forA), b.run(forB)]);
    expect(turns).toEqual([aloneA, aloneB, aloneA, aloneB]);
  });

  it("gives 160 outputs of one model", async () => {
    const model = await load(runtime, chainOfAdds(160));
    const input: NdArray = { dtype: "float32", shape: [1, 8], data: new Float32Array(8).fill(1) };
    const outputs = await model.run([input]);
    expect(outputs.map(({ data }) => data[7])).toEqual(Array.from({ length: 160 }, (_, index) => index + 2));
  });

  it.each([
    ["int8", { type: "int8", scale: 0.5, zeroPoint: 3 }, new Int8Array([-128, 0, 3, 127]), [-65.5, -1.5, 0, 62]],
    ["uint8", { type: "uint8", scale: 0.5, zeroPoint: 3 }, new Uint8Array([0, 3, 4, 255]), [-1.5, 0, 0.5, 126]],
    ["int16", { type: "int16", scale: 0.5, zeroPoint: 0 }, new Int16Array([-2, 0, 1, 300]), [-1, 0, 0.5, 150]],
  ] as const)("takes %s inputs and tells their quantization", async (dtype, tensor, data, expected) => {
    const model = await load(runtime, unary("dequantize", tensor, {}));
    expect(model.inputs[0]).toMatchObject({ dtype, quantization: { scale: 0.5, zeroPoint: tensor.zeroPoint } });
    const [output] = await model.run([{ dtype, shape: [1, 4], data }]);
    expect(output?.data).toEqual(Float32Array.from(expected));
  });

  it("gives int8, int32 and bool outputs", async () => {
    const input: NdArray = { dtype: "float32", shape: [1, 4], data: new Float32Array([-1, 0, 0.5, 900]) };
    const int8 = await load(runtime, unary("quantize", {}, { type: "int8", scale: 0.5, zeroPoint: 3 }));
    expect((await int8.run([input]))[0]?.data).toEqual(new Int8Array([1, 3, 4, 127]));
    const int32 = await load(runtime, unary("cast", {}, { type: "int32" }));
    expect((await int32.run([input]))[0]?.data).toEqual(new Int32Array([-1, 0, 0, 900]));
    const bool = await load(runtime, unary("logicalNot", { type: "bool" }, { type: "bool" }));
    const bits: NdArray = { dtype: "bool", shape: [1, 4], data: new Uint8Array([0, 1, 1, 0]) };
    expect((await bool.run([bits]))[0]?.data).toEqual(new Uint8Array([1, 0, 0, 1]));
  });

  it("fixes dynamic sizes to 1", async () => {
    const dynamic = { shape: [1, 4], shapeSignature: [-1, 4] };
    const model = await load(runtime, unary("quantize", dynamic, { ...dynamic, type: "int8", scale: 1 }));
    expect(model.inputs[0]?.shape).toEqual([1, 4]);
    const [output] = await model.run([{ dtype: "float32", shape: [1, 4], data: new Float32Array([1, 2, 3, 4]) }]);
    expect(output?.data).toEqual(new Int8Array([1, 2, 3, 4]));
  });

  it.each([
    ["too few", []],
    ["another dtype", [{ dtype: "int8", shape: [1, 24, 24, 3], data: new Int8Array(1728) }]],
    ["another size", [{ dtype: "float32", shape: [1, 24, 24], data: new Float32Array(576) }]],
  ] as const)("refuses inputs that do not fit: %s", async (_case, inputs) => {
    const model = await load(runtime, rnet);
    expect((await failure(model.run(inputs))).code).toBe("CONFIG_INVALID");
  });

  it("refuses an operator that it does not have, in the runtime's own words", async () => {
    const error = await failure(runtime.load(unary("custom", {}, {})));
    expect(error.code).toBe("UNSUPPORTED_RUNTIME");
    expect(error.message).toContain("NobodyKnowsThis");
  });

  it.each([
    ["nothing", new Uint8Array(0)],
    ["garbage", Uint8Array.from({ length: 5000 }, (_byte, index) => (index * 7919 + index * index) & 255)],
    ["its own name only", new TextEncoder().encode("\x08\0\0\0TFL3\0\0\0\0")],
    ["half a file", rnet.subarray(0, rnet.length >> 1)],
    ["a file without its last 100 bytes", rnet.subarray(0, rnet.length - 100)],
  ] as const)("refuses %s, and stays usable", async (_case, bytes) => {
    expect((await failure(runtime.load(bytes))).code).toBe("UNSUPPORTED_RUNTIME");
    const model = await load(runtime, rnet);
    expect(await model.run([floats(model.inputs[0]!, 1)])).toHaveLength(2);
  });

  it("survives flipped bits: every damaged file loads or is refused, and the next sound one runs", async () => {
    const random = seededRandom(7);
    for (let round = 0; round < 60; round++) {
      const damaged = new Uint8Array(rnet);
      const at = Math.floor(random() * 4000);
      damaged[at] = damaged[at]! ^ (1 << Math.floor(random() * 8));
      const model = await runtime.load(damaged).catch((error: unknown) => error);
      if (model instanceof Error) expect(model).toMatchObject({ code: "UNSUPPORTED_RUNTIME" });
      else (model as LoadedModel).close();
    }
    const model = await load(runtime, rnet);
    expect(await model.run([floats(model.inputs[0]!, 1)])).toHaveLength(2);
  });

  it("gives memory back: fifty loads of a model take no more than three", async () => {
    const own = create();
    const residentAfter = async (loads: number) => {
      for (let round = 0; round < loads; round++) {
        const model = await own.load(hand);
        await model.run(model.inputs.map((tensor) => floats(tensor, round)));
        model.close();
      }
      // What nobody holds any more is not a leak, whenever the collector would have come round to it.
      collectGarbage();
      return process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    };
    const few = await residentAfter(3);
    expect((await residentAfter(47)) - few).toBeLessThan(32 * 1024 * 1024);
  });

  it("closes twice without harm, and refuses to run afterwards", async () => {
    const model = await load(runtime, rnet);
    model.close();
    model.close();
    expect((await failure(model.run([floats(model.inputs[0]!, 1)]))).code).toBe("UNSUPPORTED_RUNTIME");
  });
});

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

describe("across runtimes", () => {
  it("the answers agree to 1e-5 of the largest", async () => {
    for (const bytes of [rnet, hand]) {
      const answers: (readonly NdArray[])[] = [];
      for (const [, create] of runtimes) {
        const model = await load(create(), bytes);
        answers.push(await model.run(model.inputs.map((tensor) => floats(tensor, 11))));
      }
      const [reference, ...others] = answers.map((arrays) => arrays.flatMap(({ data }) => [...(data as Float32Array)]));
      const largest = Math.max(...reference!.map(Math.abs));
      for (const other of others) {
        expect(Math.max(...other.map((value, index) => Math.abs(value - reference![index]!)))).toBeLessThan(
          1e-5 * largest,
        );
      }
    }
  });

  it("each says which build it is", () => {
    expect(
      runtimes.map(([, create]) => create()).map(({ name, version, build }) => `${name} ${version} ${build}`),
    ).toEqual(["litert 2.5.3 wasm-relaxed-simd", "litert 2.5.3 wasm-simd", "tflite 0.0.1-alpha.10 wasm-simd"]);
  });

  it("leave no global behind", async () => {
    const before = Object.getOwnPropertyNames(globalThis);
    for (const [, create] of runtimes) await load(create(), rnet);
    expect(Object.getOwnPropertyNames(globalThis)).toEqual(before);
  });
});

describe("tflite, profiling", () => {
  it("times each operator of the last run", async () => {
    const model = await createTfliteRuntime({ profile: true }).load(
      unary("dequantize", { type: "int8", scale: 1 }, {}),
    );
    open.push(model);
    expect(model.operatorTimes()).toEqual([]);
    await model.run([{ dtype: "int8", shape: [1, 4], data: allocateData("int8", 4) }]);
    const times = model.operatorTimes();
    expect(times.length).toBeGreaterThan(0);
    expect(times.every(({ ms }) => ms >= 0)).toBe(true);
  });

  it("refuses int64 inputs when it loads the model", async () => {
    const error = await failure(createTfliteRuntime().load(unary("cast", { type: "int64" }, {})));
    expect(error).toMatchObject({ code: "UNSUPPORTED_RUNTIME" });
  });
});
