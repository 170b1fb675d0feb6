/**
 * The recipe `auto` on a net with one planted bad layer: a channel a thousand times as large as the others, which the next
 * layer takes back. int8 values cannot hold both; the search has to find that place and leave the rest in int8.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { convert } from "../../src/convert.ts";
import type { ConvertOptions } from "../../src/convert-options.ts";
import { fullyConnected } from "../../src/ops/fully-connected.ts";
import { writeTflite } from "../../src/writers/tflite/write-tflite.ts";
import { GraphMaker, modelOf } from "../quantize/graphs.ts";
import { filesIn, floats, temporaryFolder, writeNpz } from "./temporary.ts";

const width = 16;
const layers = 6;
/** Its output is spoilt, and the next layer's input. */
const planted = 3;
const large = 1000;

let folder: string;
let options: Pick<ConvertOptions, "model" | "calibration" | "recipes">;
let counter = 0;

/** Even numbers in [-1, 1), the same ones every time. */
function* spread(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    yield state / 0x4000_0000 - 1;
  }
}

function plantedNet(): Uint8Array {
  const numbers = spread();
  const maker = new GraphMaker();
  let value = maker.input("x", [1, width]);
  for (let layer = 0; layer < layers; layer++) {
    const weights = Array.from({ length: width * width }, (_, at) => {
      const [row, column] = [Math.floor(at / width), at % width];
      const scale = layer === planted && row === 5 ? large : layer === planted + 1 && column === 5 ? 1 / large : 1;
      return (numbers.next().value / 2) * scale;
    });
    const inputs = [value, maker.floats(`w${layer}`, [width, width], weights), null];
    value = maker.op(fullyConnected, `layer${layer}`, inputs, { shape: [1, width] });
  }
  return writeTflite(modelOf(maker.graph(value)));
}

beforeAll(async () => {
  folder = await temporaryFolder();
  const model = join(folder, "planted.tflite");
  await writeFile(model, plantedNet());
  const numbers = spread();
  const data = Float32Array.from({ length: 64 * width }, () => numbers.next().value);
  const path = await writeNpz(folder, "samples.npz", { x: floats(data, 64, width) });
  options = { model, calibration: { path }, recipes: ["auto"] };
});

const output = (): string => join(folder, `out-${counter++}`);

async function refused(
  more: Partial<ConvertOptions>,
  code: string,
  message: RegExp,
  base: Pick<ConvertOptions, "model" | "recipes"> = options,
): Promise<unknown> {
  const out = output();
  const thrown: unknown = await convert({ ...base, ...more, output: out }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toMatchObject({ code, message: expect.stringMatching(message) });
  expect(await filesIn(out)).toEqual([]);
  return thrown;
}

describe("a planted bad layer", () => {
  test("int8 is far from 30 dB", () => refused({ recipes: ["int8"], minSqnrDb: 30 }, "PROOF_SQNR", /30/));

  test("is found, the bound is met on held-back samples, and the saved recipe repeats the file", async () => {
    const out = output();
    const { variants } = await convert({ ...options, minSqnrDb: 30, output: out });
    const [variant] = variants;
    if (variant?.format !== "tflite" || !variant.search) throw new TypeError("no search");
    expect(variant.parity?.sqnrDb).toBeGreaterThanOrEqual(30);
    const { search } = variant;
    expect(search).toMatchObject({ metric: "sqnr", ended: "found", byDefault: false });
    expect(search.chosenOn.samples + search.checkedOn.samples).toBeLessThanOrEqual(64);
    expect(search.builds).toBeLessThanOrEqual(search.budget);
    const dear = search.islands.map(({ index }) => index);
    expect(dear).toEqual(expect.arrayContaining([planted, planted + 1]));
    expect(dear.length).toBeLessThanOrEqual(4);
    expect(search.table.filter(({ chosen }) => chosen)).toHaveLength(1);

    const again = output();
    const saved = join(out, "planted-auto.recipe.json");
    const repeated = await convert({ ...options, recipes: [saved], output: again });
    expect(repeated.variants[0]?.sha256).toBe(variant.sha256);
    expect(await readFile(repeated.variants[0]?.file ?? "")).toEqual(await readFile(variant.file));
  });

  test("without a bound 25 dB are asked for", async () => {
    const { variants } = await convert({ ...options, output: output() });
    const [variant] = variants;
    if (variant?.format !== "tflite") throw new TypeError("no variant");
    expect(variant.search).toMatchObject({ byDefault: true, bounds: { minSqnrDb: 25, maxDrop: null } });
    expect(variant.parity?.sqnrDb).toBeGreaterThanOrEqual(25);
  });

  test("a bound that nothing reaches names the best there was", async () => {
    const thrown = await refused({ minSqnrDb: 200, strictInteger: true }, "PROOF_SQNR", /best/);
    expect(thrown).toMatchObject({ details: { search: { ended: "unreachable", table: expect.any(Array) } } });
  });
});

describe("what auto needs", () => {
  test("calibration data", () =>
    refused({}, "QUANT_CALIBRATION_MISSING", /auto/, { model: options.model, recipes: ["auto"] }));

  test("labels for --max-drop", () =>
    refused(
      { evaluate: { path: options.calibration?.path ?? "", maxDrop: 0.01 } },
      "QUANT_CALIBRATION_DATA",
      /labels/,
    ));

  test("a proof", () => refused({ prove: false }, "CONFIG_INVALID", /auto/));

  test("enough samples for two halves", async () => {
    const path = await writeNpz(folder, "few.npz", { x: floats(new Float32Array(8 * width).fill(0.5), 8, width) });
    await refused({ calibration: { path } }, "QUANT_CALIBRATION_DATA", /16 samples/);
  });
});
