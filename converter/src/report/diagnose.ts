/**
 * Why a layer's own error is what it is, in words. The error has three parts that can be told apart: values beyond the
 * range (measured), rounding of the result (a step squared over 12, were values spread evenly over steps), and the rest, which
 * weights and arithmetic make. The largest part is named first, and then what made it large.
 */
import { type Range, widthOf } from "../quantize/scales.ts";
import type { ErrorShares } from "./layer-errors.ts";
import type { Spread } from "./value-spread.ts";
import type { WeightReport } from "./weight-report.ts";

export interface Cause {
  readonly code:
    | "clipped"
    | "outlier"
    | "mask"
    | "fixed-range"
    | "foreign-range"
    | "unused-range"
    | "few-levels"
    | "tiny-scale"
    | "channel-spread"
    | "lost-weights"
    | "weights"
    | "non-finite"
    | "constant"
    | "rounding";
  readonly text: string;
}

export interface Symptoms {
  readonly errors: ErrorShares;
  readonly spread: Spread;
  readonly scale: number | null;
  readonly calibrated: Range | null;
  readonly representable: Range | null;
  readonly levelsUsed: number | null;
  /** The kernel dictates the scale of the result. */
  readonly fixed: boolean;
  readonly weights: readonly WeightReport[];
}

/** A part of the error that is worth naming. */
const worthNaming = 0.3;
/** From here on an own error is what rounding costs anywhere. */
const ordinaryDb = 35;
/** The integers' range is that many times as wide as what most values use: three bits are lost. */
const outlierRatio = 8;
const maskRatio = 1000;
const foreignRatio = 2;
const spreadRatio = 4;
const fewLevels = 32;
const lostWeights = 0.3;
const tinyScale = 1e-8;

/** The likeliest first; empty for a layer without own error. */
export function diagnose(symptoms: Symptoms): Cause[] {
  const { errors, spread, scale } = symptoms;
  const causes: Cause[] = [];
  if (spread.nonFinite > 0)
    causes.push({
      code: "non-finite",
      text: `${spread.nonFinite} of its float values are infinite or no numbers: a mask of −∞ or a division by zero. Integers cannot hold them.`,
    });
  const power = errors.own?.power ?? 0;
  if (power === 0 || errors.own === null) return causes;
  if (spread.seen && spread.seen.min === spread.seen.max)
    causes.push({
      code: "constant",
      text: `It is ${short(spread.seen.min)} on every sample: these samples do not try it.`,
    });
  const clipped = Math.min(1, spread.clippedPower / power);
  const rounding = scale === null ? 0 : Math.min(1, (scale * scale) / 12 / power);
  const rest = Math.max(0, 1 - clipped - rounding);
  const parts = [
    { size: clipped, causes: () => clippedCauses(symptoms) },
    { size: rounding, causes: () => rangeCauses(symptoms) },
    { size: rest, causes: () => weightCauses(symptoms) },
  ];
  for (const part of parts.sort((a, b) => b.size - a.size)) if (part.size >= worthNaming) causes.push(...part.causes());
  if (causes.length === 0) causes.push(ordinary(symptoms));
  return causes;
}

function ordinary({ errors, scale }: Symptoms): Cause {
  const db = errors.own?.sqnrDb ?? null;
  const calm = db === null || db >= ordinaryDb;
  const step = scale === null ? "" : ` One step of its result is ${short(scale)}.`;
  return {
    code: "rounding",
    text: calm
      ? `Ordinary rounding; nothing stands out.${step}`
      : `Rounding of its weights and of its result, with nothing that stands out.${step} More bits help: --override to int16x8 or float32.`,
  };
}

function clippedCauses({ spread, representable, fixed }: Symptoms): Cause[] {
  if (!representable || !spread.seen || !spread.clippedShare) return [];
  const held = `${interval(representable)}; these samples reach ${interval(spread.seen)}`;
  return [
    fixed
      ? {
          code: "fixed-range",
          text: `Its kernel dictates what its integers hold, and ends short of its largest values (${held}).`,
        }
      : {
          code: "clipped",
          text:
            `Clipped: ${percent(spread.clippedShare)} of its values lie beyond what its integers hold (${held}). ` +
            "Its range is too narrow: calibrate on data like this, or with min-max.",
        },
  ];
}

