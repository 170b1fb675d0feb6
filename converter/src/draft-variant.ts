/** A variant that is made and not yet proven or written: one shape for every format. */
import type { TfliteRuntime } from "@flotilla/device-agent/ports/tflite-runtime";
import type { VariantDescription } from "./convert-result.ts";
import type { Model, TensorId } from "./ir/graph.ts";
import type { FloatOperator, QuantizationPlan } from "./quantize/plan.ts";
import type { SourceTruth } from "./runtimes/source-truth.ts";
import type { VariantOpener } from "./runtimes/variant-runner.ts";
import type { FileContent } from "./write-files.ts";

export interface DraftVariant {
  readonly described: VariantDescription;
  readonly recipe: string;
  /** It computes what the source computes, up to the order of additions. */
  readonly exact: boolean;
  /** The variant's file, or its folder, below the output folder. */
  readonly path: string;
  readonly files: ReadonlyMap<string, FileContent>;
  readonly bytes: number;
  readonly sha256: string;
  readonly floatOperators: readonly FloatOperator[];
  /** The runtimes that may run it. */
  openers(): readonly VariantOpener[];
  /** What it is proven against where the source's own runtime would read the very files of the variant. */
  truth?(runtimes: readonly TfliteRuntime[]): Promise<SourceTruth>;
  /** How its main graph was quantized, where it was. */
  readonly plan?: QuantizationPlan;
  /** What its integers stand for, where it is an integer one. */
  readonly quantized?: {
    readonly model: Model;
    /** What was quantized: equalization may have changed it. */
    readonly float: Model;
    readonly twins: ReadonlyMap<TensorId, TensorId>;
  };
}
