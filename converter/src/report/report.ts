/**
 * What is known of variants and of every layer in them, as a value that is JSON as it stands: what `--report` and
 * `flotilla compare` write and draw. Decibels are null where nothing differs; a part that was not measured is null as a whole.
 */
import type { Accuracy } from "../prove/measure-accuracy.ts";
import type { VariantParity } from "../prove/prove-variant.ts";
import type { Range } from "../quantize/scales.ts";
import type { ArenaPeak } from "./arena-peak.ts";
import type { Cause } from "./diagnose.ts";
import type { Spread } from "./value-spread.ts";
import type { WeightReport } from "./weight-report.ts";

export interface Report {
  readonly type: "report";
  readonly version: 1;
  readonly source: {
    readonly name: string;
    readonly format: string;
    readonly sha256: string;
    readonly parameters: number;
  };
  readonly variants: readonly VariantReport[];
}

export interface VariantReport {
  /** Of the file or folder. */
  readonly name: string;
  readonly format: string;
  readonly recipe: string | null;
  readonly bytes: number;
  readonly sha256: string;
  readonly parity: VariantParity | null;
  readonly accuracy: Accuracy | null;
  /** What ranges come from; null where nothing was calibrated, or the file does not say. */
  readonly calibration: CalibrationReport | null;
  /** `version`: of `.tflite` operators. */
  readonly operators: Readonly<Record<string, { readonly count: number; readonly version?: number }>>;
  readonly minRuntimeVersion: string | null;
  readonly arena: ArenaPeak | null;
  readonly macs: { readonly total: number; readonly byPrecision: Readonly<Record<string, number>> };
  /** Bytes of constants in layers, and the rest of the file. */
  readonly size: { readonly constants: number; readonly rest: number };
  readonly islands: readonly Island[];
  /** In the order of the float graph, inputs first; empty where the variant is no graph of ours. */
  readonly layers: readonly LayerReport[];
  /** Places in `layers`, the largest own error first; those without any are left out. */
  readonly worst: readonly number[];
  /** What the layers' errors were measured on. */
  readonly measured: { readonly samples: number; readonly data: string; readonly runtime: string } | null;
  /** Why they were not. */
  readonly unmeasured: string | null;
}

export interface CalibrationReport {
  readonly data: string;
  readonly digest: string;
  readonly samples: number;
  readonly method: string;
}

/** Operators that compute in float among integer ones, side by side. */
export interface Island {
  readonly operators: readonly { readonly node: string; readonly operator: string; readonly reason: string | null }[];
}

export interface LayerReport {
  readonly node: string;
  /** null: an input of the model. */
  readonly operator: string | null;
  readonly precision: string;
  /** Places of the layers that it reads. */
  readonly inputs: readonly number[];
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly scale: number | null;
  readonly zeroPoint: number | null;
  /** As calibration found it. */
  readonly calibrated: Range | null;
  /** What its integers can hold; null for floats. */
  readonly representable: Range | null;
  /** Share of that range that these samples used. */
  readonly coverage: number | null;
  readonly levelsUsed: number | null;
  readonly spread: Spread | null;
  readonly error: {
    /** Of the whole graph up to here. */
    readonly sqnrDb: number | null;
    /** Of this layer alone; null where it cannot be taken out of its graph. */
    readonly own: { readonly sqnrDb: number | null; readonly power: number } | null;
    readonly inherited: { readonly sqnrDb: number | null; readonly power: number } | null;
  } | null;
  readonly causes: readonly Cause[];
  /** Place of the layer that most of the inherited error started in. */
  readonly origin: number | null;
  readonly macs: number;
  readonly constantBytes: number;
  /** Of the file. */
  readonly share: number;
  readonly weights: readonly WeightReport[];
}
