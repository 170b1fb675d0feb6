/** Layers over sequences: one-dimensional, recurrent, wrapped, embedded, masked. */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";
import { chain, type Layer, merged, parting, started } from "./layer-chains.ts";

const { layers } = tfl;
const steps = [6, 4];
const plain = { units: 3, recurrentInitializer: "zeros" } as const; // tests set all weights; orthogonal ones take long
const all = { ...plain, returnSequences: true } as const;
const wrapped = (layer: unknown) => layer as ReturnType<typeof layers.lstm>; // tfjs' types ask for its RNN class

const bidirectional = (mergeMode: "concat" | "sum" | "mul" | "ave" | null, layer: Layer): Layer =>
  layers.bidirectional({ layer: wrapped(layer), mergeMode: mergeMode as "sum" }); // null is allowed and not typed

export const sequenceLayerCases: Readonly<Record<string, () => LayersModel>> = {
  "Conv1D": () => chain([9, 4], layers.conv1d({ filters: 5, kernelSize: 3 })),
  "Conv1D same, strides 2, relu": () =>
    chain([9, 4], layers.conv1d({ filters: 5, kernelSize: 3, strides: 2, padding: "same", activation: "relu" })),
  "Conv1D dilated, no bias": () => chain([9, 4], layers.conv1d({ filters: 2, kernelSize: 2, dilationRate: 3, useBias: false })),
  "MaxPooling1D": () => chain([9, 4], layers.maxPooling1d({ poolSize: 2 })),
  "MaxPooling1D same": () => chain([9, 4], layers.maxPooling1d({ poolSize: 3, strides: 2, padding: "same" })),
  "AveragePooling1D": () => chain([9, 4], layers.averagePooling1d({ poolSize: 3, strides: 1 })),
  "AveragePooling1D same": () => chain([9, 4], layers.averagePooling1d({ poolSize: 4, padding: "same" })),
  "GlobalAveragePooling1D": () => chain([9, 4], layers.globalAveragePooling1d({})),
  "GlobalMaxPooling1D": () => chain([9, 4], layers.globalMaxPooling1d({})),
  "RepeatVector": () => chain([5], layers.repeatVector({ n: 3 })),
  "LayerNormalization": () => chain(steps, layers.layerNormalization()),
  "LayerNormalization over two axes, neither center nor scale": () =>
    chain([3, 5, 4], layers.layerNormalization({ axis: [1, 2], center: false, scale: false, epsilon: 0.01 })),
  "Dot of vectors": () => merged([[7], [7]], layers.dot({ axes: 1 })),
  "Dot of matrices": () => merged([[3, 7], [5, 7]], layers.dot({ axes: 2 })),
  "Dot of matrix and vector, normalized": () => merged([[3, 7], [7]], layers.dot({ axes: [2, 1], normalize: true })),
  "SimpleRNN": () => chain(steps, layers.simpleRNN(plain)),
  "SimpleRNN sequences, relu, backwards": () =>
    chain(steps, layers.simpleRNN({ ...all, activation: "relu", goBackwards: true })),
  "LSTM": () => chain(steps, layers.lstm(plain)),
  "LSTM sequences, sigmoid, no bias": () =>
    chain(steps, layers.lstm({ ...all, recurrentActivation: "sigmoid", useBias: false })),
  "LSTM states": () => parting(steps, layers.lstm({ ...all, returnState: true })),
  "LSTM unrolled": () => chain(steps, layers.lstm({ ...plain, unroll: true })),
  "LSTM with initial states": () => started(steps, [[3], [3]], layers.lstm(plain)),
  "LSTM upon LSTM": () => chain(steps, layers.lstm(all), layers.lstm(plain), layers.dense({ units: 2 })),
  "GRU": () => chain(steps, layers.gru(plain)),
  "GRU sequences, backwards, no bias": () => chain(steps, layers.gru({ ...all, goBackwards: true, useBias: false })),
  "GRU with an initial state": () => started(steps, [[3]], layers.gru(all)),
  "RNN of a cell": () => chain(steps, layers.rnn({ cell: layers.gruCell(plain), returnSequences: true })),
  "RNN of stacked cells": () =>
    chain(steps, layers.rnn({ cell: [layers.lstmCell(plain), layers.gruCell({ ...plain, units: 2 }), layers.simpleRNNCell(plain)] })),
  "RNN of stacked cells, states": () =>
    parting(steps, layers.rnn({ cell: [layers.lstmCell(plain), layers.lstmCell({ ...plain, units: 2 })], returnState: true })),
  "Bidirectional LSTM": () => chain(steps, bidirectional("concat", layers.lstm(plain))),
  "Bidirectional GRU sequences, sum": () => chain(steps, bidirectional("sum", layers.gru(all))),
  "Bidirectional SimpleRNN, mul": () => chain(steps, bidirectional("mul", layers.simpleRNN(all))),
  "Bidirectional LSTM, ave": () => chain(steps, bidirectional("ave", layers.lstm(all))),
  "Bidirectional LSTM, apart": () => parting(steps, bidirectional(null, layers.lstm(all))),
  "Bidirectional LSTM states": () => parting(steps, bidirectional("concat", layers.lstm({ ...all, returnState: true }))),
  "TimeDistributed Dense": () => chain(steps, layers.timeDistributed({ layer: layers.dense({ units: 5, activation: "relu" }) })),
  "TimeDistributed Conv2D": () =>
    chain([3, 8, 7, 2], layers.timeDistributed({ layer: layers.conv2d({ filters: 3, kernelSize: 3 }) })),
  "ConvLSTM2D": () =>
    chain([3, 6, 5, 2], layers.convLstm2d({ filters: 3, kernelSize: 3, padding: "same", recurrentInitializer: "zeros" }) as Layer),
  "ConvLSTM2D sequences, valid, strides": () =>
    chain([3, 8, 7, 2], layers.convLstm2d({ filters: 2, kernelSize: [3, 2], strides: 2, returnSequences: true, recurrentInitializer: "zeros" }) as Layer),
  "Masking in front of LSTM": () => chain(steps, layers.masking({ maskValue: 0 }), layers.lstm(plain)),
  "SpatialDropout1D": () => chain(steps, layers.spatialDropout1d({ rate: 0.5 }), layers.dense({ units: 2 })),
}; // biome-ignore format: one line a case

