/**
 * ONNX conformance: converts ONNX's node tests, runs what comes out in LiteRT (or the runtime of 2023 where LiteRT refuses),
 * compares with the outputs that the tests state. `--write` prints docs/onnx-conformance.md and packs the small cases that
 * pass into test/fixtures/onnx-node-tests.zip, which `npm test` runs.
 *
 *     npx node scripts/onnx-conformance.ts FOLDER [PATTERN] [--write]
 *
 * FOLDER (or ONNX_TESTDATA) is `data` of Debian's libonnx-testdata: `apt-get download libonnx-testdata && dpkg -x *.deb DIR`,
 * then DIR/usr/share/libonnx-testdata/data. PATTERN: only cases with that text in their name, and no page is written.
 */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLitertRuntime } from "@flotilla/device-agent/runtimes/litert";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import { FlotillaError } from "@flotilla/protocol/errors";
import { folderSource } from "../converter/src/readers/folder-source.ts";
import { packCases } from "./onnx-conformance/pack-cases.ts";
import { conformancePage } from "./onnx-conformance/print-page.ts";
import { type CaseResult, runCase } from "./onnx-conformance/run-case.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false } },
});
const folder = positionals[0] ?? process.env.ONNX_TESTDATA;
const pattern = positionals[1];
if (folder === undefined) {
  throw new FlotillaError("CONFIG_USAGE", "Give the folder of libonnx-testdata's data, or set ONNX_TESTDATA.");
}

const families = ["node", "simple", "pytorch-converted", "pytorch-operator"];
const runtimes = [createLitertRuntime({ build: "wasm-simd" }), createTfliteRuntime()];
const results: CaseResult[] = [];
for (const family of families) {
  const names = (await readdir(join(folder, family))).filter((name) => name.startsWith("test_")).sort();
  for (const name of names) {
    if (pattern !== undefined && !name.includes(pattern)) continue;
    const result = await runCase(folderSource(join(folder, family, name)), name, runtimes);
    results.push(result);
    if (result.failure !== undefined) console.log(`${name} (${result.operators.join(" ")}): ${result.failure}`);
    else if (pattern !== undefined) console.log(`${name}: ${result.excluded ?? `passed in ${result.runtime}`}`);
  }
}
const counted = results.filter((result) => result.excluded === undefined);
const passed = counted.filter((result) => result.failure === undefined);
console.log(
  `${passed.length} of ${counted.length} counted cases pass, ${results.length - counted.length} do not count.`,
);
if (values.write && pattern === undefined) {
  const root = join(import.meta.dirname, "..");
  await writeFile(join(root, "docs", "onnx-conformance.md"), conformancePage(results));
  await writeFile(join(root, "test", "fixtures", "onnx-node-tests.zip"), await packCases(join(folder, "node"), passed));
}
