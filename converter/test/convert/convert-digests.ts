/**
 * A program for the determinism test: converts the model named first with the calibration data named second and prints
 * the digest of every variant. Run with different versions of Node.
 */
import { convert } from "../../src/convert.ts";

const [model = "", calibration = "", output = ""] = process.argv.slice(2);
const result = await convert({
  model,
  output,
  recipes: ["float32", "float16", "int8"],
  calibration: { path: calibration, method: "mse" },
  prove: false,
});
const digests = Object.fromEntries(result.variants.map(({ recipe, sha256 }) => [recipe, sha256]));
process.stdout.write(JSON.stringify({ node: process.version, digests }));
