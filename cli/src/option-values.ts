/** From what stands on the command line to values: numbers in bounds, NAME=VALUE pairs, JSON files. CONFIG_USAGE names the flag. */
import { readFile } from "node:fs/promises";
import type { PreprocessingStep } from "@flotilla/protocol/documents/preprocessing";
import { PreprocessingStep as StepSchema } from "@flotilla/protocol/documents/preprocessing";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { Type } from "typebox";
import { Check, Errors } from "typebox/value";
import type { Options } from "./command.ts";

/** `calibrationSamples` → `--calibration-samples`. */
export const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const usage = (message: string): FlotillaError => new FlotillaError("CONFIG_USAGE", message);

/** @throws CONFIG_USAGE for what is no number, below `least`, or not whole where `whole` is asked for */
export function numberOf(
  options: Options,
  name: string,
  { least = Number.NEGATIVE_INFINITY, whole = false }: { least?: number; whole?: boolean } = {},
): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = String(text).trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= least && (!whole || Number.isSafeInteger(value))) return value;
  const bound = Number.isFinite(least) ? ` from ${least}` : "";
  throw usage(`${flagOf(name)} takes ${whole ? "a whole number" : "a number"}${bound}, found "${String(text)}".`);
}

/** An option that was repeated. */
export const listOf = (options: Options, name: string): readonly string[] =>
  (options[name] as readonly string[] | undefined) ?? [];

/** `NAME=VALUE`, repeated. @throws CONFIG_USAGE */
export function pairsOf(options: Options, name: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const text of listOf(options, name)) {
    const at = text.lastIndexOf("=");
    if (at < 1 || at === text.length - 1) throw usage(`${flagOf(name)} takes NAME=VALUE, found "${text}".`);
    const key = text.slice(0, at);
    if (pairs.has(key)) throw usage(`${flagOf(name)} names "${key}" twice.`);
    pairs.set(key, text.slice(at + 1));
  }
  return pairs;
}

/** `--input NAME=1x224x224x3`, repeated; a size of `?` stays dynamic and is -1. @throws CONFIG_USAGE */
export function inputShapesOf(options: Options): Readonly<Record<string, readonly number[]>> | undefined {
  const shapes = [...pairsOf(options, "input")].map(([name, text]): [string, number[]] => {
    const sizes = text.split("x").map((size) => (size === "?" ? -1 : Number(size)));
    if (/^(\d+|\?)(x(\d+|\?))*$/.test(text) && !sizes.includes(0)) return [name, sizes];
    throw usage(
      `--input takes NAME=SHAPE with a shape like 1x224x224x3 (? keeps a size dynamic), found "${text}" for "${name}".`,
    );
  });
  return shapes.length === 0 ? undefined : Object.fromEntries(shapes);
}

const Preprocessing = Type.Record(Type.String(), Type.Array(StepSchema));

/** `--preprocess SPEC.json`: input name → steps. @throws IO_NOT_FOUND, FORMAT_JSON, CONFIG_INVALID */
export async function preprocessingOf(
  options: Options,
): Promise<Readonly<Record<string, readonly PreprocessingStep[]>> | undefined> {
  if (options.preprocess === undefined) return undefined;
  const path = String(options.preprocess);
  const value = parseStrictJson(await readGiven(path, "preprocessing"));
  if (Check(Preprocessing, value)) return value;
  const first = [...Errors(Preprocessing, value)][0];
  throw new FlotillaError(
    "CONFIG_INVALID",
    `The preprocessing in ${path} is not valid at ${first?.instancePath || "/"}: ${first?.message ?? "?"}.`,
    { details: { path, where: first?.instancePath ?? "/" } },
  );
}

/** A file that the user named. @throws IO_NOT_FOUND */
export async function readGiven(path: string, what: string): Promise<Uint8Array> {
  return await readFile(path).catch((cause: unknown) => {
    throw new FlotillaError("IO_NOT_FOUND", `The ${what} ${path} cannot be read.`, { cause, details: { path } });
  });
}

/** Names of classes, one a line; a line without a name is one of that name. @throws IO_NOT_FOUND, CONFIG_INVALID */
export async function labelsOf(options: Options): Promise<readonly string[] | undefined> {
  if (options.labels === undefined) return undefined;
  const path = String(options.labels);
  const text = new TextDecoder().decode(await readGiven(path, "labels file"));
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  if (text.trim() !== "") return lines;
  throw new FlotillaError("CONFIG_INVALID", `There are no labels in ${path}.`, { details: { path } });
}

/** A word out of a fixed list. @throws CONFIG_USAGE */
export function wordOf<T extends string>(options: Options, name: string, words: readonly T[]): T | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const word = words.find((known) => known === text);
  if (word !== undefined) return word;
  throw usage(`${flagOf(name)} is one of ${words.join(", ")}, found "${String(text)}".`);
}

/** Flags that would do nothing without another one are mistakes. @throws CONFIG_USAGE */
export function needFlag(options: Options, name: string, needed: string): void {
  if (options[name] === undefined || options[needed] !== undefined) return;
  throw usage(`${flagOf(name)} goes with ${flagOf(needed)}.`);
}
