/**
 * The cells of recurrent layers, in two parts: what one does with its input, for all time steps at once, and what it
 * does step by step with its state. A state of null is all zeros; nothing is computed for it.
 * Rules: tfjs-layers `layers/recurrent.ts`; Keras `layers/rnn/{simple_rnn,gru,lstm,stacked_rnn_cells}.py`.
 * Kernels are kept as [in, gates·units], the gates being i, f, c, o (LSTM) and z, r, h (GRU).
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { fullyConnected } from "../../../ops/fully-connected.ts";
import { mul } from "../../../ops/mul.ts";
import { split } from "../../../ops/split.ts";
import { sub } from "../../../ops/sub.ts";
import { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { applyActivation, refusesActivation } from "./activation-functions.ts";
import { dense, matrix } from "./dense.ts";
import { type Dialect, firstReason, LayerRefusal } from "./lowering.ts";

export type State = TensorId | null;

export interface Step {
  readonly output: TensorId;
  readonly states: readonly TensorId[];
}

export interface Cell {
  readonly stateCount: number;
  /** Nodes of one step, about: long sequences are refused by it. */
  readonly nodesPerStep: number;
  /** The input's share of all gates: [batch, …, features] → [batch, …, gates·units]. */
  project(x: TensorId): TensorId;
  /** `scope` tells the nodes of this step apart. */
  step(scope: string, projected: TensorId, states: readonly State[]): Step;
}

export const activated = (layer: LayerBuilder, role: string, x: TensorId): TensorId =>
  applyActivation(layer.scoped(role), x, "activation", "tanh");

export const gated = (layer: LayerBuilder, role: string, x: TensorId): TensorId =>
  applyActivation(layer.scoped(role), x, "recurrent_activation", layer.dialect === "tfjs" ? "hard_sigmoid" : "sigmoid");

export const refusesCell = (config: JsonFields, dialect: Dialect): string | undefined =>
  firstReason(refusesActivation(config, dialect), refusesActivation(config, dialect, "recurrent_activation"));

const hasBias = (layer: LayerBuilder): boolean => layer.config.boolean("use_bias", true);

export const parts = (layer: LayerBuilder, role: string, x: TensorId, count: number): readonly TensorId[] =>
  layer.emitAll(split, role, [layer.integers("last_axis", [], [layer.shapeOf(x).length - 1]), x], { numSplits: count });

const sum = (layer: LayerBuilder, role: string, a: TensorId, b: TensorId | null): TensorId =>
  b === null ? a : layer.emit(add, role, [a, b]);

/** The cell of a class (SimpleRNN or SimpleRNNCell). `layer` is the cell itself, `features` what comes in a step. */
export function cellOf(layer: LayerBuilder, features: number): Cell {
  const { className } = layer;
  if (className === "StackedRNNCells") return stackedCells(layer, features);
  if (className.startsWith("SimpleRNN")) return simpleCell(layer, features);
  if (className.startsWith("LSTM") || className === "CuDNNLSTM") return lstmCell(layer, features);
  if (className.startsWith("GRU")) return gruCell(layer, features);
  throw new LayerRefusal(`the cell ${className} is not converted`);
}

/** The share of the input: kernel and bias are what every cell but one has. */
function projection(layer: LayerBuilder, features: number, gates: number) {
  const units = layer.config.count("units");
  // In the order in which Keras makes them: some files number weights and do not name them.
  const kernel = matrix(layer, "kernel", features, gates * units);
  const recurrent = matrix(layer, "recurrent_kernel", units, gates * units);
  const bias = hasBias(layer) ? layer.weight("bias", [gates * units]) : null;
  return { units, recurrent, project: (input: TensorId) => dense(layer, "project", input, kernel, bias) };
}

/** act(x + h·R) */
function simpleCell(layer: LayerBuilder, features: number): Cell {
  const { recurrent, project } = projection(layer, features, 1);
  return {
    stateCount: 1,
    nodesPerStep: 3,
    project,
    step: (scope, projected, [h = null]) => {
      const at = layer.scoped(scope);
      const past = h === null ? null : at.emit(fullyConnected, "recurrent", [h, recurrent, null]);
      const output = activated(at, "activation", sum(at, "sum", projected, past));
      return { output, states: [output] };
    },
  };
}

/** c' = σ(f)·c + σ(i)·act(c), h' = σ(o)·act(c') */
function lstmCell(layer: LayerBuilder, features: number): Cell {
  const { recurrent, project } = projection(layer, features, 4);
  return {
    stateCount: 2,
    nodesPerStep: 12,
    project,
    step: (scope, projected, [h = null, c = null]) => {
      const at = layer.scoped(scope);
      const past = h === null ? null : at.emit(fullyConnected, "recurrent", [h, recurrent, null]);
      return lstmStep(at, sum(at, "sum", projected, past), c);
    },
  };
}

/** The rest of an LSTM's step, given the sum of both shares of all gates. */
export function lstmStep(at: LayerBuilder, gates: TensorId, c: State): Step {
  const [i = gates, f = gates, candidate = gates, o = gates] = parts(at, "gates", gates, 4);
  const fresh = at.emit(mul, "fresh", [gated(at, "i", i), activated(at, "c", candidate)]);
  const kept = c === null ? null : at.emit(mul, "kept", [gated(at, "f", f), c]);
  const cell = sum(at, "cell", fresh, kept);
  const output = at.emit(mul, "output", [gated(at, "o", o), activated(at, "activation", cell)]);
  return { output, states: [output, cell] };
}

