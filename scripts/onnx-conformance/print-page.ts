/** docs/onnx-conformance.md: what passed, by operator, why the rest failed, and what did not count. */
import { knownFailures, withoutCounterpart } from "./counted.ts";
import type { CaseResult } from "./run-case.ts";

interface Row {
  readonly operator: string;
  passed: number;
  total: number;
  readonly failures: string[];
}

const escaped = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

export function conformancePage(results: readonly CaseResult[]): string {
  const counted = results.filter((result) => result.excluded === undefined);
  const passed = counted.filter((result) => result.failure === undefined);
  const rows = new Map<string, Row>();
  for (const result of counted) {
    const operator = result.operators.length === 1 ? (result.operators[0] ?? "") : "several operators";
    const row = rows.get(operator) ?? { operator, passed: 0, total: 0, failures: [] };
    rows.set(operator, row);
    row.total += 1;
    if (result.failure === undefined) row.passed += 1;
    else row.failures.push(`${result.name}: ${knownFailures[result.name] ?? result.failure}`);
  }
  const reasons = new Map<string, number>();
  for (const { excluded } of results) {
    if (excluded === undefined) continue;
    const reason = excluded.startsWith("not tensors") ? "values that are not tensors" : excluded;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const older = passed.filter(({ runtime }) => runtime !== "litert");
  const share = ((100 * passed.length) / Math.max(counted.length, 1)).toFixed(1);
  const table = [...rows.values()]
    .sort((a, b) => a.operator.localeCompare(b.operator, "en"))
    .map((row) => `| ${row.operator} | ${row.passed}/${row.total} | ${row.failures.map(escaped).join("<br>")} |`);
  return `# ONNX conformance

Printed by \`scripts/onnx-conformance.ts\` from ONNX's own one-operator models and their outputs (Debian \`libonnx-testdata\`,
Apache-2.0). Every model is read, converted, written as \`.tflite\` and run; its outputs must be the stated ones to 1e-4 of
the largest (float16 to its own rounding, bfloat16 likewise), integers and booleans exactly, NaN and infinities in place.

**${passed.length} of ${counted.length}** cases that count pass (${share} %), ${passed.length - older.length} of them in LiteRT and ${older.length} in the TFLite runtime of 2023, which is asked only where LiteRT refuses or fails.
Cases whose operands TFLite takes as constants only (weights, shapes, axes) have them as initializers, as real models do;
the first operand stays an input unless it is a list of integers that nothing else follows from.

## By operator

| operator | passed | why the others fail |
|---|---|---|
${table.join("\n")}

## What does not count

${results.length - counted.length} of ${results.length} cases use an operator that TFLite's builtin operators have nothing for, or types that devices do not compute with.

| reason | cases | operators |
|---|---|---|
${[...reasons]
  .sort(([a], [b]) => a.localeCompare(b, "en"))
  .map(([reason, count]) => `| ${reason} | ${count} | ${(withoutCounterpart[reason] ?? []).join(", ")} |`)
  .join("\n")}
`;
}
