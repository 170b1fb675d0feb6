/**
 * What the recurrent operators share: their operands by place (`lstm.cc`, `unidirectional_sequence_lstm.cc`,
 * `bidirectional_sequence_lstm.cc`, `basic_rnn.cc`), the shape of a sequence, and what a step costs.
 */
import type { Shape } from "../ir/graph.ts";
import { activation, bias, type OperandRole, type OperatorUse, weight } from "./define-op.ts";

/** In the order of the kernels: input, forget, cell, output gate. */
const gates = ["Input", "Forget", "Cell", "Output"] as const;

const matrix = (name: string): OperandRole => weight(name, { channelAxis: null, optional: true });

/** The seventeen weights of one direction; `prefix` keeps two directions apart. */
export function lstmWeights(prefix = ""): readonly OperandRole[] {
  return [
    ...gates.map((gate) => matrix(`${prefix}inputTo${gate}`)),
    ...gates.map((gate) => matrix(`${prefix}recurrentTo${gate}`)),
    ...["Input", "Forget", "Output"].map((gate) => matrix(`${prefix}cellTo${gate}`)),
    ...gates.map((gate) =>
      bias(`${prefix}bias${gate}`, { of: [`${prefix}inputTo${gate}`, `${prefix}recurrentTo${gate}`] }),
    ),
    matrix(`${prefix}projection`),
    bias(`${prefix}projectionBias`, { of: [`${prefix}projection`, `${prefix}projection`] }),
  ];
}

/** What hybrid kernels take as integers: every matrix but the factors of normalisation. */
export const hybridWeightsOf = (operands: readonly OperandRole[]): readonly string[] =>
  operands.flatMap(({ role, name }) => (role === "weight" && !/norm/i.test(name) ? [name] : []));

export const lstmOperands: readonly OperandRole[] = [
  activation("input"),
  ...lstmWeights(),
  activation("outputState", true),
  activation("cellState", true),
  ...gates.map((gate) => matrix(`norm${gate}`)),
];

/** Where the operands of an LSTM that say its size are: recurrent-to-output weights are [cells, outputs]. */
export const recurrentToOutput = 8;

/** [time, batch, units] or [batch, time, units] for an input of three axes; its two leading sizes are kept. */
export const sequenceShape = (input: Shape, units: number): Shape => [input[0] ?? -1, input[1] ?? -1, units];

/** Every weight matrix meets every step of every sample once. */
export function recurrentMacs(use: OperatorUse): number {
  const count = (shape: Shape): number => shape.reduce((product, size) => product * Math.max(size, 1), 1);
  const steps = count(use.inputs[0]?.shape.slice(0, -1) ?? []);
  const weights = use.inputs.filter((operand) => operand?.bytes !== undefined && operand.shape.length === 2);
  return steps * weights.reduce((sum, operand) => sum + count(operand?.shape ?? []), 0);
}

/** The version of float, hybrid and hybrid with asymmetric inputs, told by one weight matrix. */
export const hybridVersion =
  (position: number, [float, symmetric, asymmetric]: readonly [number, number, number]) =>
  (use: OperatorUse<{ readonly asymmetricQuantizeInputs: boolean }>): number => {
    const hybrid = use.inputs[position]?.dtype === "int8" && use.outputs[0]?.dtype === "float32";
    if (!hybrid) return float;
    return use.attributes.asymmetricQuantizeInputs ? asymmetric : symmetric;
  };
