/** What `convert` gives back: the JSON document of the command line (design: cli.md, "JSON result"). */
import type { Accuracy } from "./prove/measure-accuracy.ts";
import type { VariantParity } from "./prove/prove-variant.ts";
import type { FloatOperator } from "./quantize/plan.ts";
import type { RecipeDocument } from "./quantize/recipe-document.ts";
import type { TargetVerdict } from "./runtime-target.ts";
import type { SearchReport } from "./search/auto-recipe.ts";

export interface ConvertResult {
  readonly source: {
    readonly path: string;
    readonly format: string;
    readonly sha256: string;
    /** Elements of all float constants of the source. */
    readonly parameters: number;
    /** Of a SavedModel: signatures that are not in the variants; each is converted on its own. */
    readonly otherSignatures?: readonly string[];
  };
  readonly variants: readonly ConvertedVariant[];
  readonly seconds: ConvertSeconds;
  readonly peakRssBytes: number;
}

/** A variant's format with what the file says of itself. */
export type VariantDescription =
  | ({ readonly format: "tflite" } & FileFacts & RecipeFacts)
  | ({ readonly format: "tfjs" | "tfjs-layers" } & TfjsFacts);

export type ConvertedVariant = VariantDescription & VariantOutcome;

export interface VariantOutcome {
  /** Path of the file written, or of the folder of a variant of several files. */
  readonly file: string;
  readonly recipe: string;
  /** Of all its files. */
  readonly bytes: number;
  /** Of the file; of a list of names and digests where the variant is several files. */
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

/** What every variant says of itself. */
interface CommonFacts {
  readonly transposes: number;
  readonly macs: number;
  readonly inputs: readonly EndFacts[];
  readonly outputs: readonly EndFacts[];
}

/** What a `.tflite` file says of itself. */
export interface FileFacts extends CommonFacts {
  readonly operators: Readonly<Record<string, { readonly count: number; readonly version: number }>>;
  readonly arenaBytes: number;
  readonly minRuntimeVersion: string;
}

/** How a `.tflite` file was made. */
export interface RecipeFacts {
  /** As a recipe file: the same again with `--recipe FILE`. */
  readonly recipeDocument: RecipeDocument;
  /** How many operators of the main graph have which precision; empty where nothing was changed. */
  readonly precisions: Readonly<Record<string, number>>;
  /** What the target says of its operators; null without a target. */
  readonly target: { readonly name: string; readonly operators: readonly TargetVerdict[] } | null;
  /** Of `auto`: how the assignment was found; `recipeDocument` is the assignment itself. */
  readonly search?: SearchReport;
  /** What is doubtful about the calibration data, as sentences. */
  readonly warnings?: readonly string[];
}

/** What a TFJS variant says of itself: TensorFlow's operators, or layers by class. */
export interface TfjsFacts extends CommonFacts {
  readonly operators: Readonly<Record<string, { readonly count: number }>>;
}

export interface EndFacts {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Axis i of `shape` is the source's axis `sourceAxes[i]`; null where the axes are the source's. */
  readonly sourceAxes: readonly number[] | null;
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
