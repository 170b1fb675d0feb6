/** Names of classes from `convert` to the file, its record and a release; refused where their number is not the output's. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "@flotilla/protocol/documents/document";
import { releaseDocument } from "@flotilla/protocol/documents/release";
import { expect, test } from "vitest";
import { fixturePath } from "../../../scripts/fixtures.ts";
import { loadDigits } from "../../../test/fixtures/digits.ts";
import { convert } from "../../src/convert.ts";
import { packRelease } from "../../src/release/pack-release.ts";
import { floats, temporaryFolder, writeNpz } from "./temporary.ts";

const labels = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "neun ä"];

test("labels ride with the file and reach the release without being given again", async () => {
  const folder = await temporaryFolder();
  const model = await fixturePath("digits-layers");
  const output = join(folder, "out");
  const { variants } = await convert({ model, output, labels, prove: false });
  const file = await readFile(variants[0]?.file ?? "");
  expect(file.includes("labels.txt")).toBe(true);
  expect(file.includes(labels.join("\n"))).toBe(true);
  const some = await loadDigits(10);
  const goldenInputs = await writeNpz(folder, "some.npz", { conv2d_1_input: floats(some.images, 10, 28, 28, 1) });
  const asked = { source: model, model: "digits", release: "digits-r1", counter: 1, createdAtMs: 1, goldenInputs };
  const created = await packRelease({ ...asked, variants: [output], output: join(folder, "release") });
  const release = parseDocument(releaseDocument, created.release);
  expect(release.variants[0]?.outputs.labels).toEqual(labels);
  await expect(
    packRelease({ ...asked, variants: [output], output: join(folder, "other"), labels: ["a"] }),
  ).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("too few labels are refused before anything is written, with both numbers", async () => {
  const model = await fixturePath("digits-layers");
  await expect(
    convert({ model, output: await temporaryFolder(), labels: labels.slice(1), prove: false }),
  ).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { option: "labels", found: 9, expected: 10 } });
});