/** h' = z·h + (1 − z)·candidate, written candidate + z·(h − candidate) */
function mixed(at: LayerBuilder, z: TensorId, h: State, candidate: TensorId): Step {
  const difference = h === null ? at.emit(sub, "rest", [at.scalar(1), z]) : at.emit(sub, "difference", [h, candidate]);
  const output =
    h === null
      ? at.emit(mul, "output", [difference, candidate])
      : at.emit(add, "output", [candidate, at.emit(mul, "share", [z, difference])]);
  return { output, states: [output] };
}

function gruCell(layer: LayerBuilder, features: number): Cell {
  const units = layer.config.count("units");
  const resetAfter = layer.config.boolean("reset_after", layer.dialect === "keras");
  if (!resetAfter) return resetBeforeCell(layer, features, units);
  if (layer.dialect === "tfjs") throw new LayerRefusal("tfjs-layers does not run a GRU with reset_after");
  const kernel = matrix(layer, "kernel", features, 3 * units);
  const recurrent = matrix(layer, "recurrent_kernel", units, 3 * units);
  const bias = (key: string, row: number): TensorId | null =>
    hasBias(layer)
      ? layer.weight("bias", [2, 3 * units], {
          key,
          shape: [3 * units],
          change: (values) => values.slice(row * 3 * units, (row + 1) * 3 * units),
        })
      : null;
  const inputBias = bias("input", 0);
  const recurrentBias = bias("recurrent", 1);
  return {
    stateCount: 1,
    nodesPerStep: 13,
    project: (input) => dense(layer, "project", input, kernel, inputBias),
    step: (scope, projected, [h = null]) => {
      const at = layer.scoped(scope);
      const past = h === null ? recurrentBias : at.emit(fullyConnected, "recurrent", [h, recurrent, recurrentBias]);
      const [xz = projected, xr = projected, xh = projected] = parts(at, "input", projected, 3);
      const [hz = null, hr = null, hh = null] = past === null ? [] : parts(at, "past", past, 3);
      const z = gated(at, "z", sum(at, "z_sum", xz, hz));
      const r = gated(at, "r", sum(at, "r_sum", xr, hr));
      const reset = hh === null ? null : at.emit(mul, "reset", [r, hh]);
      return mixed(at, z, h, activated(at, "candidate", sum(at, "h_sum", xh, reset)));
    },
  };
}

/** The reset gate acts on the state before it meets its kernel. */
function resetBeforeCell(layer: LayerBuilder, features: number, units: number): Cell {
  const kernel = matrix(layer, "kernel", features, 3 * units);
  const rows = (key: string, from: number, to: number): TensorId =>
    layer.weight("recurrent_kernel", [units, 3 * units], {
      key,
      shape: [(to - from) * units, units],
      permutation: [1, 0],
      change: (values) => values.slice(from * units * units, to * units * units),
    });
  const gates = rows("gates", 0, 2);
  const candidateKernel = rows("candidate", 2, 3);
  const bias = hasBias(layer) ? layer.weight("bias", [3 * units]) : null;
  return {
    stateCount: 1,
    nodesPerStep: 14,
    project: (input) => dense(layer, "project", input, kernel, bias),
    step: (scope, projected, [h = null]) => {
      const at = layer.scoped(scope);
      const [xz = projected, xr = projected, xh = projected] = parts(at, "input", projected, 3);
      if (h === null) return mixed(at, gated(at, "z", xz), null, activated(at, "candidate", xh));
      const [hz = h, hr = h] = parts(at, "past", at.emit(fullyConnected, "recurrent", [h, gates, null]), 2);
      const z = gated(at, "z", sum(at, "z_sum", xz, hz));
      const r = gated(at, "r", sum(at, "r_sum", xr, hr));
      const reset = at.emit(fullyConnected, "reset_past", [at.emit(mul, "reset", [r, h]), candidateKernel, null]);
      return mixed(at, z, h, activated(at, "candidate", sum(at, "h_sum", xh, reset)));
    },
  };
}

/** Cells one upon another: the states of all, in their order. tfjs calls their weights RNNCell_0 and so on. */
function stackedCells(layer: LayerBuilder, features: number): Cell {
  let width = features;
  const cells = layer.config.list("cells").map((value, index) => {
    const fields = JsonFields.of(value, `${layer.config.path}.cells[${index}]`);
    const config = fields.object("config");
    const className = fields.string("class_name");
    const reason = refusesCell(config, layer.dialect);
    if (reason !== undefined) throw new LayerRefusal(reason);
    const name = layer.dialect === "tfjs" ? `RNNCell_${index}` : config.string("name");
    const part = layer.part(name, `cells.${index}`, { className, config });
    const cell = cellOf(part, width);
    width = config.count("units");
    return cell;
  });
  const [first] = cells;
  if (!first) throw layer.fault("it has no cells");
  // The states of all cells in one list: tfjs begins with the last cell's.
  const listed = layer.dialect === "tfjs" ? cells.toReversed() : cells;
  const placeOf = (cell: Cell): number =>
    listed.slice(0, listed.indexOf(cell)).reduce((count, other) => count + other.stateCount, 0);
  return {
    stateCount: cells.reduce((count, cell) => count + cell.stateCount, 0),
    nodesPerStep: cells.reduce((count, cell) => count + cell.nodesPerStep + 1, 0),
    project: (value) => first.project(value),
    step: (scope, projected, states) => {
      const made = new Map<Cell, readonly TensorId[]>();
      let flow = projected;
      for (const cell of cells) {
        const input = cell === first ? flow : cell.project(flow);
        const from = placeOf(cell);
        const { output, states: own } = cell.step(scope, input, states.slice(from, from + cell.stateCount));
        made.set(cell, own);
        flow = output;
      }
      return { output: flow, states: listed.flatMap((cell) => made.get(cell) ?? []) };
    },
  };
}
