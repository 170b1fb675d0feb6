/** Opens calibration or evaluation data by what it is: a folder of images, `.npz`, `.npy`, `.json`, `.jsonl`. */
import { readFile, stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";
import { readJson, readNpy, readNpz } from "./array-dataset.ts";
import { type Dataset, type ModelInput, refuseEmpty } from "./dataset.ts";
import { readImageFolder } from "./image-dataset.ts";
import { Preparation, type Preprocessing } from "./preparation.ts";

const maxFileBytes = 2 ** 31;

const readers: Readonly<Record<string, (path: string, bytes: Uint8Array, prepare: Preparation) => Dataset>> = {
  ".npz": readNpz,
  ".npy": readNpy,
  ".json": readJson,
  ".jsonl": readJson,
};

/**
 * @throws IO_NOT_FOUND, IO_FAILED, FORMAT_NPZ, FORMAT_JSON, FORMAT_LIMIT, UNSUPPORTED_FORMAT, CONFIG_INVALID,
 *   QUANT_CALIBRATION_SHAPE, QUANT_CALIBRATION_DATA (empty)
 */
export async function loadDataset(
  path: string,
  inputs: readonly ModelInput[],
  preprocessing: Preprocessing = {},
): Promise<Dataset> {
  const prepare = new Preparation(inputs, preprocessing);
  const found = await stat(path).catch((cause: unknown) => {
    throw new FlotillaError("IO_NOT_FOUND", `There is no data at ${path}.`, { details: { path }, cause });
  });
  if (found.isDirectory()) return refuseEmpty(await readImageFolder(path, prepare));
  const read = readers[extname(path).toLowerCase()];
  if (!read) {
    throw new FlotillaError(
      "UNSUPPORTED_FORMAT",
      `${basename(path)} is no data that Flotilla reads. Use a folder of images, ${Object.keys(readers).join(", ")}.`,
      { details: { path, expected: ["folder", ...Object.keys(readers)] } },
    );
  }
  if (found.size > maxFileBytes) {
    throw new FlotillaError("FORMAT_LIMIT", `${basename(path)} has ${found.size} bytes; ${maxFileBytes} at most.`);
  }
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new FlotillaError("IO_FAILED", `${path} cannot be read.`, { details: { path }, cause });
  });
  return refuseEmpty(read(path, new Uint8Array(bytes), prepare));
}
