/** Prints docs/ops.md from the operator registry: what every operator can do here, and why not where it cannot. */
import { isUnsupported, type Op, type OperandRole, type ResultRule } from "@flotilla/converter/ops/define-op";
import { isBarrier } from "@flotilla/converter/ops/layout/layout-rule";
import { operators } from "@flotilla/converter/ops/registry";

export function renderOps(): string {
  const sorted = [...operators].sort((a, b) => a.kind.localeCompare(b.kind, "en"));
  return [
    "# Operators",
    "",
    "Printed from `converter/src/ops/`, one file per operator. The graph's operators are TFLite's builtin operators, one to",
    "one; `BATCH_NORM` exists only until it is folded away. A file with any other operator is refused, and all of them listed.",
    "",
    "- **int8**: can it run in int8? The scale of its result: *own* (calibrated), *of x* (equal to that operand's), *fixed*.",
    "- **folds**: is it evaluated when all its operands are constants?",
    "- **TFJS**: can it be written into a TFJS GraphModel?",
    "- **layout**: can its axes change order (NCHW to NHWC) around it? A barrier is what keeps its own.",
    "- **versions**: operator versions that are written, each with the first TensorFlow runtime that has it.",
    "",
    "| operator | operands | int8 | folds | TFJS | layout | fuses | versions |",
    "|---|---|---|---|---|---|---|---|",
    ...sorted.map(row),
    "",
    "## Notes",
    "",
    ...sorted.flatMap((op) => (op.notes ?? []).map((note) => `- \`${op.kind}\`: ${note}`)),
    ...sorted.flatMap((op) =>
      isUnsupported(op.int8) ? [`- \`${op.kind}\` stays float: ${op.int8.unsupported}.`] : [],
    ),
    "",
  ].join("\n");
}

function row(op: Op): string {
  const versions = Object.entries(op.minRuntime).map(([version, runtime]) => `${version} (${runtime})`);
  const fuses =
    op.fusesAs === undefined ? op.fusedActivations.map((name) => `\`${name}\``).join(" ") : "into its maker";
  const cells = [
    `\`${op.kind}\`${op.code < 0 ? "" : ` ${op.code}`}`,
    op.operands.map(operand).join(", "),
    isUnsupported(op.int8) ? "no" : [...new Set(op.results.map(scale))].join(", "),
    isUnsupported(op.evaluate) ? "" : "yes",
    isUnsupported(op.raise) ? "" : "yes",
    isBarrier(op.layout) ? "barrier" : "follows",
    fuses,
    versions.join(", "),
  ];
  return `| ${cells.join(" | ")} |`;
}

function operand(role: OperandRole): string {
  const optional = role.role !== "activations" && role.optional === true ? "?" : "";
  switch (role.role) {
    case "activations":
      return `${role.name}…`;
    case "weight":
      return `**${role.name}**${optional}${role.channelAxis === null ? "" : ` by axis ${role.channelAxis}`}`;
    default:
      return `${role.name}${optional}`;
  }
}

function scale(rule: ResultRule): string {
  switch (rule.rule) {
    case "free":
      return "own";
    case "same-as":
      return rule.operand === "activations" ? "of all operands" : `of ${rule.operand}`;
    case "fixed":
      return `fixed ${rule.int8.join(", ")}`;
    case "none":
      return "not quantized";
  }
}
