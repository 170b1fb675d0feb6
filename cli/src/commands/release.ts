/** `flotilla release create|show|list|diff`: from variants to a release folder, and what releases hold. */
import { existsSync } from "node:fs";
import path from "node:path";
import { parseDocument } from "@flotilla/protocol/documents/document";
import { type Release, releaseDocument } from "@flotilla/protocol/documents/release";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import type { Command } from "commander";
import { collect, leaf, type Options } from "../command.ts";
import { labelsOf, numberOf, pairsOf, preprocessingOf, readGiven } from "../option-values.ts";
import { bytesForPeople, table } from "../output.ts";
import { clientFor, serverOptions } from "../server-settings.ts";

function releaseText(release: Release): string {
  const variants = release.variants.map((variant) => [
    variant.name,
    bytesForPeople(variant.sizeBytes),
    variant.proven ? "proven" : "UNPROVEN",
    variant.requirements.accelerators?.join(" or ") ?? "-",
    bytesForPeople(variant.requirements.arenaBytes),
    variant.digest.slice(0, 12),
  ]);
  return [
    `${release.model} ${release.release}, counter ${release.counter}, made ${new Date(release.createdAtMs).toISOString()}`,
    ...(release.notes === "" ? [] : [release.notes]),
    "",
    table(["variant", "size", "proof", "accelerators", "arena", "digest"], variants),
  ].join("\n");
}

/** A release folder's document, or the document itself. @throws IO_NOT_FOUND, FORMAT_JSON, FORMAT_DOCUMENT */
async function readReleaseDocument(given: string): Promise<Release> {
  const file = given.endsWith(".json") ? given : path.join(given, "release.json");
  return parseDocument(releaseDocument, parseStrictJson(await readGiven(file, "release document")));
}

/** What is on disk, or else MODEL/RELEASE on the server. */
async function findRelease(given: string, options: Options): Promise<Release> {
  const published = /^([a-z0-9-]{3,64})\/([a-z0-9-]{3,64})$/.exec(given);
  if (published === null || existsSync(given)) return await readReleaseDocument(given);
  const [, model, release] = published;
  const found = await (await clientFor(options)).get<{ release: Release }>(`/v1/models/${model}/releases/${release}`);
  return found.release;
}

interface Difference {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Fields that differ, by their paths; variants are told apart by name. */
export function differences(before: unknown, after: unknown, field = ""): Difference[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const [left, right] = [byName(before), byName(after)];
  if (left === null || right === null) return [{ field, before: before ?? null, after: after ?? null }];
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.flatMap((name) => differences(left[name], right[name], field === "" ? name : `${field}.${name}`));
}

function byName(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== "object" || value === null) return null;
  if (!Array.isArray(value)) return { ...value };
  const items: readonly unknown[] = value;
  const names = items.map((item) =>
    typeof item === "object" && item !== null && "name" in item ? String(item.name) : null,
  );
  if (names.includes(null)) return null;
  return Object.fromEntries(items.map((item, at) => [String(names[at]), item]));
}

const withCreateOptions = (command: Command): Command =>
  command
    .requiredOption("--variants <path>", "a folder of .tflite files (smallest first), or files in order", collect)
    .requiredOption("--model <id>", "the model's id")
    .requiredOption("--release <id>", "the release's id")
    .requiredOption("--counter <n>", "higher than that of the release before")
    .requiredOption("--golden-inputs <data>", "inputs for the trial on the device: folder of images, .npz, .npy, .json")
    .requiredOption("--output <folder>", "the release folder; must not be there yet")
    .option("--samples <n>", "how many golden inputs, evenly spread; 4 at least, default 8")
    .option("--labels <file>", "names of the classes, one a line; default: what the variants were converted with")
    .option("--notes <text>", "what is new")
    .option("--accelerators <variant=list>", "a device needs one of these (int8=npu,gpu); may be repeated", collect)
    .option("--preprocess <file>", "JSON; default: what the variants were converted with")
    .option("--created-at-ms <ms>", "time of creation, for the same bytes again; default now");

