/** The packed part of ONNX's node tests: every case converts and gives the stated outputs in a device's runtime. */
import { readFile } from "node:fs/promises";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { decodeZip } from "@flotilla/protocol/zip";
import { describe, expect, it } from "vitest";
import { memorySource } from "../converter/src/readers/file-source.ts";
import { runCase } from "../scripts/onnx-conformance/run-case.ts";

const archive = new Uint8Array(await readFile(new URL("fixtures/onnx-node-tests.zip", import.meta.url)));
const members = decodeZip(archive, { maxMembers: 10_000, maxTotalBytes: 2 ** 24, maxRatio: 64 });
const names = [...new Set([...members.keys()].map((path) => path.slice(0, path.indexOf("/"))))];
const runtimes = [createLitertRuntime({ build: "wasm-simd" }), createTfliteRuntime()];

describe("ONNX node tests", () => {
  it("holds cases of more than a hundred operators", () => {
    expect(names.length).toBeGreaterThan(200);
  });

  it.each(names)("%s", async (name) => {
    const files = [...members].filter(([path]) => path.startsWith(`${name}/`));
    const source = memorySource(Object.fromEntries(files.map(([path, bytes]) => [path.slice(name.length + 1), bytes])));
    const result = await runCase(source, name, runtimes);
    expect(result.failure ?? result.excluded).toBeUndefined();
  });
});
