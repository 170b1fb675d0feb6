/**
 * `npm run corpus`: converts every model of the corpus to `.tflite` and TFJS, proves it, prints a table, and fails where
 * a model does not do what the manifest expects or does worse than the baseline.
 *
 *     npm run corpus -- [--json] [--only TEXT]... [--slow] [--twice] [--update] [--jobs N]
 */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Baseline, type BaselineTarget, baselineTarget, judge } from "./judge.ts";
import { type CorpusEntry, corpusFolder, readManifest, type Target, targets } from "./manifest.ts";
import type { Measurement } from "./measurement.ts";
import { tableHead, tableRow } from "./print-table.ts";
import { measureAll } from "./run-workers.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    slow: { type: "boolean", default: false },
    twice: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
    jobs: { type: "string", default: String(Math.min(2, availableParallelism())) },
  },
});
const jobs = Number(values.jobs);
if (!Number.isSafeInteger(jobs) || jobs < 1) {
  throw new FlotillaError("CONFIG_USAGE", `--jobs takes a number from 1 on, found ${values.jobs}.`);
}

const baselinePath = join(corpusFolder, "baseline.json");
const models = await readManifest();
const baseline: Baseline = JSON.parse(await readFile(baselinePath, "utf8"));
const { only } = values;
const chosen = models.filter(({ model, format, slow = false }) =>
  only.length === 0 ? values.slow || !slow : only.some((text) => model.includes(text) || format === text),
);
if (chosen.length === 0) throw new FlotillaError("CONFIG_USAGE", `No model of the corpus is called like ${only}.`);

/** Standard output is for the JSON document alone. */
const print = (text: string) => (values.json ? process.stderr : process.stdout).write(`${text}\n`);
const judgeOf = (entry: CorpusEntry, measured: Measurement) => judge(entry, measured, values.update ? {} : baseline);
const byName = new Map(chosen.map((entry) => [entry.model, entry]));

print(tableHead());
const started = performance.now();
const measured = await measureAll(chosen, {
  jobs,
  twice: values.twice,
  onMeasured: (measurement) => {
    const entry = byName.get(measurement.model);
    if (!entry) return;
    const verdict = judgeOf(entry, measurement);
    print([tableRow(measurement, verdict), ...verdict.notes.map((note) => `    ${indented(note)}`)].join("\n"));
  },
});

const judged = chosen.flatMap((entry, at) => {
  const measurement = measured[at];
  return measurement ? [{ ...measurement, ...judgeOf(entry, measurement) }] : [];
});
const count = (status: string) => judged.filter((one) => one.status === status).length;
const summary = {
  models: judged.length,
  ok: count("ok"),
  pending: count("pending"),
  failed: count("failed"),
  seconds: (performance.now() - started) / 1000,
};
if (values.json) process.stdout.write(`${JSON.stringify({ models: judged, summary }, null, 2)}\n`);
print(
  `\n${summary.models} models: ${summary.ok} ok, ${summary.pending} with formats not yet written, ` +
    `${summary.failed} failed; ${summary.seconds.toFixed(0)} s`,
);
if (values.update) await updateBaseline(measured);
process.exitCode = summary.failed > 0 ? 1 : 0;

async function updateBaseline(measurements: readonly Measurement[]): Promise<void> {
  const next: Record<string, Partial<Record<Target, BaselineTarget>>> = { ...baseline };
  for (const { model, targets: found } of measurements) {
    const reached: Partial<Record<Target, BaselineTarget>> = {};
    for (const target of targets) {
      const one = baselineTarget(found[target]);
      if (one && one.parity !== "beyond") reached[target] = one;
    }
    if (Object.keys(reached).length > 0) next[model] = reached;
  }
  const known = new Set(models.map(({ model }) => model));
  const sorted = Object.entries(next)
    .filter(([model]) => known.has(model))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const blocks = sorted.map(([model, reached]) => {
    const rows = Object.entries(reached).map(([target, one]) => `    "${target}": ${spaced(one)}`);
    return `  "${model}": {\n${rows.join(",\n")}\n  }`;
  });
  await writeFile(baselinePath, blocks.length > 0 ? `{\n${blocks.join(",\n")}\n}\n` : "{}\n");
}

/** On one line, as the formatter leaves it. */
function spaced({ parity, transposes, operators }: BaselineTarget): string {
  return `{ "parity": "${parity}", "transposes": ${transposes}, "operators": ${operators} }`;
}

function indented(note: string): string {
  return note.trim().replaceAll("\n", "\n      ");
}
