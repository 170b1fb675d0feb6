/** What `convert` gives back: the JSON document of the command line (design: cli.md, "JSON result"). */
import type { Accuracy } from "./prove/measure-accuracy.ts";
import type { VariantParity } from "./prove/prove-variant.ts";
import type { FloatOperator } from "./quantize/plan.ts";

export interface ConvertResult {
  readonly source: {
    readonly path: string;
    readonly format: string;
    readonly sha256: string;
    /** Elements of all float constants of the source. */
    readonly parameters: number;
  };
  readonly variants: readonly ConvertedVariant[];
  readonly seconds: ConvertSeconds;
  readonly peakRssBytes: number;
}

export interface ConvertedVariant extends FileFacts {
  /** Path of the file written. */
  readonly file: string;
  readonly format: "tflite";
  readonly recipe: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Operators that stayed float in an integer recipe; 0 for float recipes. */
  readonly floatOperators: number;
  /** Each of them, and why. */
  readonly floatOperatorReasons: readonly FloatOperator[];
  readonly proven: boolean;
  readonly parity: ProvenParity | null;
  /** null without labelled data. */
  readonly accuracy: Accuracy | null;
}

export interface ProvenParity extends VariantParity {
  /**
   * Integer recipes of models that end in an operator with a fixed scale (softmax): the SQNR of what goes into it,
   * float against integer graph in the fixed build, on the same samples.
   */
  readonly logits?: { readonly tensor: string; readonly sqnrDb: number | null };
}

/** What the file says of itself. */
export interface FileFacts {
  readonly operators: Readonly<Record<string, { readonly count: number; readonly version: number }>>;
  readonly transposes: number;
  readonly macs: number;
  readonly arenaBytes: number;
  readonly minRuntimeVersion: string;
  readonly inputs: readonly EndFacts[];
  readonly outputs: readonly EndFacts[];
}

export interface EndFacts {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** null for a float tensor. */
  readonly scale: number | null;
  readonly zeroPoint: number | null;
}

export interface ConvertSeconds {
  readonly read: number;
  readonly simplify: number;
  readonly calibrate: number;
  readonly quantize: number;
  readonly write: number;
  readonly prove: number;
  readonly total: number;
}
