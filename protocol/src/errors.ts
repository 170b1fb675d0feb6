/**
 * The one error type of Flotilla and the closed catalogue of its codes.
 * A code's family says who must act; the command line's exit code follows from it (design: cli.md).
 * Codes are never reused. `docs/errors.md` is printed from this table.
 */

export const errorCodes = {
  // CONFIG: the caller's options or configuration
  CONFIG_UNRELATED: "The two models have no value in common, so nothing can be compared.",
  CONFIG_USAGE: "The command line was called with words it does not know or that contradict each other.",
  CONFIG_INVALID: "A configuration value or document given by the caller is not valid.",
  CONFIG_RECIPE_UNKNOWN: "The recipe named is not one that this output format has.",
  CONFIG_COHORT_INVALID: "A cohort expression does not parse, is not boolean, or names what devices do not have.",
  CONFIG_GATE_INVALID: "A rollout gate makes no sense: unknown metric, impossible bound, or missing field.",
  CONFIG_PLAN_INVALID: "A rollout plan makes no sense: stages, shares or durations contradict each other.",
  // FORMAT: bad bytes in a file that was handed in
  FORMAT_UNRECOGNIZED: "The file is none of the formats that Flotilla reads.",
  FORMAT_TRUNCATED: "The file ends before the data that it announces.",
  FORMAT_CORRUPT: "The bytes contradict the format's own rules.",
  FORMAT_LIMIT: "A size, count or depth announced in the file is beyond the bound for it.",
  FORMAT_WEIGHTS_MISSING: "A weights file that the model names is not there.",
  FORMAT_WEIGHTS_MISMATCH: "A weight's shape, dtype or byte count is not the one that the model declares.",
  FORMAT_WEIGHTS_ONLY: "The file holds weights and no model: what the layers are is not in it.",
  FORMAT_JSON: "The text is not JSON, or not the document that was expected.",
  FORMAT_NPZ: "The array archive is not a readable .npz or .npy.",
  FORMAT_IMAGE: "The image cannot be decoded.",
  FORMAT_GOLDEN: "The recorded inputs and outputs are not those of the model, or are too few.",
  FORMAT_DOCUMENT: "A protocol document does not have the fields, types or version that its schema asks for.",
  // UNSUPPORTED: valid, but not done
  UNSUPPORTED_OPERATOR: "The model uses operators that cannot be converted; all are listed.",
  UNSUPPORTED_LAYER: "The model uses layers that cannot be converted; all are listed.",
  UNSUPPORTED_FORMAT: "The format is recognised but not read or written.",
  UNSUPPORTED_RUNTIME: "No runtime here can run the model.",
  // GRAPH: our own bug, seen by the verifier
  GRAPH_INVALID: "The converter built a graph that is not legal in its phase. This is a bug in Flotilla.",
  // QUANT: quantization options or data
  QUANT_CALIBRATION_MISSING: "The recipe needs calibration data and none was given.",
  QUANT_CALIBRATION_SHAPE: "A calibration sample does not have the shape or dtype of the model's input.",
  QUANT_CALIBRATION_DATA: "The calibration data is empty, or holds NaN or infinite values.",
  QUANT_CALIBRATION_RANGE: "The calibration data plainly has another range than the model takes.",
  QUANT_SELECTOR: "A selector of operators does not parse, or selects no operator of the model.",
  QUANT_OPTION: "A quantization option does not go with this model or recipe.",
  // PROOF: a bound was not met
  PROOF_PARITY: "The converted model's outputs differ from the source's by more than the bound.",
  PROOF_ACCURACY: "The converted model loses more accuracy than allowed.",
  PROOF_SQNR: "The converted model's signal-to-noise ratio is below the bound.",
  PROOF_STRICT_INTEGER: "Operators stayed float although --strict-integer forbids it.",
  PROOF_UNAVAILABLE: "No runtime here can run the source model, so nothing can be proven.",
  // INTEGRITY: never retried
  INTEGRITY_DIGEST: "The bytes do not have the digest or length that was signed.",
  INTEGRITY_SIGNATURE: "A signature is missing, wrong, or below its threshold.",
  INTEGRITY_ROLLBACK: "A version, sequence or counter went down.",
  INTEGRITY_EXPIRED: "Signed metadata is past its expiry.",
  INTEGRITY_METADATA: "Signed metadata is malformed or does not match its parent.",
  INTEGRITY_NOT_FOUND: "The signed metadata does not name this target.",
  INTEGRITY_KEY: "A key file cannot be opened: wrong passphrase or damaged.",
  // ROLLOUT: conflict with the server's state, or a refusal by it
  ROLLOUT_CONFLICT: "The rollout is not in a state that allows this.",
  ROLLOUT_NOT_FOUND: "The server has no such rollout, release, cohort or device.",
  ROLLOUT_EXISTS: "The server already has one of that id with other content.",
  ROLLOUT_REFUSED: "The server refused the request.",
  ROLLOUT_UNAUTHORIZED: "The token or the device's proof is missing, expired or wrong.",
  ROLLOUT_UNPROVEN: "The release holds an unproven variant and the plan does not allow that.",
  ROLLOUT_RATE_LIMITED: "Too many requests; try again later.",
  // TRANSPORT: retried
  TRANSPORT_UNREACHABLE: "The other side cannot be reached.",
  TRANSPORT_TIMEOUT: "The other side did not answer in time.",
  TRANSPORT_STATUS: "The other side answered with an unexpected status.",
  TRANSPORT_LIMIT: "The other side sent more bytes than allowed.",
  // IO: files and disk
  IO_NOT_FOUND: "A file or folder is not there.",
  IO_EXISTS: "A file is already there and would be overwritten.",
  IO_FAILED: "Reading or writing a file failed.",
  IO_STATE_CORRUPT: "A state file is damaged; it was moved aside.",
  // TRIAL: the device's own check of a variant
  TRIAL_CRASHED: "The runtime or the whole agent died while it tried the variant.",
  TRIAL_LOAD: "The runtime on the device cannot load the variant.",
  TRIAL_MISMATCH: "The variant's outputs on the golden inputs are not the recorded ones.",
  TRIAL_DISAGREES: "The variant does not agree with the source model on the golden inputs.",
  TRIAL_TIMEOUT: "The trial did not end in time.",
  // HEALTH: the active release does badly on the device
  HEALTH_ERROR_RATE: "More of the active release's runs fail than its stop rule allows.",
  HEALTH_LATENCY: "The active release is slower than its stop rule allows.",
  HEALTH_OUTPUT:
    "The active release answers nonsense: not finite, always the same class, or plainly worse than before.",
  HEALTH_RESTARTS: "The agent was restarted more often than allowed before the active release had proven itself.",
  // INTERNAL: unexpected
  INTERNAL: "Something unexpected happened. This is a bug in Flotilla.",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof errorCodes;

/** JSON-safe facts about an error: what, where, found, expected, next step. */
export type ErrorDetails = Readonly<Record<string, unknown>> | readonly Readonly<Record<string, unknown>>[];

/** The one error class. The message says what, where, found against expected, and the next step. */
export class FlotillaError extends Error {
  override readonly name = "FlotillaError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The form of `--json` output and of the server's error bodies. */
  toJSON(): { code: ErrorCode; message: string; details: ErrorDetails } {
    return { code: this.code, message: this.message, details: this.details };
  }
}

/** The command line's exit code for an error code (design: cli.md). */
export function exitCodeFor(code: ErrorCode): number {
  const family = code.slice(0, code.indexOf("_") === -1 ? code.length : code.indexOf("_"));
  switch (family) {
    case "CONFIG":
      return 2;
    case "FORMAT":
      return 3;
    case "UNSUPPORTED":
      return 4;
    case "PROOF":
      return 5;
    case "INTEGRITY":
      return 6;
    case "ROLLOUT":
      return 7;
    case "TRANSPORT":
      return 8;
    case "IO":
      return 9;
    case "QUANT":
      // An option at fault is a usage error, data at fault is a bad input file (design: cli.md).
      return ["QUANT_CALIBRATION_SHAPE", "QUANT_CALIBRATION_DATA", "QUANT_CALIBRATION_RANGE"].includes(code) ? 3 : 2;
    default:
      return 1;
  }
}

/** Wraps anything thrown into a {@link FlotillaError}; what already is one passes through. */
export function asFlotillaError(thrown: unknown): FlotillaError {
  if (thrown instanceof FlotillaError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new FlotillaError("INTERNAL", message, { cause: thrown });
}
