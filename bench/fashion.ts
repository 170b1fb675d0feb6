/**
 * What quantization costs the nets trained on Fashion-MNIST: accuracy on all 10,000 test images, float against variants,
 * by `flotilla convert`'s own measure. Calibration: 200 training images.
 *
 *     npx node bench/fashion.ts FOLDER [RECIPE,…] [NAME]     FOLDER: the four idx files (Debian: dataset-fashion-mnist)
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeNpz } from "@flotilla/protocol/npz";
import { convert } from "../converter/src/convert.ts";
import { modelPath, readManifest } from "../scripts/corpus/manifest.ts";
import { fashionArrays, readFashionFolder } from "../test/fixtures/fashion.ts";

const calibrationImages = 200;
const [folder = "/usr/share/datasets/fashion-mnist", recipes = "float32,int8", only = "fashion-"] =
  process.argv.slice(2);

const temporary = await mkdtemp(join(tmpdir(), "flotilla-fashion-"));
try {
  const [test, training] = [join(temporary, "test.npz"), join(temporary, "training.npz")];
  await writeFile(test, encodeNpz(fashionArrays(await readFashionFolder(folder, "t10k"), "image")));
  const calibration = await readFashionFolder(folder, "train", calibrationImages);
  await writeFile(training, encodeNpz(fashionArrays(calibration, "image")));
  process.stdout.write(
    "| net | recipe | bytes | accuracy | drop | SQNR, dB | float operators |\n|---|---|---|---|---|---|---|\n",
  );
  for (const entry of await readManifest()) {
    if (!entry.model.startsWith("fashion-") || !entry.model.includes(only)) continue;
    const { variants } = await convert({
      model: await modelPath(entry),
      output: join(temporary, entry.model),
      name: entry.model,
      recipes: recipes.split(","),
      calibration: { path: training, samples: calibrationImages },
      evaluate: { path: test, runtimes: "first" },
    });
    for (const { recipe, bytes, accuracy, parity, floatOperatorReasons } of variants) {
      const counts = new Map<string, number>();
      for (const { operator } of floatOperatorReasons) counts.set(operator, (counts.get(operator) ?? 0) + 1);
      const floats = [...counts].map(([operator, count]) => `${count} ${operator}`).join(", ");
      const figures = [accuracy?.variant.toFixed(4), accuracy?.drop.toFixed(4), parity?.sqnrDb?.toFixed(1)];
      process.stdout.write(`| ${[entry.model, recipe, bytes, ...figures, floats].join(" | ")} |\n`);
    }
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}
