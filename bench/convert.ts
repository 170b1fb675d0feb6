/**
 * How long a conversion takes and how much memory it needs: MobileNetV2 (LayersModel, uint8-affine weights) to float32
 * and to int8, each run in a process of its own, without and with the proof.
 *
 *     npx node bench/convert.ts [RUNS]        default 5
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convert } from "../converter/src/convert.ts";
import { encodeNpz } from "../protocol/src/npz.ts";
import { fixturePath } from "../scripts/fixtures.ts";
import { loadPhotoCrops } from "../test/fixtures/photos.ts";

const size = 224;
const calibrationCrops = 60;

interface Case {
  readonly name: string;
  readonly recipe: string;
  readonly prove: boolean;
}
const cases: readonly Case[] = [
  { name: "float32", recipe: "float32", prove: false },
  { name: "float32, proven", recipe: "float32", prove: true },
  { name: `int8, ${calibrationCrops} crops`, recipe: "int8", prove: false },
  { name: `int8, ${calibrationCrops} crops, proven`, recipe: "int8", prove: true },
];

interface Run {
  readonly seconds: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
  readonly bytes: number;
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "--run") await runOnce(rest);
else await measure(Number(mode ?? 5));

/** The child: one conversion, its figures as JSON. */
async function runOnce([recipe = "", prove = "", data = "", output = ""]: readonly string[]): Promise<void> {
  const { seconds, peakRssBytes, variants } = await convert({
    model: await fixturePath("mobilenet-v2-5class"),
    output,
    recipes: [recipe],
    prove: prove === "true",
    ...(recipe === "int8" ? { calibration: { path: data } } : {}),
  });
  const run: Run = { seconds: { ...seconds }, peakRssBytes, bytes: variants[0]?.bytes ?? 0 };
  process.stdout.write(JSON.stringify(run));
}

async function measure(runs: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "flotilla-bench-"));
  try {
    const data = join(folder, "crops.npz");
    await writeFile(data, await calibrationData());
    const [cpu] = cpus();
    process.stdout.write(
      `${cpu?.model ?? "unknown CPU"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ` +
        `${process.platform} ${process.arch}, Node ${process.version}; ${runs} runs each, median (least to most)\n\n`,
    );
    process.stdout.write(
      "| MobileNetV2 to | seconds | read | calibrate | quantize | write | prove | peak RSS, MB | file, MB |\n",
    );
    process.stdout.write("|---|---|---|---|---|---|---|---|---|\n");
    for (const { name, recipe, prove } of cases) {
      const found: Run[] = [];
      for (let at = 0; at < runs; at++) {
        const output = join(folder, `${recipe}-${prove}-${at}`);
        const child = promisify(execFile)(process.execPath, [
          import.meta.filename,
          "--run",
          recipe,
          String(prove),
          data,
          output,
        ]);
        found.push(JSON.parse((await child).stdout));
      }
      const stage = (key: string) => median(found.map(({ seconds }) => seconds[key] ?? 0)).toFixed(2);
      const totals = spread(
        found.map(({ seconds }) => seconds.total ?? 0),
        1,
      );
      const memory = spread(
        found.map(({ peakRssBytes }) => peakRssBytes / 1e6),
        0,
      );
      const stages = ["read", "calibrate", "quantize", "write", "prove"].map(stage).join(" | ");
      process.stdout.write(
        `| ${name} | ${totals} | ${stages} | ${memory} | ${((found[0]?.bytes ?? 0) / 1e6).toFixed(2)} |\n`,
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function calibrationData(): Promise<Uint8Array> {
  const crops = await loadPhotoCrops(calibrationCrops, size, "calibration");
  const data = crops.images.map((value) => value / 255);
  const { openSource } = await import("../converter/src/open-source.ts");
  const { model } = await openSource(await fixturePath("mobilenet-v2-5class"));
  const [input] = model.signatures[0]?.inputs ?? [];
  const shape = [crops.count, size, size, 3];
  return encodeNpz(new Map([[input?.name ?? "", { dtype: "float32", shape, data }]]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function spread(values: readonly number[], digits: number): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`;
}
