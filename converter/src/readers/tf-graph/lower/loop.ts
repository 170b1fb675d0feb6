/**
 * Loops whose number of rounds is known, written out round by round (the recurrent layers of Keras): the condition is worked
 * out after each. Bounded in rounds; a loop whose condition depends on data is refused.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { attrOf } from "../graph.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

/** A file of more rounds would be larger and slower than anybody wants. */
const maxRounds = 2_000;

export const loopLowering: TfLowering = {
  ops: ["While", "StatelessWhile"],
  lower: (node) => {
    const [condition, body] = ["cond", "body"].map((name) => attrOf(node.node, name, "func"));
    if (condition === undefined || body === undefined)
      throw node.fault("it does not say what its condition and body are");
    let state: readonly TensorId[] = node.inputs;
    for (let round = 0; round < maxRounds; round++) {
      const [goesOn] = node.callFunction(condition, state, `condition_${round}`);
      const [known] = (goesOn !== undefined && node.builder.valuesOf(goesOn)) || [];
      if (known === undefined)
        throw new NodeRefusal("how often it runs is known only when the model runs; loops are not converted");
      if (known === 0) return state;
      state = node.callFunction(body, state, `round_${round}`);
      if (state.length !== node.inputs.length)
        throw node.fault("its body gives another number of values than it takes");
    }
    throw new NodeRefusal(`it runs more than ${maxRounds} times`);
  },
};
