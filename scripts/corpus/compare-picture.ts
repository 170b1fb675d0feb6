/**
 * A picture that a package ships with what its model makes of it: the variant's answer for the one against the other,
 * in steps of a byte. The answer was rounded when it was saved, so that half a step is an exact match.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTfliteRuntime } from "@flotilla/device-agent/runtimes/tflite-wasm";
import sharp from "sharp";
import { convert } from "../../converter/src/convert.ts";

export interface Picture {
  /** Paths inside the package. */
  readonly input: string;
  readonly answer: string;
  /** The model's input. */
  readonly name: string;
}

interface Pixels {
  /** 0 to 255, height × width × 3. */
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** The largest difference over all bytes of the picture; answers below 0 and beyond 255 are cut off as the file's are. */
export async function pictureDifference(
  model: string,
  { name }: Picture,
  inputPath: string,
  answerPath: string,
): Promise<number> {
  const [input, answer] = [await pixelsOf(inputPath), await pixelsOf(answerPath)];
  const folder = await mkdtemp(join(tmpdir(), "flotilla-corpus-picture-"));
  try {
    const shape = [1, ...input.shape];
    const { variants } = await convert({ model, output: folder, prove: false, inputShapes: { [name]: shape } });
    const runtime = await createTfliteRuntime().load(new Uint8Array(await readFile(variants[0]?.file ?? "")));
    try {
      const [made] = await runtime.run([{ dtype: "float32", shape, data: input.data }]);
      if (made?.data.length !== answer.data.length) return Number.POSITIVE_INFINITY;
      return answer.data.reduce(
        (most, value, at) => Math.max(most, Math.abs(value - Math.min(255, Math.max(0, Number(made.data[at]))))),
        0,
      );
    } finally {
      runtime.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pixelsOf(path: string): Promise<Pixels> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: Float32Array.from(data), shape: [info.height, info.width, info.channels] };
}
