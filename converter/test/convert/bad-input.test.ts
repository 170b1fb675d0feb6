/** Each bad input gives its code, says where, and leaves nothing on disk. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { beforeAll, describe, expect, test } from "vitest";
import { fixtureFolder, fixturePath } from "../../../scripts/fixtures.ts";
import { convert } from "../../src/convert.ts";
import type { ConvertOptions } from "../../src/convert-options.ts";
import { filesIn, floats, temporaryFolder, writeNpz } from "./temporary.ts";

let folder: string;
let rnet: string;
let digits: string;
let counter = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  rnet = await fixturePath("rnet");
  digits = await fixturePath("digits-layers");
});

const name = "conv2d_1_input";
const images = (count: number, ...shape: number[]): NdArray =>
  floats(
    Float32Array.from({ length: count * shape.reduce((a, b) => a * b, 1) }, (_, at) => (at % 7) / 7),
    count,
    ...shape,
  );
const npz = (arrays: Record<string, NdArray>) => writeNpz(folder, `${counter++}.npz`, arrays);

/** Converts into a folder that does not exist yet, and expects an error and no trace. */
async function refused(options: Partial<ConvertOptions>, code: string, message: RegExp): Promise<void> {
  const output = join(folder, `out-${counter++}`);
  const failure = convert({ model: digits, output, prove: false, ...options });
  await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(await filesIn(output)).toEqual([]);
  await expect(readFile(output)).rejects.toMatchObject({ code: "ENOENT" });
}

describe("models", () => {
  test("that are not there", () =>
    refused({ model: join(folder, "nothing.tflite") }, "IO_NOT_FOUND", /nothing\.tflite/));

  test("of no known format", async () => {
    const path = join(folder, "text.bin");
    await writeFile(path, "hello, I am not a model at all");
    await refused({ model: path }, "FORMAT_UNRECOGNIZED", /text\.bin/);
  });

  test("that only begins like a Keras file", async () => {
    const path = join(folder, "model.h5");
    await writeFile(path, Buffer.from("\x89HDF\r\n\x1a\n more", "latin1"));
    await refused({ model: path }, "FORMAT_TRUNCATED", /model\.h5/);
  });

  test("cut short", async () => {
    const path = join(folder, "short.tflite");
    const bytes = await readFile(rnet);
    await writeFile(path, bytes.subarray(0, 5000));
    await refused({ model: path }, "FORMAT_TRUNCATED", /./);
  });

  test("with a weights file missing", async () => {
    const source = await fixtureFolder("digits-layers");
    const copy = join(folder, "without-weights");
    await mkdir(copy);
    await writeFile(join(copy, "model.json"), await readFile(join(source, "model.json")));
    await refused({ model: copy }, "FORMAT_WEIGHTS_MISSING", /./);
  });

  test("with a layer that nobody knows", async () => {
    const copy = join(folder, "unknown-layer");
    await mkdir(copy);
    const text = await readFile(join(dirname(digits), "model.json"), "utf8");
    await writeFile(join(copy, "model.json"), text.replaceAll('"MaxPooling2D"', '"Telepathy"'));
    for (const shard of (await filesIn(dirname(digits))).filter((file) => file !== "model.json")) {
      await writeFile(join(copy, shard), await readFile(join(dirname(digits), shard)));
    }
    await refused({ model: copy }, "UNSUPPORTED_LAYER", /Telepathy/);
  });
});