function rangeCauses({ spread, representable, calibrated, scale, levelsUsed, fixed }: Symptoms): Cause[] {
  const causes: Cause[] = [];
  const { central, seen } = spread;
  if (!representable || !central || !seen || scale === null) return causes;
  if (scale <= tinyScale)
    causes.push({
      code: "tiny-scale",
      text: `Its scale is ${short(scale)}: calibration saw (almost) nothing but 0 here.`,
    });
  const width = widthOf(representable);
  const middle = Math.max(widthOf(central), Number.MIN_VALUE);
  const ratio = width / middle;
  const own = calibrated ? widthOf(calibrated) : null;
  if (fixed) {
    if (ratio >= foreignRatio)
      causes.push({
        code: "fixed-range",
        text: `Its kernel dictates the range ${interval(representable)}, and 99.9 % of its values lie within ${interval(central)}.`,
      });
  } else if (own !== null && width > foreignRatio * own) {
    causes.push({
      code: "foreign-range",
      text: `It shares its scale with other tensors: its range is ${times(width / Math.max(own, Number.MIN_VALUE))} as wide as its own values need.`,
    });
  } else if (ratio >= maskRatio) {
    causes.push({
      code: "mask",
      text: `Its range ${interval(representable)} is ${times(ratio)} as wide as 99.9 % of its values need: a mask, a padding or a value that stands for −∞ blew it up.`,
    });
  } else if (ratio >= outlierRatio) {
    const outside = widthOf(seen) > width / 2;
    causes.push(
      outside
        ? {
            code: "outlier",
            text: `Outliers dominate its range: 99.9 % of its values lie within ${interval(central)}, and its range is ${interval(representable)}, ${times(ratio)} as wide. Try --calibration-method mse or percentile.`,
          }
        : {
            code: "unused-range",
            text: `Its range ${interval(representable)} is ${times(width / Math.max(widthOf(seen), Number.MIN_VALUE))} as wide as anything in these samples: calibration saw other data, or one freak sample.`,
          },
    );
  }
  if (levelsUsed !== null && levelsUsed < fewLevels)
    causes.push({ code: "few-levels", text: `Only ${levelsUsed} of its integers are ever used.` });
  return causes;
}

/** By elimination: what neither clipping nor rounding of the result explains. */
function weightCauses({ weights }: Symptoms): Cause[] {
  const causes: Cause[] = [];
  const dbOf = ({ error }: WeightReport) => error?.sqnrDb ?? Number.POSITIVE_INFINITY;
  const narrowed = weights.filter(({ levelsUsed, dtype }) => levelsUsed !== null || dtype === "float16");
  const [worst] = narrowed.sort((a, b) => dbOf(a) - dbOf(b));
  if (!worst) return causes;
  const { tensor, scales, channels, lostShare, error, dtype } = worst;
  if (scales === 1 && channels && channels.ratio >= spreadRatio)
    causes.push({
      code: "channel-spread",
      text: `Its weights ${quoted(tensor)} have one scale for ${channels.count} channels, the largest of which reaches ${times(channels.ratio)} as far as the median one. Per-channel scales (int8) or equalization help.`,
    });
  if (lostShare !== null && lostShare >= lostWeights)
    causes.push({
      code: "lost-weights",
      text: `${percent(lostShare)} of its weights ${quoted(tensor)} became 0: their scale is set by few large ones.`,
    });
  const apart = error && error.sqnrDb !== null ? `, ${error.sqnrDb.toFixed(1)} dB from the float ones` : "";
  causes.push({
    code: "weights",
    text: `Most of its error comes from its weights ${quoted(tensor)} as ${dtype}${apart}, not from the range of its result.`,
  });
  return causes;
}

const quoted = (name: string): string => `“${name.length > 60 ? `${name.slice(0, 28)}…${name.slice(-28)}` : name}”`;
const interval = ({ min, max }: Range): string => `${short(min)} … ${short(max)}`;
const short = (value: number): string => String(Number(value.toPrecision(3)));
const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;
const times = (ratio: number): string =>
  `${ratio >= 1000 ? ratio.toExponential(0) : Number(ratio.toPrecision(2))} times`;
