/** What `convert` can be asked for: one field per flag of the command line (design: cli.md, "Converting"). */
import type { Preprocessing } from "./data/preparation.ts";
import type { SourceFormat } from "./open-source.ts";

export interface ConvertOptions {
  /** A file, or the folder of a model.json. */
  readonly model: string;
  /** Folder for the files; made if need be. */
  readonly output: string;
  /** Variants are called `<name>-<recipe>.tflite` and `<name>-tfjs-<recipe>/`; default: after the model's file. */
  readonly name?: string;
  readonly format?: SourceFormat | "auto";
  /** Formats to write: "tflite" (default), "tfjs" (GraphModel), "tfjs-layers" (from LayersModels and Keras models). */
  readonly to?: readonly string[];
  /** Names, or paths of recipe files (`.json`); one variant for each format that knows it; default ["float32"]. */
  readonly recipes?: readonly string[];
  /** `SELECTOR=PRECISION`, for every `.tflite` recipe; later ones win. */
  readonly overrides?: readonly string[];
  /** Of int4 weights, where kernels take blocks: 32, 64, 128 or 256. */
  readonly blockSize?: number;
  /** dtype of inputs and outputs of integer recipes; default "float32". */
  readonly io?: string;
  readonly calibration?: CalibrationOptions;
  /** Input name → steps from a decoded image or a stored array to what the model takes. */
  readonly preprocess?: Preprocessing;
  /** Names of the classes of the first output: they ride with a `.tflite` as its label file. */
  readonly labels?: readonly string[];
  readonly evaluate?: {
    /** Labelled data. */
    readonly path: string;
    /** PROOF_ACCURACY beyond this fraction. */
    readonly maxDrop?: number;
    /** Only so many samples, evenly spread. */
    readonly samples?: number;
    /** "first": only in the first runtime that loads the variant, LiteRT as a rule; default "all", the worst counts. */
    readonly runtimes?: "all" | "first";
  };
  /** PROOF_SQNR below so many dB. */
  readonly minSqnrDb?: number;
  /** PROOF_STRICT_INTEGER if an operator stays float in an integer recipe. */
  readonly strictInteger?: boolean;
  /** `.npz` of recorded inputs and outputs, where no runtime can run the source. */
  readonly golden?: string;
  /** false: nothing is run to prove the variants, and the result says so. */
  readonly prove?: boolean;
  /** At least 8; default 16. */
  readonly proofSamples?: number;
  /** Input name → whole shape. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** Of a SavedModel: which signature to take; default "serving_default", or the only one. */
  readonly signature?: string;
  /** Inputs and outputs of sources with channels first keep their axes; default: they are declared with channels last. */
  readonly keepIoLayout?: boolean;
  /** "litert", "tflite-2.5" and the like: UNSUPPORTED_OPERATOR for operators that the runtime lacks. */
  readonly target?: string;
  /** An HTML file to write: what is in every variant, layer by layer; the same as JSON beside it. */
  readonly report?: string;
  readonly onProgress?: (event: ConvertProgress) => void;
}

const defaultProofSamples = 16;
export const leastProofSamples = 8;

export const proofSamplesOf = ({ proofSamples = defaultProofSamples }: Pick<ConvertOptions, "proofSamples">): number =>
  Math.max(proofSamples, leastProofSamples);

export interface CalibrationOptions {
  readonly path: string;
  /** How many, evenly spread over the data; default 200. */
  readonly samples?: number;
  /** Default "min-max" (the figures: `quantize/observers.ts`). */
  readonly method?: string;
  /** Data that looks like pixels from 0 to 255 is taken although the model seems to want another range. */
  readonly anyRange?: boolean;
  /** Steps that get accuracy back (`quantize/improvements.ts`), with commas between them, or "none"; default: by recipe. */
  readonly improve?: string;
}

export type ConvertStage =
  | "read"
  | "simplify"
  | "calibrate"
  | "search"
  | "quantize"
  | "write"
  | "prove"
  | "evaluate"
  | "report";

export interface ConvertProgress {
  readonly stage: ConvertStage;
  readonly recipe?: string;
  readonly done: number;
  readonly total: number;
}
