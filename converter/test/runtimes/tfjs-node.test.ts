import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeNpz } from "@flotilla/protocol/npz";
import { describe, expect, it } from "vitest";
import { findTfjsNode } from "../../src/runtimes/tfjs-node.ts";

const runtime = findTfjsNode();
const folder = join(import.meta.dirname, "../../../test/corpus/models/tf2-functions");

/** Runs where scripts/build-tfjs-node.sh has put the package on NODE_PATH. */
describe.skipIf(!runtime)("TensorFlow by tfjs-node", () => {
  it("answers a SavedModel as Python's TensorFlow did", async () => {
    const recorded = decodeNpz(new Uint8Array(await readFile(join(folder, "expected.npz"))));
    const model = await runtime?.load({ folder: join(folder, "model"), tags: ["serve"], signature: "serving_default" });
    const image = recorded.get("input/image");
    if (!model || !image) expect.unreachable();
    const results = await model.run(new Map([["image", image]]));
    expect([...results.keys()].sort()).toEqual(["largest", "pooled"]);
    for (const [name, { data }] of results) {
      const expected = recorded.get(`source/${name}`);
      expect(Array.from(data, Number)).toHaveLength(expected?.data.length ?? -1);
      for (const [at, value] of Array.from(data, Number).entries()) {
        expect(value).toBeCloseTo(Number(expected?.data[at]), 5);
      }
    }
    model.close();
  });

  it("says which signature is missing", async () => {
    await expect(
      runtime?.load({ folder: join(folder, "model"), tags: ["serve"], signature: "nothing" }),
    ).rejects.toMatchObject({ code: "UNSUPPORTED_RUNTIME", message: expect.stringContaining('"nothing"') });
  });
});
