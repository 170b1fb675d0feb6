/** Node 22 and Node 24 write the same bytes: float32, float16 and int8 with every observer at work. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { loadDigits } from "../../../test/fixtures/digits.ts";
import { floats, temporaryFolder, writeNpz } from "./temporary.ts";

const run = promisify(execFile);
const program = join(import.meta.dirname, "convert-digests.ts");

test("the same bytes on Node 22 and Node 24", { timeout: 300_000 }, async () => {
  const folder = await temporaryFolder();
  const some = await loadDigits(40);
  const calibration = await writeNpz(folder, "calibration.npz", { conv2d_1_input: floats(some.images, 40, 28, 28, 1) });
  const model = await fixturePath("digits-layers");
  const digestsBy = async (
    node: string,
    output: string,
  ): Promise<{ node: string; digests: Record<string, string> }> => {
    const { stdout } = await run(node, [program, model, calibration, join(folder, output)]);
    return JSON.parse(stdout);
  };
  const current = await digestsBy(process.execPath, "a");
  const older = await digestsBy(await fixturePath("node-22"), "b");
  expect(current.node).toMatch(/^v24\./);
  expect(older.node).toMatch(/^v22\./);
  expect(Object.keys(current.digests)).toEqual(["float32", "float16", "int8"]);
  expect(older.digests).toEqual(current.digests);
});
