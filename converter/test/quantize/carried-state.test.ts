/** Which nodes of unrolled cells carry state, and which chains that look alike do not. */
import { expect, test } from "vitest";
import type { Graph, TensorId } from "../../src/ir/graph.ts";
import { add } from "../../src/ops/add.ts";
import { logistic } from "../../src/ops/logistic.ts";
import { mul } from "../../src/ops/mul.ts";
import { sub } from "../../src/ops/sub.ts";
import { tanh } from "../../src/ops/tanh.ts";
import { assignAll } from "../../src/quantize/assignment.ts";
import { widenCarriedState } from "../../src/quantize/carried-state.ts";
import type { Precision } from "../../src/quantize/precision.ts";
import { GraphMaker } from "./graphs.ts";

const shape = [1, 4];

/** `step` gets the input, the state before and names; gives the state behind. */
function chain(steps: number, step: (made: GraphMaker, x: TensorId, state: TensorId, n: number) => TensorId): Graph {
  const made = new GraphMaker();
  const x = made.input("x", shape);
  let state = made.op(add, "start", [x, x], { shape });
  for (let n = 1; n <= steps; n++) state = step(made, x, state, n);
  made.draft.outputs.push(state);
  return made.draft.freeze();
}

const lstm = (steps: number) =>
  chain(steps, (made, x, c, n) => {
    const of = (op: typeof mul | typeof add, role: string, ...inputs: TensorId[]) =>
      made.op(op, `${role}_${n}`, inputs, { shape });
    const f = made.op(logistic, `f_${n}`, [x], { shape });
    const cell = of(add, "cell", of(mul, "fresh", f, x), of(mul, "kept", f, c));
    made.op(tanh, `squashed_${n}`, [cell], { shape });
    return cell;
  });

const gru = (steps: number) =>
  chain(steps, (made, x, h, n) => {
    const z = made.op(logistic, `z_${n}`, [x], { shape });
    const difference = made.op(sub, `difference_${n}`, [h, x], { shape });
    return made.op(add, `h_${n}`, [x, made.op(mul, `share_${n}`, [z, difference], { shape })], { shape });
  });

/** x + silu(x): the gate is the value's own. */
const silu = (steps: number) =>
  chain(steps, (made, x, state, n) => {
    const gate = made.op(logistic, `gate_${n}`, [state], { shape });
    return made.op(add, `sum_${n}`, [x, made.op(mul, `silu_${n}`, [gate, state], { shape })], { shape });
  });

function widened(graph: Graph, precision: Precision = "int8"): string[] {
  const { precisions } = widenCarriedState(graph, assignAll(graph, precision));
  return graph.nodes.filter((_, at) => precisions[at] === "int16x8").map(({ name }) => name);
}

test("an LSTM's cell state, its fresh share and the tanh of it; not the gates", () => {
  const steps = [1, 2, 3].flatMap((n) => [`fresh_${n}`, `kept_${n}`, `cell_${n}`, `squashed_${n}`]);
  expect(widened(lstm(3))).toEqual(["start", ...steps]);
});

test("a GRU's state, its difference from the candidate and its share", () => {
  expect(widened(gru(3))).toEqual(["start", ...[1, 2, 3].flatMap((n) => [`difference_${n}`, `share_${n}`, `h_${n}`])]);
});

test("two steps are no sequence, and a value that gates itself is no state", () => {
  expect(widened(lstm(2))).toEqual([]);
  expect(widened(silu(6))).toEqual([]);
});

test("only int8 is widened", () => {
  expect(widened(lstm(3), "float16")).toEqual([]);
  expect(widened(lstm(3), "int8-per-tensor")).toEqual([]);
});
