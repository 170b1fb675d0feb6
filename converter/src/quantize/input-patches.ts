/**
 * An affine operator as a matrix product: for each result position and group, the row of input values that its weights
 * multiply (zeros where padding is), and where in that row each weight element belongs.
 * Goes by the operator's `reach` facet, its weight's channel axis and its attributes; knows no operator by name.
 */
import { type Graph, type Node, type Shape, tensorOf } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import { windowOutput } from "../ops/shape/window.ts";
import { rolesOf } from "./operands.ts";
import { type ChannelView, channelView } from "./weights.ts";

export interface InputPatches {
  /** Position of the weight among the node's operands; the input is operand 0. */
  readonly weightAt: number;
  readonly groups: number;
  /** Length of a row: the weight elements of one output channel. */
  readonly depth: number;
  /** Rows per group in one sample. */
  readonly positions: number;
  readonly view: ChannelView;
  /** Writes the row of `position` and `group` from one sample's input values. */
  fill(row: Float64Array, input: Float32Array, position: number, group: number): void;
  groupOf(channel: number): number;
  /** Memory index of a weight element from its output channel and place in the row. */
  indexOf(channel: number, place: number): number;
}

/** Null for operators without weights to speak of, or with dynamic sizes. */
export function inputPatches(graph: Graph, node: Node): InputPatches | null {
  const definition = opOf(node.kind);
  if (!definition?.reach) return null;
  const weightAt = rolesOf(definition, node).findIndex((role) => role?.role === "weight");
  const role = definition.operands[weightAt];
  const [input, weight] = [node.inputs[0], node.inputs[weightAt]];
  if (role?.role !== "weight" || role.channelAxis === null) return null;
  if (typeof input !== "number" || typeof weight !== "number") return null;
  const from = tensorOf(graph, input).shape;
  const { shape } = tensorOf(graph, weight);
  if ([...from, ...shape].some((size) => size < 1)) return null;
  const view = channelView(shape, role.channelAxis);
  return definition.reach === "row" ? rows(weightAt, from, shape, view) : windows(weightAt, from, shape, view, node);
}

function rows(weightAt: number, from: Shape, shape: Shape, view: ChannelView): InputPatches {
  const depth = shape.at(-1) ?? 1;
  return {
    weightAt,
    groups: 1,
    depth,
    positions: from.reduce((product, size) => product * size, 1) / depth,
    view,
    fill: (row, input, position) => {
      for (let place = 0; place < depth; place++) row[place] = input[position * depth + place] ?? 0;
    },
    groupOf: () => 0,
    indexOf: (channel, place) => channel * depth + place,
  };
}

function windows(weightAt: number, from: Shape, shape: Shape, view: ChannelView, node: Node): InputPatches | null {
  const [batch = 1, height = 1, width = 1, channels = 1] = from;
  const depthwise = view.inner === 1; // the channel axis is the last one
  const [, filterH = 1, filterW = 1, last = 1] = shape;
  const attribute = (name: string) => Number(node.attributes[name] ?? 1);
  const [strideH, strideW] = [attribute("strideH"), attribute("strideW")];
  const [dilationH, dilationW] = [attribute("dilationHFactor"), attribute("dilationWFactor")];
  const padding = node.attributes.padding === "VALID" ? "VALID" : "SAME";
  const outH = windowOutput(height, { filter: filterH, stride: strideH, dilation: dilationH, padding });
  const outW = windowOutput(width, { filter: filterW, stride: strideW, dilation: dilationW, padding });
  const before = (size: number, out: number, filter: number, stride: number, dilation: number) =>
    padding === "VALID" ? 0 : Math.floor(Math.max((out - 1) * stride + (filter - 1) * dilation + 1 - size, 0) / 2);
  const top = before(height, outH, filterH, strideH, dilationH);
  const left = before(width, outW, filterW, strideW, dilationW);
  const perRow = depthwise ? 1 : last;
  const groups = depthwise ? channels : channels / last;
  const perGroup = view.channels / groups;
  if (!Number.isInteger(groups) || !Number.isInteger(perGroup)) return null;
  return {
    weightAt,
    groups,
    depth: filterH * filterW * perRow,
    positions: batch * outH * outW,
    view,
    fill: (row, input, position, group) => {
      const column = position % outW;
      const line = Math.floor(position / outW) % outH;
      const image = Math.floor(position / (outW * outH));
      let place = 0;
      for (let y = 0; y < filterH; y++) {
        const fromY = line * strideH - top + y * dilationH;
        for (let x = 0; x < filterW; x++) {
          const fromX = column * strideW - left + x * dilationW;
          const inside = fromY >= 0 && fromY < height && fromX >= 0 && fromX < width;
          const start = ((image * height + fromY) * width + fromX) * channels + group * perRow;
          for (let at = 0; at < perRow; at++) row[place++] = inside ? (input[start + at] ?? 0) : 0;
        }
      }
    },
    groupOf: (channel) => Math.floor(channel / perGroup),
    indexOf: depthwise
      ? (channel, place) => place * view.channels + channel
      : (channel, place) => channel * view.inner + place,
  };
}
