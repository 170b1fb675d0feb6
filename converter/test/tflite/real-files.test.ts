/** Real `.tflite` files: read, written and read again they are the same; cut and flipped they fail in an orderly way. */
import { readFile } from "node:fs/promises";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { modelDifference } from "../../src/ir/model-difference.ts";
import { verifyGraph } from "../../src/ops/verify-graph.ts";
import { readTflite } from "../../src/readers/tflite/read-tflite.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";

const bytesOf = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(await fixturePath(name)));

describe.each([
  "pnet",
  "rnet",
  "onet",
  "mobilefacenet",
  "hand-landmark-lite",
  "hand-landmark-full",
  "face-anti-spoofing",
])("%s", (name) => {
  let original: Uint8Array;
  beforeAll(async () => {
    original = await bytesOf(name);
  });

  test("written and read again it is the same model, in the same bytes every time", () => {
    const model = readTflite(original);
    for (const graph of model.graphs) verifyGraph(graph, "tflite");
    const written = writeTflite(model);
    expect(modelDifference(model, readTflite(written))).toBeNull();
    expect(Buffer.compare(writeTflite(readTflite(written)), written)).toBe(0);
    expect(written.byteLength).toBeLessThanOrEqual(original.byteLength * 1.01);
  });
});

describe.each(["rnet", "hand-landmark-lite"])("%s in the runtimes", (name) => {
  test.each([createTfliteRuntime(), createLitertRuntime({ build: "wasm-simd" })])(
    "the rewritten file gives the very outputs of the original in $name",
    async (runtime) => {
      const original = await bytesOf(name);
      const outputs: (readonly NdArray[])[] = [];
      for (const file of [original, writeTflite(readTflite(original))]) {
        const model = await runtime.load(file);
        const inputs = model.inputs.map(({ shape }, k): NdArray => {
          const count = shape.reduce((product, size) => product * size, 1);
          return {
            dtype: "float32",
            shape,
            data: Float32Array.from({ length: count }, (_, i) => ((i * (k + 7)) % 255) / 255),
          };
        });
        outputs.push(await model.run(inputs));
        model.close();
      }
      expect(outputs[1]).toEqual(outputs[0]);
      expect(Math.max(...Array.from(outputs[0]?.[0]?.data ?? [], Number))).toBeGreaterThan(0);
    },
  );
});

/** What reading gave: null, or the code of the error, which must be one of ours. */
function codeOf(file: Uint8Array): string | null {
  try {
    const model = readTflite(file);
    writeTflite(model);
    return null;
  } catch (thrown) {
    if (thrown instanceof FlotillaError) return thrown.code;
    throw thrown;
  }
}
const orderly = /^(FORMAT|UNSUPPORTED)_/;

describe("damaged files", () => {
  let file: Uint8Array;
  /** Bytes in front of the weights, where all the structure is. */
  let headBytes: number;
  beforeAll(async () => {
    file = writeTflite(readTflite(await bytesOf("pnet")));
    headBytes = Math.min(file.byteLength, 16_000);
  });

  test("cut anywhere they are FORMAT_* or UNSUPPORTED_*", () => {
    for (let length = 0; length < file.byteLength; length += length < 2_000 ? 1 : 89) {
      const code = codeOf(file.subarray(0, length));
      expect(code, `cut at ${length}`).toMatch(orderly);
    }
  });

  test("with one bit flipped they are too, or another sound model", () => {
    const codes = new Set<string>();
    fc.assert(
      fc.property(fc.nat({ max: headBytes * 8 - 1 }), (bit) => {
        const bad = Uint8Array.from(file);
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const code = codeOf(bad);
        codes.add(code ?? "none");
        if (code !== null) expect(code).toMatch(orderly);
      }),
      { numRuns: 3_000 },
    );
    expect([...codes]).toEqual(expect.arrayContaining(["none", "FORMAT_TRUNCATED", "FORMAT_CORRUPT"]));
  });

  test("with a run of bytes overwritten they are too", () => {
    fc.assert(
      fc.property(fc.nat({ max: headBytes - 1 }), fc.uint8Array({ minLength: 1, maxLength: 64 }), (at, noise) => {
        const bad = Uint8Array.from(file);
        bad.set(noise.subarray(0, bad.byteLength - at), at);
        const code = codeOf(bad);
        if (code !== null) expect(code).toMatch(orderly);
      }),
      { numRuns: 2_000 },
    );
  });
});
