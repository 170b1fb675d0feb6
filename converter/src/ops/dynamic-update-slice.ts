/** Its operand with a block replaced, at a place that the run tells. */
import { activation, defineOp, index, sameAs, unsupported } from "./define-op.ts";
import { barrier } from "./layout/layout-rule.ts";
import { noMacs } from "./macs.ts";
import { optionsOf } from "./options.ts";
import { need, refuse } from "./refuse.ts";
import { inputDType } from "./version-rules.ts";

export const dynamicUpdateSlice = defineOp({
  kind: "DYNAMIC_UPDATE_SLICE",
  code: 151,
  options: "DynamicUpdateSliceOptions",
  attributes: optionsOf("DynamicUpdateSliceOptions"),
  operands: [activation("input"), activation("update"), index("starts")],
  results: [sameAs("activations")],
  infer: (inputs) => {
    const [input, update] = [need(inputs, 0, "input"), need(inputs, 1, "update")];
    if (input.dtype !== update.dtype || input.shape.length !== update.shape.length)
      throw refuse(
        `A block of ${update.dtype}[${update.shape.join(", ")}] in ${input.dtype}[${input.shape.join(", ")}].`,
      );
    return [{ dtype: input.dtype, shape: input.shape }];
  },
  evaluate: unsupported("left to the runtime"),
  layout: barrier,
  raise: unsupported("tfjs-converter does not have it"),
  int8: true,
  int16: {},
  version: (use) => {
    switch (inputDType(use, 0)) {
      case "bfloat16":
        return 6;
      case "int4":
        return 5;
      case "int16":
        return 4;
      case "float16":
        return 3;
      default:
        return inputDType(use, 2) === "int64" ? 2 : 1;
    }
  },
  minRuntime: { 1: "2.9.0", 2: "2.17.0", 3: "2.19.0", 4: "2.20.0", 5: "2.21.0", 6: "2.22.0" },
  fusedActivations: [],
  macs: noMacs,
});