export function addReleaseCommands(program: Command): void {
  const release = program.command("release").description("releases: variants and what a device needs to accept them");
  leaf(release, {
    usage: "create <source-model>",
    description: "pack variants into a release folder; the source model answers the golden inputs in its own runtime",
    examples: [
      "release create digits/model.json --variants out --model digits --release digits-r1 --counter 1 --golden-inputs samples.npz --output digits-r1",
      "release create model.tflite --variants out/m-int8.tflite --variants out/m-float16.tflite --accelerators int8=npu --model m01 --release r02 --counter 2 --golden-inputs golden.npz --output r02",
    ],
    options: withCreateOptions,
    action: async ({ args, options, output }) => {
      const counter = numberOf(options, "counter", { least: 0, whole: true })!;
      const samples = numberOf(options, "samples", { least: 4, whole: true });
      const createdAtMs = numberOf(options, "createdAtMs", { least: 0, whole: true }) ?? Date.now();
      const labels = await labelsOf(options);
      const preprocess = await preprocessingOf(options);
      const accelerators = [...pairsOf(options, "accelerators")].map(([variant, list]) => [variant, list.split(",")]);
      const { packRelease } = await import("@flotilla/converter/release/pack-release");
      const created = await packRelease({
        source: args[0]!,
        variants: options.variants as readonly string[],
        model: String(options.model),
        release: String(options.release),
        counter,
        createdAtMs,
        goldenInputs: String(options.goldenInputs),
        accelerators: Object.fromEntries(accelerators),
        output: String(options.output),
        ...(samples === undefined ? {} : { samples }),
        ...(labels === undefined ? {} : { labels }),
        ...(preprocess === undefined ? {} : { preprocess }),
        ...(options.notes === undefined ? {} : { notes: String(options.notes) }),
      });
      output.result({ folder: options.output, release: created.release }, () =>
        [releaseText(created.release), "", `Next: flotilla trust stage ${String(options.output)} --repository …`].join(
          "\n",
        ),
      );
    },
  });
  leaf(release, {
    usage: "show <release>",
    description: "show a release: a folder, its release.json, or MODEL/RELEASE on the server",
    examples: ["release show digits-r1", "release show digits/digits-r1"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const found = await findRelease(args[0]!, options);
      output.result(found, () => releaseText(found));
    },
  });
  leaf(release, {
    usage: "list",
    description: "list the releases published on the server",
    examples: ["release list"],
    options: serverOptions,
    action: async ({ options, output }) => {
      const found = await (await clientFor(options)).get<{
        releases: { model: string; release: string; counter: number; proven: boolean; variants: string[] }[];
      }>("/v1/releases");
      output.result(found, () =>
        table(
          ["model", "release", "counter", "proof", "variants"],
          found.releases.map((one) => [
            one.model,
            one.release,
            String(one.counter),
            one.proven ? "proven" : "UNPROVEN",
            one.variants.join(" "),
          ]),
        ),
      );
    },
  });
  leaf(release, {
    usage: "diff <before> <after>",
    description: "what changed from one release to another; each given as for show",
    examples: ["release diff digits-r1 digits-r2"],
    options: serverOptions,
    action: async ({ args, options, output }) => {
      const [before, after] = [await findRelease(args[0]!, options), await findRelease(args[1]!, options)];
      if (before.model !== after.model) {
        throw new FlotillaError("CONFIG_USAGE", `These are releases of two models: ${before.model}, ${after.model}.`);
      }
      const changes = differences(before, after);
      const short = (value: unknown) => JSON.stringify(value).slice(0, 60);
      output.result({ changes }, () =>
        changes.length === 0
          ? "No difference."
          : table(
              ["field", "before", "after"],
              changes.map((change) => [change.field, short(change.before), short(change.after)]),
            ),
      );
    },
  });
}
