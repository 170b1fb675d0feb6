/**
 * Unwraps a TensorFlow.js model that a package ships as UMD scripts (`model.min.js` exporting the model.json object,
 * `group1-shardNofM.min.js` exporting base64) into the plain form: `model.json` beside its shards.
 * The scripts run in an empty context without any capability; the package's digest was checked before.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { createContext, Script } from "node:vm";
import { FlotillaError } from "@flotilla/protocol/errors";

/** Writes `model.json` and every shard of `folder`'s scripts into `destination`, which exists. */
export async function unwrapUmdLayersModel(folder: string, destination: string): Promise<void> {
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".min.js")).sort()) {
    const exported = evaluateUmd(await readFile(join(folder, file), "utf8"), file);
    const name = basename(file, ".min.js");
    if (name === "model") await writeFile(join(destination, "model.json"), JSON.stringify(exported));
    else if (typeof exported === "string") await writeFile(join(destination, name), Buffer.from(exported, "base64"));
    else throw new FlotillaError("FORMAT_CORRUPT", `${file}: expected base64 text, found ${typeof exported}`);
  }
}

function evaluateUmd(source: string, file: string): unknown {
  const context: { module: { exports: unknown }; exports?: unknown } = { module: { exports: {} } };
  context.exports = context.module.exports;
  new Script(source, { filename: file }).runInContext(createContext(context), { timeout: 10_000 });
  return context.module.exports;
}
