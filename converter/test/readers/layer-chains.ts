/** Builds the small tfjs-layers models of the layer tables. */
import type { LayersModel, SymbolicTensor } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";

/** tfjs types every `apply` as a union of values and lists; the tables know which it is. */
export type Layer = { apply(x: SymbolicTensor | SymbolicTensor[], kwargs?: object): unknown };

/** Input of a shape without its batch → layers one after the other. */
export function chain(shape: (number | null)[], ...layers: Layer[]): LayersModel {
  const input = tfl.input({ shape });
  const output = layers.reduce((x, layer) => layer.apply(x) as SymbolicTensor, input);
  return tfl.model({ inputs: input, outputs: output });
}

export function merged(shapes: number[][], layer: Layer): LayersModel {
  const inputs = shapes.map((shape) => tfl.input({ shape }));
  return tfl.model({ inputs, outputs: layer.apply(inputs) as SymbolicTensor });
}

/** One layer with several outputs. */
export function parting(shape: number[], layer: Layer): LayersModel {
  const input = tfl.input({ shape });
  return tfl.model({ inputs: input, outputs: layer.apply(input) as SymbolicTensor[] });
}

/** A layer that is called with initial states besides its sequence. */
export function started(shape: number[], states: number[][], layer: Layer): LayersModel {
  const inputs = [shape, ...states].map((size) => tfl.input({ shape: size }));
  const [first, ...rest] = inputs;
  return tfl.model({ inputs, outputs: layer.apply(first!, { initialState: rest }) as SymbolicTensor }); // there is one
}
