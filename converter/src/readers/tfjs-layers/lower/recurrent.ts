/**
 * Recurrent layers, unrolled: the input's share of all steps in one product, then the steps one after the other.
 * UNIDIRECTIONAL_SEQUENCE_LSTM would be one node, but LiteRT's build for the web refuses every file that has one, so
 * the form that runs everywhere is the only one written; a sequence too long for it is refused.
 * Rules: tfjs-layers `layers/recurrent.ts`; Keras `layers/rnn/rnn.py`, `backend.rnn`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { expandDims } from "../../../ops/expand-dims.ts";
import { pack } from "../../../ops/pack.ts";
import { selectV2 } from "../../../ops/select-v2.ts";
import { unpack } from "../../../ops/unpack.ts";
import { JsonFields } from "../json-fields.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { convLstmCell } from "./conv-lstm.ts";
import { type Dialect, firstReason, type LayerLowering, LayerRefusal } from "./lowering.ts";
import { type Cell, cellOf, refusesCell, type State } from "./recurrent-cells.ts";

/**
 * Nodes of one unrolled layer, about: an LSTM over 500 steps. Files of that size take both runtimes some seconds to
 * load and 50 ms to run; the time to load grows with the square from there on.
 */
const maxNodes = 6_000;

export const recurrentClasses = ["RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D"] as const;

export interface Recurrence {
  readonly layer: LayerBuilder;
  readonly x: TensorId;
  /** Initial states; none are zeros. */
  readonly states: readonly TensorId[];
  readonly mask: TensorId | undefined;
  /** A sequence comes out in the order of the input, even where the layer goes backwards. */
  readonly inOrder?: boolean;
}

export interface RecurrentResult {
  /** The last output, or all of them as [batch, steps, …]. */
  readonly output: TensorId;
  readonly states: readonly TensorId[];
}

export function refusesRecurrence(config: JsonFields, dialect: Dialect): string | undefined {
  return firstReason(
    config.boolean("stateful", false) ? "stateful: it would keep its state between runs" : undefined,
    config.boolean("time_major", false) ? "time_major" : undefined,
    config.integer("num_constants", 0) > 0 ? "constants of a cell" : undefined,
    refusesCell(config, dialect),
  );
}

/** The cell within the layer: of RNN the one that its config holds, of the others their own. */
function cellWithin(layer: LayerBuilder, x: TensorId): Cell {
  const { className, config } = layer;
  if (className.startsWith("ConvLSTM")) return convLstmCell(layer.part("conv_lstm_cell", "cell"), x);
  const features = layer.sizeOf(x, -1);
  if (className !== "RNN") {
    const names = { SimpleRNN: "simple_rnn_cell", GRU: "gru_cell" } as const;
    return cellOf(
      layer.part(className === "SimpleRNN" || className === "GRU" ? names[className] : "lstm_cell", "cell"),
      features,
    );
  }
  const value = config.get("cell");
  if (Array.isArray(value)) return cellOf(layer.part("stacked_rnn_cells", "cell", stackOf(value, config)), features);
  const fields = config.object("cell");
  const inner = fields.object("config");
  const cellClass = fields.string("class_name");
  const reason = refusesCell(inner, layer.dialect);
  if (reason !== undefined) throw new LayerRefusal(reason);
  return cellOf(layer.part(inner.string("name", ""), "cell", { className: cellClass, config: inner }), features);
}

const stackOf = (cells: NonNullable<ReturnType<JsonFields["get"]>>, config: JsonFields) => ({
  className: "StackedRNNCells",
  config: JsonFields.of({ cells }, `${config.path}.cell`),
});

/** Lowers one recurrent layer over one sequence. */
export function recur({ layer, x, states: initial, mask, inOrder = false }: Recurrence): RecurrentResult {
  const { config } = layer;
  const cell = cellWithin(layer, x);
  const steps = layer.sizeOf(x, 1);
  const nodes = steps * cell.nodesPerStep;
  if (nodes > maxNodes) {
    throw new LayerRefusal(
      `${steps} time steps would become about ${nodes} nodes, the limit is ${maxNodes}; shorten the input's time axis`,
    );
  }
  if (initial.length !== 0 && initial.length !== cell.stateCount) {
    throw layer.fault(`it has ${cell.stateCount} states and is given ${initial.length}`);
  }
  const backwards = config.boolean("go_backwards", false);
  const slices = unstacked(layer, "steps", cell.project(x), steps);
  const masks = mask === undefined ? [] : unstacked(layer, "masks", maskColumn(layer, mask, x), steps);
  const outputs: TensorId[] = [];
  let states: readonly State[] = initial.length > 0 ? initial : new Array<State>(cell.stateCount).fill(null);
  // Behind a masked step stands what was there before it. tfjs begins with the state, Keras with zeros.
  let last: State = layer.dialect === "tfjs" ? (states[0] ?? null) : null;
  const zeroWhereMasked = config.boolean("zero_output_for_mask", false);
  for (let n = 0; n < steps; n++) {
    const at = backwards ? steps - 1 - n : n;
    const scope = layer.scoped(`step_${at}`);
    const made = cell.step(`step_${at}`, slices[at]!, states); // one slice per step
    const where = masks[at];
    const chosen = (role: string, fresh: TensorId, old: State): TensorId =>
      where === undefined ? fresh : scope.emit(selectV2, role, [where, fresh, old ?? scope.scalar(0)]);
    last = chosen("masked_output", made.output, last);
    outputs.push(zeroWhereMasked ? chosen("zeroed_output", made.output, null) : last);
    const before = states;
    states = made.states.map((state, i) => chosen(`masked_state_${i}`, state, before[i] ?? null));
  }
  const kept = states.filter((state) => state !== null);
  if (last === null || kept.length !== states.length) throw layer.fault("its sequence has no steps");
  if (!config.boolean("return_sequences", false)) return { output: last, states: kept };
  const ordered = inOrder && backwards ? outputs.toReversed() : outputs;
  const output = layer.emit(pack, "sequence", ordered, { axis: 1, valuesCount: steps });
  return { output, states: kept };
}

const unstacked = (layer: LayerBuilder, role: string, x: TensorId, steps: number): readonly TensorId[] =>
  layer.emitAll(unpack, role, [x], { axis: 1, num: steps });

/** [batch, steps] with as many axes behind as a step's value has. */
function maskColumn(layer: LayerBuilder, mask: TensorId, x: TensorId): TensorId {
  const rank = layer.shapeOf(x).length;
  let column = mask;
  for (let axis = 2; axis < rank; axis++) {
    column = layer.emit(expandDims, `mask_axis_${axis}`, [column, layer.integers("axis", [1], [axis])]);
  }
  return column;
}

export const recurrentLayer: LayerLowering = {
  classNames: recurrentClasses,
  arity: "any",
  masking: (config) => (config.boolean("return_sequences", false) ? "keeps" : "drops"),
  refuses: refusesRecurrence,
  lower: (layer) => {
    const [x, ...states] = layer.inputs;
    if (x === undefined) throw layer.fault("it is called without an input");
    const result = recur({ layer, x, states, mask: layer.maskOf(0) });
    return layer.config.boolean("return_state", false) ? [result.output, ...result.states] : result.output;
  },
};
