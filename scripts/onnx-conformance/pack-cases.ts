/** The small node tests, some per operator, in one archive: what `npm test` runs of the whole suite. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeZip } from "@flotilla/protocol/zip";
import type { CaseResult } from "./run-case.ts";

const casesPerOperator = 3;
const maxCaseBytes = 8 * 1024;

/** `folder`: the node tests. Members are `<case>/model.onnx` and `<case>/test_data_set_0/…`, stored. */
export async function packCases(folder: string, passed: readonly CaseResult[]): Promise<Uint8Array> {
  const names = new Set(await readdir(folder));
  const perOperator = new Map<string, number>();
  const members = new Map<string, Uint8Array>();
  for (const { name, operators } of passed) {
    const key = operators.join("+");
    const count = perOperator.get(key) ?? 0;
    if (!names.has(name) || operators.length > 1 || count >= casesPerOperator) continue;
    const files = await filesOf(join(folder, name));
    const bytes = files.reduce((sum, [, content]) => sum + content.byteLength, 0);
    if (bytes > maxCaseBytes) continue;
    perOperator.set(key, count + 1);
    for (const [path, content] of files) members.set(`${name}/${path}`, content);
  }
  return encodeZip(members);
}

async function filesOf(folder: string): Promise<[string, Uint8Array][]> {
  const data = (await readdir(join(folder, "test_data_set_0"))).sort().map((file) => `test_data_set_0/${file}`);
  return Promise.all(
    ["model.onnx", ...data].map(
      async (path): Promise<[string, Uint8Array]> => [path, new Uint8Array(await readFile(join(folder, path)))],
    ),
  );
}
