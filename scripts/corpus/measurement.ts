/** What is measured of one model: the line of `npm run corpus -- --json`. */
import type { Target } from "./manifest.ts";

/** One output format of one model. */
export interface TargetMeasurement {
  /** Against the source's own runtime; null where it refused or could not be proven so. */
  readonly maxRel: number | null;
  /** e.g. "onnxruntime-web 1.30.0"; null as above. */
  readonly against: string | null;
  /** Against the recorded answers of the framework that made the model; null where there are none. */
  readonly goldenMaxRel: number | null;
  /** Outputs that never change over the samples of the proof. */
  readonly dead: readonly string[];
  /** Operator → how often. */
  readonly operators: Readonly<Record<string, number>>;
  readonly transposes: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Under --twice: the second conversion gave the same bytes. */
  readonly sameTwice: boolean | null;
  /** First error of the conversion or its proof. */
  readonly error: MeasuredError | null;
  /** Error of the comparison with the recorded answers only. */
  readonly goldenError: MeasuredError | null;
}

export interface MeasuredError {
  readonly code: string;
  readonly message: string;
  /** Those named in the details, each once, sorted. */
  readonly operators: readonly string[];
}

export interface Measurement {
  readonly model: string;
  readonly format: string;
  /** null where the file could not be opened. */
  readonly recognisedAs: string | null;
  readonly framework: string;
  readonly targets: Readonly<Record<Target, TargetMeasurement | "pending">>;
  /** Largest difference from the picture that the package ships, of 255; null without one, 255 where it failed. */
  readonly pictureDifference: number | null;
  readonly seconds: number;
  readonly peakRssBytes: number;
}
