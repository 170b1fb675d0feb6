/**
 * An operator of someone else's, carried as it is: its name, its version and its options' bytes (a FlexBuffer).
 * Nothing is known of its results but what the graph says of them.
 */

import { activations, defineOp, none, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { refuse } from "./refuse.ts";

export const custom = defineOp({
  kind: "CUSTOM",
  code: 32,
  options: null,
  attributes: { customCode: "", version: 1, customOptions: new Uint8Array(0) },
  operands: [activations("inputs")],
  results: [none],
  manyResults: true,
  infer: (_inputs, { customCode }, stored) => {
    if (!stored) throw refuse(`What "${customCode}" gives is known only from the graph.`);
    return stored;
  },
  evaluate: unsupported("what it computes is not known"),
  layout: barrier,
  raise: unsupported("tfjs does not have it"),
  int8: unsupported("what it does with integers is not known"),
  version: (use) => use.attributes.version,
  minRuntime: {},
  fusedActivations: [],
  macs: noMacs,
  notes: ["Carried through unchanged; runs only where the runtime has it."],
});