describe("options", () => {
  test("an unknown recipe", () =>
    refused({ recipes: ["int3"] }, "CONFIG_RECIPE_UNKNOWN", /int3.*float32, float16, .*int8/));
  test("an unknown I/O dtype", () => refused({ recipes: ["int8"], io: "int4" }, "QUANT_OPTION", /int4/));
  test("integer I/O without an integer recipe", () =>
    refused({ recipes: ["float16"], io: "int8" }, "QUANT_OPTION", /--io int8/));
  test("an unknown calibration method", () =>
    refused({ recipes: ["int8"], calibration: { path: "x", method: "magic" } }, "QUANT_OPTION", /magic/));
  test("int8 of a model that is int8 already", async () => {
    const calibration = { path: await npz({ [name]: images(2, 28, 28, 1) }) };
    const output = join(folder, "integer");
    const { variants } = await convert({ model: digits, output, recipes: ["int8"], calibration, prove: false });
    await refused(
      { model: variants[0]?.file ?? "", recipes: ["int8"], calibration },
      "QUANT_OPTION",
      /quantized already/,
    );
  });
  test.each(["", "../outside", "a\\b", "a\0b"])("the name %j, which is none of a file", (bad) =>
    refused({ model: rnet, name: bad }, "CONFIG_INVALID", /name/),
  );
  test("bounds that nothing would measure", async () => {
    await refused({ model: rnet, minSqnrDb: 30 }, "CONFIG_INVALID", /--no-prove/);
    await refused({ model: rnet, evaluate: { path: "x", maxDrop: 0.01 } }, "CONFIG_INVALID", /--no-prove/);
    await refused({ model: rnet, prove: true, golden: "x", evaluate: { path: "x" } }, "CONFIG_INVALID", /one of both/);
  });
  test.each([-0.1, 1.5, Number.NaN])("a drop of %d, which is no fraction", (maxDrop) =>
    refused({ prove: true, evaluate: { path: "x", maxDrop } }, "CONFIG_INVALID", /fraction/),
  );
  test("too few recorded samples", async () => {
    const golden = await npz({ [`input/${name}`]: images(7, 28, 28, 1), "source/dense_2": images(7, 10) });
    await refused({ prove: true, golden }, "FORMAT_GOLDEN", /holds 7 samples.*8 at least/);
  });
  test.each([
    [
      "another name",
      { "input/x": images(8, 28, 28, 1), "source/dense_2": images(8, 10) },
      /"input\/.*" is missing: float32 \[samples, 28, 28, 1\].*It holds input\/x float32 \[8, 28, 28, 1\]/,
    ],
    [
      "another shape",
      { [`input/${name}`]: images(8, 28, 28, 1), "source/dense_2": images(8, 9) },
      /"source\/dense_2" is \[8, 9\], not float32 \[samples, 10\]/,
    ],
    [
      "another number of answers",
      { [`input/${name}`]: images(8, 28, 28, 1), "source/dense_2": images(9, 10) },
      /numbers of samples differ \("input\/.*" 8, "source\/dense_2" 9\)/,
    ],
  ] as const)("recorded samples of %s", async (_, arrays, message) =>
    refused({ prove: true, golden: await npz(arrays) }, "FORMAT_GOLDEN", message),
  );
  test("no calibration samples", () =>
    refused({ recipes: ["int8"], calibration: { path: "x", samples: 0 } }, "QUANT_OPTION", /from 1 on/));
  test("int8 without calibration", () => refused({ recipes: ["int8"] }, "QUANT_CALIBRATION_MISSING", /--calibration/));
  test("preprocessing of an input that is not there", async () =>
    refused(
      {
        recipes: ["int8"],
        calibration: { path: await npz({ [name]: images(4, 28, 28, 1) }) },
        preprocess: { other: [] },
      },
      "CONFIG_INVALID",
      /other/,
    ));
});

describe("calibration data", () => {
  const int8 = (path: string): Partial<ConvertOptions> => ({ recipes: ["float32", "int8"], calibration: { path } });

  test("that is not there", () => refused(int8(join(folder, "absent.npz")), "IO_NOT_FOUND", /absent/));
  test("of the wrong shape", async () =>
    refused(
      int8(await npz({ [name]: images(4, 32, 32, 1) })),
      "QUANT_CALIBRATION_SHAPE",
      /\[28, 28, 1\].*\[32, 32, 1\]/,
    ));
  test("of the wrong rank", async () =>
    refused(int8(await npz({ [name]: images(4, 784) })), "QUANT_CALIBRATION_SHAPE", /\[784\]/));
  test("of the wrong dtype", async () => {
    const bytes: NdArray = { dtype: "uint8", shape: [2, 28, 28, 1], data: new Uint8Array(2 * 784) };
    await refused(int8(await npz({ [name]: bytes })), "QUANT_CALIBRATION_SHAPE", /uint8/);
  });
  test("without the model's input", async () =>
    refused(int8(await npz({ image: images(4, 28, 28, 1) })), "QUANT_CALIBRATION_SHAPE", /conv2d_1_input/));
  test("that is empty", async () =>
    refused(int8(await npz({ [name]: images(0, 28, 28, 1) })), "QUANT_CALIBRATION_DATA", /no sample/));
  test.each([Number.NaN, Number.POSITIVE_INFINITY])("that holds %d", async (bad) => {
    const data = new Float32Array(3 * 784);
    data[800] = bad;
    await refused(
      int8(await npz({ [name]: floats(data, 3, 28, 28, 1) })),
      "QUANT_CALIBRATION_DATA",
      /sample 1.*element 16/,
    );
  });
  test("that is no archive", async () => {
    const path = join(folder, "noise.npz");
    await writeFile(path, Buffer.alloc(100, 7));
    await refused(int8(path), "FORMAT_NPZ", /./);
  });
  test("of an unknown kind", async () => {
    const path = join(folder, "data.csv");
    await writeFile(path, "1,2,3");
    await refused(int8(path), "UNSUPPORTED_FORMAT", /csv/);
  });
  test("without labels where accuracy is asked for", async () =>
    refused(
      { evaluate: { path: await npz({ [name]: images(2, 28, 28, 1) }) } },
      "QUANT_CALIBRATION_DATA",
      /no labels/,
    ));
});

