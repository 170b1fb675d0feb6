/** Folders of one test's own, and arrays written as data files into them. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { encodeNpz } from "@flotilla/protocol/npz";
import { afterAll } from "vitest";

const made: string[] = [];
afterAll(() => Promise.all(made.map((one) => rm(one, { recursive: true, force: true }))));

/** Gone when the test file ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "flotilla-convert-"));
  made.push(folder);
  return folder;
}

export async function writeNpz(
  folder: string,
  name: string,
  arrays: Readonly<Record<string, NdArray>>,
): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, encodeNpz(new Map(Object.entries(arrays))));
  return path;
}

/** Every file below a folder; [] when it is not there. */
export const filesIn = (folder: string): Promise<string[]> => readdir(folder, { recursive: true }).catch(() => []);

export const floats = (data: Float32Array, ...shape: number[]): NdArray => ({ dtype: "float32", shape, data });
