/**
 * The damaged model of a case. A case is (target, seed of the run, number) and nothing else. Every second number cuts one
 * file off at the next structural boundary, until there is none left; all others damage at random.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { boundariesOf } from "./boundaries.ts";
import { mutate } from "./mutate.ts";
import { type Random, seeded } from "./random.ts";
import { damageInside } from "./rewrap.ts";
import type { Seed } from "./targets.ts";

const everyNth = 2;

interface Cut {
  readonly model: Seed;
  readonly name: string;
  readonly bytes: number;
}

/** Every boundary of every file of every seed, in an order of its own: the first cases see some of each. */
export function cutsOf(seeds: readonly Seed[]): readonly Cut[] {
  const cuts = seeds.flatMap((model) =>
    Object.entries(model.files).flatMap(([name, file]) => boundariesOf(file).map((bytes) => ({ model, name, bytes }))),
  );
  const random = seeded(cuts.length);
  for (let left = cuts.length - 1; left > 0; left--) {
    const other = random.below(left + 1);
    const [here, there] = [cuts[left], cuts[other]];
    if (here && there) [cuts[left], cuts[other]] = [there, here];
  }
  return cuts;
}

/** How many of the boundaries the first `cases` cases cut at. */
export const cutsWithin = (cuts: number, cases: number): number => Math.min(cuts, Math.ceil(cases / everyNth));

export function damagedModel(seeds: readonly Seed[], cuts: readonly Cut[], seed: number, number: number): Seed {
  const cut = number % everyNth === 0 ? cuts[number / everyNth] : undefined;
  if (cut) {
    const whole = cut.model.files[cut.name] ?? new Uint8Array(0);
    return { ...cut.model, files: { ...cut.model.files, [cut.name]: whole.slice(0, cut.bytes) } };
  }
  const random = seeded(seed * 1_000_003 + number);
  const model = seeds[random.below(seeds.length)];
  if (!model) throw new FlotillaError("CONFIG_INVALID", "There are no seeds.");
  const name = fileToDamage(model, random);
  const bytes = model.files[name] ?? new Uint8Array(0);
  const damaged = random.below(2) === 0 ? damageInside(bytes, random) : undefined;
  return { ...model, files: { ...model.files, [name]: damaged ?? mutate(bytes, random) } };
}

/** Mostly a file that says what the model is, sometimes another. */
function fileToDamage({ files }: Seed, random: Random): string {
  const names = Object.keys(files);
  const main = names.filter((name) => /\.(json|pb|onnx|index|h5|keras|tflite)$/.test(name));
  const choice = main.length > 0 && random.below(8) > 0 ? main : names;
  return choice[random.below(choice.length)] ?? "";
}
