/**
 * LSTM, GRU and RNN, unrolled step by step: today's LiteRT refuses TFLite's stateful sequence operators. The input's part
 * of all gates is one matrix product over all steps; what is left per step is the state's. Formulas: ONNX Operators.md.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { concatenation } from "../../../ops/concatenation.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import { logistic } from "../../../ops/logistic.ts";
import { mul } from "../../../ops/mul.ts";
import { relu } from "../../../ops/relu.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { sub } from "../../../ops/sub.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { NodeBuilder } from "../node-builder.ts";
import { indices, part, reshaped, transposed } from "./compose.ts";
import { constantOfBooleans } from "./constants.ts";
import type { Lowered, OnnxLowering } from "./lowering.ts";

/** About ten nodes a step and direction. */
const maxSteps = 256;

type Apply = (role: string, x: TensorId) => TensorId;

/** What one step makes of the input's part of the gates and the state. */
interface Cell {
  readonly gates: number;
  /** Names of the activations it takes unless others are given. */
  readonly activations: readonly string[];
  readonly hasMemory: boolean;
  step(inside: Inside, role: string, fromInput: TensorId, state: State): State;
}
interface State {
  readonly hidden: TensorId;
  readonly memory: TensorId | null;
}
interface Inside {
  readonly node: NodeBuilder;
  readonly size: number;
  readonly recurrent: TensorId;
  /** Of the recurrent side, for cells that keep it apart. */
  readonly recurrentBias: TensorId | null;
  readonly peepholes: TensorId | null;
  readonly functions: readonly Apply[];
}

/** Gates of a row, each [batch, size]. */
const gateOf = (node: NodeBuilder, role: string, row: TensorId, at: number, size: number): TensorId =>
  part(node, role, row, 1, at * size, size);

/** Rows of weights [gates · size, n]. */
const rowsOf = (node: NodeBuilder, role: string, weights: TensorId, from: number, count: number): TensorId =>
  part(node, role, weights, 0, from, count);

const lstm: Cell = {
  gates: 4,
  activations: ["Sigmoid", "Tanh", "Tanh"],
  hasMemory: true,
  step: ({ node, size, recurrent, peepholes, functions: [f, g, h] }, role, fromInput, { hidden, memory }) => {
    if (!f || !g || !h || memory === null) throw node.refusal("its state is not that of an LSTM");
    const row = node.emit(add, `${role}/gates`, [
      fromInput,
      node.emit(fullyConnected, `${role}/state`, [hidden, recurrent, null]),
    ]);
    const gate = (name: string, at: number): TensorId => gateOf(node, `${role}/${name}`, row, at, size);
    const peeped = (name: string, x: TensorId, at: number, cell: TensorId): TensorId => {
      if (peepholes === null) return x;
      const weights = part(node, `${role}/${name}/peephole`, peepholes, 1, at * size, size);
      return node.emit(add, `${role}/${name}/peeped`, [x, node.emit(mul, `${role}/${name}/peep`, [weights, cell])]);
    };
    const i = f(`${role}/i`, peeped("input", gate("input", 0), 0, memory));
    const forget = f(`${role}/f`, peeped("forget", gate("forget", 2), 2, memory));
    const candidate = g(`${role}/c`, gate("cell", 3));
    const cell = node.emit(add, `${role}/memory`, [
      node.emit(mul, `${role}/kept`, [forget, memory]),
      node.emit(mul, `${role}/new`, [i, candidate]),
    ]);
    const o = f(`${role}/o`, peeped("output", gate("output", 1), 1, cell));
    return { hidden: node.emit(mul, `${role}/hidden`, [o, h(`${role}/h`, cell)]), memory: cell };
  },
};