/** Whole numbers from 0 to 9 come in. */
export const indexLayerCases: Readonly<Record<string, () => LayersModel>> = {
  "Embedding": () => chain([7], layers.embedding({ inputDim: 10, outputDim: 4 })),
  "Embedding of int32": () => {
    const input = tfl.input({ shape: [7], dtype: "int32" });
    return tfl.model({ inputs: input, outputs: layers.embedding({ inputDim: 10, outputDim: 4 }).apply(input) as tfl.SymbolicTensor });
  },
  "Embedding, mask, LSTM": () => chain([7], layers.embedding({ inputDim: 10, outputDim: 4, maskZero: true }), layers.lstm(plain)),
  "Embedding, mask, GRU sequences, Dense": () =>
    chain([7], layers.embedding({ inputDim: 10, outputDim: 4, maskZero: true }), layers.gru(all), layers.dense({ units: 2 })),
  "Embedding, convolution, pooling": () =>
    chain([9], layers.embedding({ inputDim: 10, outputDim: 4 }), layers.conv1d({ filters: 3, kernelSize: 3 }), layers.globalMaxPooling1d({})),
  "CategoryEncoding multi-hot": () => chain([7], layers.categoryEncoding({ numTokens: 10, outputMode: "multiHot" }) as Layer),
  "CategoryEncoding count": () => chain([7], layers.categoryEncoding({ numTokens: 10, outputMode: "count" }) as Layer),
}; // biome-ignore format: one line a case
