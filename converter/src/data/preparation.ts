/**
 * From what a data file holds to what the model takes: preprocessing by the one function that calibration, evaluation,
 * trial and SDK share, then the checks of `dataset.ts`.
 */
import type { PreprocessingStep } from "@flotilla/protocol/documents/preprocessing";
import { asFlotillaError, FlotillaError } from "@flotilla/protocol/errors";
import type { NdArray } from "@flotilla/protocol/nd-array";
import { preprocess } from "@flotilla/protocol/preprocessing";
import { asModelInput, inInputAxes, type ModelInput } from "./dataset.ts";

/** Input name → ordered steps. */
export type Preprocessing = Readonly<Record<string, readonly PreprocessingStep[]>>;

export class Preparation {
  readonly inputs: readonly ModelInput[];
  readonly #steps: Preprocessing;

  /** @throws CONFIG_INVALID when steps are given for an input that the model lacks. */
  constructor(inputs: readonly ModelInput[], steps: Preprocessing) {
    this.inputs = inputs;
    this.#steps = steps;
    const names = inputs.map((input) => input.name);
    const unknown = Object.keys(steps).filter((name) => !names.includes(name));
    if (unknown.length === 0) return;
    throw new FlotillaError(
      "CONFIG_INVALID",
      `The preprocessing names inputs that the model lacks: ${unknown.join(", ")}. It has ${names.join(", ")}.`,
      { details: { found: unknown, expected: names } },
    );
  }

  stepsOf(input: ModelInput): readonly PreprocessingStep[] | undefined {
    return Object.hasOwn(this.#steps, input.name) ? this.#steps[input.name] : undefined;
  }

  /**
   * One input of one sample. `where` names the sample in errors.
   * @throws QUANT_CALIBRATION_SHAPE, QUANT_CALIBRATION_DATA
   */
  array(array: NdArray, input: ModelInput, where: string): NdArray {
    const steps = this.stepsOf(input);
    return asModelInput(steps ? this.#run(array, steps, where) : inInputAxes(array, input), input, where);
  }

  #run(array: NdArray, steps: readonly PreprocessingStep[], where: string): NdArray {
    try {
      return preprocess(array, steps);
    } catch (thrown) {
      const cause = asFlotillaError(thrown);
      if (cause.code !== "CONFIG_INVALID") throw cause;
      throw new FlotillaError("QUANT_CALIBRATION_SHAPE", `${where} does not fit its preprocessing: ${cause.message}`, {
        details: { where },
        cause,
      });
    }
  }
}