const gru: Cell = {
  gates: 3,
  activations: ["Sigmoid", "Tanh"],
  hasMemory: false,
  step: ({ node, size, recurrent, recurrentBias, functions: [f, g] }, role, fromInput, { hidden }) => {
    if (!f || !g) throw node.refusal("its activations are not two");
    const after = node.flag("linear_before_reset", false);
    const biasOf = (name: string, from: number, count: number) =>
      recurrentBias === null ? null : part(node, `${role}/${name}`, recurrentBias, 0, from, count);
    const both = node.emit(fullyConnected, `${role}/zr`, [
      hidden,
      rowsOf(node, `${role}/Rzr`, recurrent, 0, 2 * size),
      biasOf("Bzr", 0, 2 * size),
    ]);
    const sums = node.emit(add, `${role}/gates`, [part(node, `${role}/xzr`, fromInput, 1, 0, 2 * size), both]);
    const z = f(`${role}/z`, gateOf(node, `${role}/update`, sums, 0, size));
    const r = f(`${role}/r`, gateOf(node, `${role}/reset`, sums, 1, size));
    const candidateWeights = rowsOf(node, `${role}/Rh`, recurrent, 2 * size, size);
    const bias = biasOf("Bh", 2 * size, size);
    const seen = after
      ? node.emit(mul, `${role}/seen`, [
          r,
          node.emit(fullyConnected, `${role}/state`, [hidden, candidateWeights, bias]),
        ])
      : node.emit(fullyConnected, `${role}/seen`, [
          node.emit(mul, `${role}/state`, [r, hidden]),
          candidateWeights,
          bias,
        ]);
    const candidate = g(
      `${role}/c`,
      node.emit(add, `${role}/candidate`, [gateOf(node, `${role}/xh`, fromInput, 2, size), seen]),
    );
    // (1 − z) · candidate + z · hidden
    const change = node.emit(mul, `${role}/change`, [z, node.emit(sub, `${role}/distance`, [hidden, candidate])]);
    return { hidden: node.emit(add, `${role}/hidden`, [candidate, change]), memory: null };
  },
};

const rnn: Cell = {
  gates: 1,
  activations: ["Tanh"],
  hasMemory: false,
  step: ({ node, recurrent, functions: [f] }, role, fromInput, { hidden }) => {
    if (!f) throw node.refusal("it has no activation");
    const state = node.emit(fullyConnected, `${role}/state`, [hidden, recurrent, null]);
    return { hidden: f(`${role}/hidden`, node.emit(add, `${role}/sum`, [fromInput, state])), memory: null };
  },
};

function functionsOf(node: NodeBuilder, names: readonly string[]): readonly Apply[] {
  return names.map((name): Apply => {
    if (name === "Sigmoid") return (role, x) => node.emit(logistic, role, [x]);
    if (name === "Tanh") return (role, x) => node.emit(tanh, role, [x]);
    if (name === "Relu") return (role, x) => node.emit(relu, role, [x]);
    throw node.refusal(`its activation ${name} is not converted inside a recurrent operator`);
  });
}

function lowerWith(node: NodeBuilder, cell: Cell): Lowered {
  if (node.has("clip")) throw node.refusal("it clips its gates");
  if (node.flag("input_forget", false)) throw node.refusal("its input and forget gates are coupled");
  const batchFirst = node.int("layout", 0) === 1;
  const x = batchFirst ? transposed(node, "time-first", node.input(0), [1, 0, 2]) : node.input(0);
  const [steps = 1, batch = 1, width = 1] = node.shape(x);
  if (steps > maxSteps) throw node.refusal(`it has ${steps} steps; ${maxSteps} at most are unrolled`);
  const direction = node.string("direction", "forward");
  const count = direction === "bidirectional" ? 2 : 1;
  const names =
    node.strings("activations") ?? [...cell.activations, ...cell.activations].slice(0, count * cell.activations.length);
  const size = node.shape(node.input(2))[2] ?? 1;
  const flat = reshaped(node, "rows", x, [steps * batch, width]);
  const ended = indices(count).map((at) => {
    const backwards = at === 1 || direction === "reverse";
    const functions = functionsOf(node, names.slice(at * cell.activations.length, (at + 1) * cell.activations.length));
    return oneDirection(node, cell, { at, backwards, flat, steps, batch, size, functions, batchFirst });
  });
  const joined = (role: string, parts: readonly TensorId[], axis: number): TensorId => {
    const [first] = parts;
    return first !== undefined && parts.length === 1 ? first : node.emit(concatenation, role, parts, { axis });
  };
  const states = (role: string, ids: readonly TensorId[]): TensorId => {
    const all = joined(
      role,
      ids.map((id, at) => reshaped(node, `${role}${at}`, id, [1, batch, size])),
      0,
    );
    return batchFirst ? transposed(node, `${role}/batch-first`, all, [1, 0, 2]) : all;
  };
  const sequence = (): TensorId => {
    const all = joined(
      "sequence",
      ended.map(({ outputs }, at) =>
        joined(
          `steps${at}`,
          outputs.map((id, t) => reshaped(node, `step${at}-${t}/out`, id, [1, 1, batch, size])),
          0,
        ),
      ),
      1,
    );
    return batchFirst ? transposed(node, "sequence/batch-first", all, [2, 0, 1, 3]) : all;
  };
  const memories = ended.flatMap(({ state: { memory } }) => (memory === null ? [] : [memory]));
  return [
    node.wants(0) ? sequence() : null,
    node.wants(1)
      ? states(
          "hidden",
          ended.map(({ state }) => state.hidden),
        )
      : null,
    cell.hasMemory && node.wants(2) ? states("memory", memories) : null,
  ];
}