describe("labels", () => {
  const labelled = async (labels: NdArray) => ({
    prove: true,
    evaluate: { path: await npz({ [name]: images(2, 28, 28, 1), labels }) },
  });
  test("one-hot", async () => refused(await labelled(images(2, 10)), "QUANT_CALIBRATION_SHAPE", /\[2, 10\]/));
  test("that are no class numbers", async () =>
    refused(await labelled(images(2)), "QUANT_CALIBRATION_SHAPE", /labels/));
  test("beyond the model's classes", async () =>
    refused(
      await labelled({ dtype: "uint8", shape: [2], data: Uint8Array.of(3, 10) }),
      "QUANT_CALIBRATION_DATA",
      /Sample 1.*labelled 10.*10 classes/,
    ));
});

describe("bounds", () => {
  test("an SQNR that cannot be reached", async () => {
    const calibration = { path: await npz({ [name]: images(2, 28, 28, 1) }), samples: 2 };
    await refused(
      { recipes: ["int8"], calibration, prove: true, minSqnrDb: 200 },
      "PROOF_SQNR",
      /--min-sqnr asks for 200/,
    );
  });

  test("an accuracy that falls too far", async () => {
    // Calibrated on nearly black pictures only: every activation is cut off, and the answers are worthless.
    const dark = Float32Array.from({ length: 2 * 784 }, (_, at) => (at % 2) / 1000);
    const calibration = { path: await npz({ [name]: floats(dark, 2, 28, 28, 1) }) };
    const { loadDigits } = await import("../../../test/fixtures/digits.ts");
    const some = await loadDigits(50);
    const labelled = await npz({
      [name]: floats(some.images, 50, 28, 28, 1),
      labels: { dtype: "uint8", shape: [50], data: some.labels },
    });
    await refused(
      { recipes: ["int8"], calibration, prove: true, evaluate: { path: labelled, maxDrop: 0.01 } },
      "PROOF_ACCURACY",
      /--max-drop allows 0\.01/,
    );
  });
});

test("files that cannot be written leave nothing, and name the folder", async () => {
  const blocked = join(folder, "a-file");
  await writeFile(blocked, "in the way");
  await expect(convert({ model: rnet, output: join(blocked, "out"), prove: false })).rejects.toMatchObject({
    code: "IO_FAILED",
  });
  expect(await readFile(blocked, "utf8")).toBe("in the way");
});

test("a folder in the place of the last file leaves nothing of the first", async () => {
  const output = join(folder, "in-the-way");
  await mkdir(join(output, "rnet-float32.conversion.json"), { recursive: true });
  await expect(convert({ model: rnet, output, prove: false })).rejects.toMatchObject({
    code: "IO_FAILED",
    message: expect.stringContaining("There is a folder at"),
  });
  expect(await filesIn(output)).toEqual(["rnet-float32.conversion.json"]);
});

test("an existing variant is kept whole when a later conversion fails", async () => {
  const output = join(folder, "kept");
  await convert({ model: rnet, output, prove: false });
  const files = await filesIn(output);
  const contents = () => Promise.all(files.map((file) => readFile(join(output, file))));
  const before = await contents();
  await expect(convert({ model: rnet, output, recipes: ["float32", "int8"], prove: false })).rejects.toMatchObject({
    code: "QUANT_CALIBRATION_MISSING",
  });
  expect(await filesIn(output)).toEqual(files);
  expect(await contents()).toEqual(before);
});
