/** Writes labelled digits as `.npz` files for the README: `node scripts/write-digits.ts FOLDER [INPUT-NAME]`. */
import { mkdir } from "node:fs/promises";
import { writeDemoData } from "./demo/digits.ts";

const [folder = "try/data", inputName = "conv2d_1_input"] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const { calibrate, evaluate, stream } = await writeDemoData(folder, inputName);
for (const file of [calibrate, evaluate, stream]) console.log(file);
