/**
 * A folder of images: sub-folders are classes, in the order of their names (or by number, where all names are numbers).
 * sharp only decodes, to 8-bit gray or sRGB; resizing and normalising are the preprocessing steps, ours and exact.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { createSha256 } from "@flotilla/protocol/digest";
import type { PreprocessingStep } from "@flotilla/protocol/documents/preprocessing";
import { FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import sharp from "sharp";
import type { Dataset, ModelInput } from "./dataset.ts";
import type { Preparation } from "./preparation.ts";

const imageExtensions: ReadonlySet<string> = new Set([
  ".jpg",
  ".jpeg",
  ".png",
  ".webp",
  ".gif",
  ".tif",
  ".tiff",
  ".avif",
]);
const maxImages = 1_000_000;
const maxImageBytes = 256 * 2 ** 20;
const maxImagePixels = 2 ** 28;

interface ImageFile {
  /** Path from the folder, with forward slashes. */
  readonly path: string;
  readonly label: number | null;
}

/** @throws QUANT_CALIBRATION_SHAPE for models with several inputs, CONFIG_INVALID without a decode step, FORMAT_LIMIT. */
export async function readImageFolder(folder: string, prepare: Preparation): Promise<Dataset> {
  const [input] = prepare.inputs;
  if (!input || prepare.inputs.length !== 1) {
    throw new FlotillaError(
      "QUANT_CALIBRATION_SHAPE",
      `The model has ${prepare.inputs.length} inputs and a folder of images gives one. Use .npz with one array per input.`,
    );
  }
  const decode = decodeStepOf(prepare, input);
  const files = await listImages(folder);
  const labelled = files.every((file) => file.label !== null);
  return {
    name: basename(folder),
    digest: await digestOf(folder, files),
    count: files.length,
    labels: labelled && files.length > 0 ? files.map((file) => file.label ?? -1) : null,
    sample: async (index) => {
      const file = files[index];
      if (!file) throw new FlotillaError("INTERNAL", `There is no image ${index}.`);
      const pixels = await decodeImage(join(folder, ...file.path.split("/")), file.path, decode);
      return [prepare.array(pixels, input, `image "${file.path}"`)];
    },
  };
}

type DecodeStep = Extract<PreprocessingStep, { kind: "decode" }>;

function decodeStepOf(prepare: Preparation, input: ModelInput): DecodeStep {
  const first = prepare.stepsOf(input)?.[0];
  if (first?.kind === "decode") return first;
  const [, height = 224, width = 224, channels = 3] = input.shape;
  const example = {
    [input.name]: [
      { kind: "decode", channels: channels === 1 ? 1 : 3, upright: true },
      { kind: "resize", width, height, method: "bilinear", halfPixel: true, antialias: true },
      { kind: "scale", by: 1 / 255, offset: 0 },
      { kind: "layout", to: "nhwc" },
    ],
  };
  throw new FlotillaError(
    "CONFIG_INVALID",
    `Images need to be told how the model takes them: give --preprocess with steps for "${input.name}" that start with ` +
      `decode. For pixels from 0 to 1, for example: ${JSON.stringify(example)}`,
    { details: { input: input.name, example } },
  );
}

async function listImages(folder: string): Promise<ImageFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const classes = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const numbered = classes.every((name) => /^\d{1,9}$/.test(name));
  classes.sort(numbered ? (a, b) => Number(a) - Number(b) : byCodeUnit);
  const files: ImageFile[] = entries
    .filter((entry) => entry.isFile() && isImage(entry.name))
    .map((entry) => ({ path: entry.name, label: null }));
  for (const [place, name] of classes.entries()) {
    for (const entry of await readdir(join(folder, name), { withFileTypes: true })) {
      if (!entry.isFile() || !isImage(entry.name)) continue;
      files.push({ path: `${name}/${entry.name}`, label: numbered ? Number(name) : place });
    }
  }
  if (files.length > maxImages) {
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `"${basename(folder)}" holds ${files.length} images; ${maxImages} at most.`,
    );
  }
  return files.sort((a, b) => byCodeUnit(a.path, b.path));
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const isImage = (name: string): boolean => imageExtensions.has(extname(name).toLowerCase());

async function decodeImage(path: string, shown: string, step: DecodeStep): Promise<NdArray> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > maxImageBytes) throw new FlotillaError("FORMAT_LIMIT", `"${shown}" has ${bytes.length} bytes.`);
    const opened = sharp(bytes, { limitInputPixels: maxImagePixels, failOn: "error" });
    const upright = step.upright ? opened.autoOrient() : opened;
    const { data, info } = await upright
      .toColourspace(step.channels === 1 ? "b-w" : "srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { dtype: "uint8", shape: [info.height, info.width, info.channels], data: new Uint8Array(data) };
  } catch (cause) {
    if (cause instanceof FlotillaError) throw cause;
    throw new FlotillaError("FORMAT_IMAGE", `"${shown}" cannot be decoded. Remove or repair it.`, {
      details: { path: shown },
      cause,
    });
  }
}

/** Digest of a list of names and digests, so that it does not depend on where the folder lies. */
async function digestOf(folder: string, files: readonly ImageFile[]): Promise<string> {
  const whole = createSha256();
  const text = new TextEncoder();
  for (const { path } of files) {
    const bytes = await readFile(join(folder, ...path.split("/")));
    whole.update(text.encode(`${path}\0${createSha256().update(bytes).digestHex()}\n`));
  }
  return whole.digestHex();
}
