/** Runs every example as a reader would, as a process in a folder of its own, and looks at what it printed and wrote. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { sha256Hex } from "@flotilla/protocol/digest";
import { expect, test } from "vitest";

const examples = path.resolve(import.meta.dirname, "..", "examples");
const execute = promisify(execFile);

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "flotilla-example-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const checks: Readonly<Record<string, (stdout: string, folder: string) => Promise<void>>> = {
  "quantize-own-model.ts": async (stdout, folder) => {
    const printed = JSON.parse(stdout.trim().split("\n").at(-1)!);
    expect(printed).toMatchObject({ proven: true, run: { samples: 500, outputs: [{ shape: [1, 2] }] } });
    expect(printed.accuracy.source).toBeGreaterThan(0.9);
    expect(printed.accuracy.drop).toBeLessThan(0.03);
    expect(printed.run.accuracy.value).toBeGreaterThan(0.9);
    const files = (await readdir(folder)).filter((name) => name.includes("int8")).sort();
    expect(files).toEqual([expect.stringMatching(/-int8\.conversion\.json$/), path.basename(printed.file)]);
    const record = JSON.parse(await readFile(path.join(folder, files[0]!), "utf8"));
    expect(record).toMatchObject({ recipe: "int8", proven: true });
    expect(record.sha256).toBe(sha256Hex(await readFile(path.join(folder, files[1]!))));
  },
};

test("every example has a check, and is short enough to read at once", async () => {
  const found = (await readdir(examples)).filter((name) => name.endsWith(".ts"));
  expect(found.sort()).toEqual(Object.keys(checks).sort());
  for (const name of found) {
    expect((await readFile(path.join(examples, name), "utf8")).split("\n").length).toBeLessThanOrEqual(40);
  }
});

test.each(Object.entries(checks))("%s", { timeout: 120_000 }, (name, check) =>
  withFolder(async (folder) => {
    const { stdout } = await execute(process.execPath, [path.join(examples, name), folder], {
      cwd: path.dirname(examples),
    });
    await check(stdout, folder);
  }),
);