interface Direction {
  readonly at: number;
  readonly backwards: boolean;
  readonly flat: TensorId;
  readonly steps: number;
  readonly batch: number;
  readonly size: number;
  readonly functions: readonly Apply[];
  readonly batchFirst: boolean;
}

function oneDirection(
  node: NodeBuilder,
  cell: Cell,
  d: Direction,
): { readonly outputs: readonly TensorId[]; readonly state: State } {
  const { at, steps, batch, size } = d;
  const role = d.backwards ? "back" : "forth";
  const rows = cell.gates * size;
  const matrix = (name: string, id: TensorId): TensorId => {
    const shape = node.shape(id);
    return reshaped(node, `${role}/${name}`, part(node, `${role}/${name}/part`, id, 0, at, 1), shape.slice(1));
  };
  const biases = node.optional(3) === null ? null : matrix("biases", node.input(3));
  const half = (name: string, from: number) =>
    biases === null ? null : part(node, `${role}/${name}`, biases, 0, from, rows);
  const [inputBias, recurrentBias] = [half("Wb", 0), half("Rb", rows)];
  // A GRU resets between the recurrent product and its bias; the others may add both biases at once.
  const apart = cell === gru;
  const bias =
    inputBias !== null && recurrentBias !== null && !apart
      ? node.emit(add, `${role}/bias`, [inputBias, recurrentBias])
      : inputBias;
  const all = node.emit(fullyConnected, `${role}/inputs`, [d.flat, matrix("W", node.input(1)), bias]);
  const initial = (name: string, operand: number): TensorId => {
    const id = node.optional(operand);
    if (id === null) return node.floats32(`${role}/${name}`, new Float32Array(batch * size), [batch, size]);
    const own = d.batchFirst ? transposed(node, `${role}/${name}/order`, id, [1, 0, 2]) : id;
    return matrix(name, own);
  };
  const peepholes =
    cell.hasMemory && node.optional(7) !== null
      ? reshaped(node, `${role}/P`, matrix("P/row", node.input(7)), [1, 3 * size])
      : null;
  const inside: Inside = {
    node,
    size,
    recurrent: matrix("R", node.input(2)),
    recurrentBias: apart ? recurrentBias : null,
    peepholes,
    functions: d.functions,
  };
  const lengths = lengthsOf(node, steps, d.backwards);
  let state: State = { hidden: initial("initial-h", 5), memory: cell.hasMemory ? initial("initial-c", 6) : null };
  const outputs: TensorId[] = [];
  for (let step = 0; step < steps; step++) {
    const t = d.backwards ? steps - 1 - step : step;
    const name = `${role}/${t}`;
    const next = cell.step(inside, name, part(node, `${name}/input`, all, 0, t * batch, batch), state);
    const masked = lengths
      ? ended(
          node,
          name,
          next,
          state,
          lengths.map((length) => t < length),
          size,
        )
      : { state: next, output: next.hidden };
    state = masked.state;
    outputs[t] = masked.output;
  }
  return { outputs, state };
}

/** Undefined where all sequences are whole. */
function lengthsOf(node: NodeBuilder, steps: number, backwards: boolean): readonly number[] | undefined {
  const id = node.optional(4);
  if (id === null) return undefined;
  const lengths = node.numbers(id, "sequence lengths");
  if (lengths.every((length) => length === steps)) return undefined;
  if (backwards) throw node.refusal("it runs backwards over sequences of different lengths");
  return lengths;
}

/** Sequences that have ended keep their state and give zeros. */
function ended(
  node: NodeBuilder,
  role: string,
  next: State,
  before: State,
  running: readonly boolean[],
  size: number,
): { readonly state: State; readonly output: TensorId } {
  if (running.every(Boolean)) return { state: next, output: next.hidden };
  const mask = constantOfBooleans(
    node,
    `${role}/running`,
    [running.length, size],
    (at) => running[Math.floor(at / size)] ?? false,
  );
  const chosen = (name: string, a: TensorId, b: TensorId): TensorId =>
    node.emit(selectV2, `${role}/${name}`, [mask, a, b]);
  const zeros = node.floats32(`${role}/zeros`, new Float32Array(running.length * size), [running.length, size]);
  return {
    state: {
      hidden: chosen("kept-h", next.hidden, before.hidden),
      memory: next.memory === null || before.memory === null ? null : chosen("kept-c", next.memory, before.memory),
    },
    output: chosen("shown", next.hidden, zeros),
  };
}

export const recurrents: readonly OnnxLowering[] = [
  { operators: ["LSTM"], lower: (node) => lowerWith(node, lstm) },
  { operators: ["GRU"], lower: (node) => lowerWith(node, gru) },
  { operators: ["RNN"], lower: (node) => lowerWith(node, rnn) },
];
