/**
 * What operators on variables and tables share: handles are values of dtype `resource`, and what they stand for outlives
 * the run (`kernels/var_handle.cc`, `read_variable.cc`, `assign_variable.cc`, `call_once.cc`, `hashtable*.cc`).
 */
import type { Operands, ResultFacts } from "./define-op.ts";
import { unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { refuse } from "./refuse.ts";
import { always1 } from "./version-rules.ts";

/** Facets that are the same for all of them. */
export const resourceFacets = {
  effect: true,
  evaluate: unsupported("what it gives depends on earlier runs"),
  layout: barrier,
  raise: unsupported("a TFJS model made here keeps nothing from run to run"),
  int8: unsupported("what it keeps is the model's own"),
  version: always1,
  fusedActivations: [],
  macs: noMacs,
} as const;

/** What the graph says: only the run tells more. */
export function asStored(
  _inputs: Operands,
  _attributes: unknown,
  stored?: readonly ResultFacts[],
): readonly ResultFacts[] {
  if (!stored) throw refuse("What it gives is known only from the graph.");
  return stored;
}
