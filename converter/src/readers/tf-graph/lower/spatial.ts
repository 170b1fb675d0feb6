/** Borders, sizes and blocks of images. */
import type { TensorId } from "../../../ir/graph.ts";
import { batchToSpaceNd } from "../../../ops/batch-to-space-nd.ts";
import { cast } from "../../../ops/cast.ts";
import { depthToSpace } from "../../../ops/depth-to-space.ts";
import { mirrorPad } from "../../../ops/mirror-pad.ts";
import { pad } from "../../../ops/pad.ts";
import { padv2 } from "../../../ops/padv2.ts";
import { resizeBilinear } from "../../../ops/resize-bilinear.ts";
import { resizeNearestNeighbor } from "../../../ops/resize-nearest-neighbor.ts";
import { spaceToBatchNd } from "../../../ops/space-to-batch-nd.ts";
import { spaceToDepth } from "../../../ops/space-to-depth.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { withChannelsLast } from "./channels-first.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

/** [in front, behind] for every axis; undefined where nothing is padded. */
function borders(node: NodeLowering): TensorId | undefined {
  const sizes = node.integers(1, "paddings");
  if (sizes.every((size) => size === 0)) return undefined;
  return node.intsConstant("paddings", sizes, [sizes.length / 2, 2]);
}

const padding: TfLowering = {
  ops: ["Pad"],
  lower: (node) => {
    const paddings = borders(node);
    return paddings === undefined ? node.input(0) : node.emit(pad, [node.input(0), paddings]);
  },
};

const paddingWith: TfLowering = {
  ops: ["PadV2"],
  lower: (node) => {
    const paddings = borders(node);
    return paddings === undefined ? node.input(0) : node.emit(padv2, [node.input(0), paddings, node.input(2)]);
  },
};

const paddingMirrored: TfLowering = {
  ops: ["MirrorPad"],
  lower: (node) => {
    const mode = node.stringAttr("mode", "REFLECT");
    if (mode !== "REFLECT" && mode !== "SYMMETRIC") throw node.fault(`its mode is "${mode.slice(0, 40)}"`);
    const paddings = borders(node);
    return paddings === undefined ? node.input(0) : node.emit(mirrorPad, [node.input(0), paddings], { mode });
  },
};

const resizing = (ops: readonly string[], op: typeof resizeBilinear, floats: boolean): TfLowering => ({
  ops,
  lower: (node) => {
    const image = node.input(0);
    const whole = floats && node.dtypeOf(image) === "int32";
    const types = { inDataType: "INT32", outDataType: "FLOAT32" } as const;
    const input = whole ? node.emit(cast, [image], types, "floats") : image;
    const size = node.integers(1, "size");
    const [, height, width] = node.shapeOfRank(input, 4);
    const attributes = {
      alignCorners: node.boolAttr("align_corners"),
      halfPixelCenters: node.boolAttr("half_pixel_centers"),
    };
    if (attributes.alignCorners && attributes.halfPixelCenters)
      throw node.fault("both ways to align pixels are asked for");
    if (size[0] === height && size[1] === width) return input;
    return node.emit(op, [input, node.intsConstant("size", size)], attributes);
  },
});

const blocks = (ops: readonly string[], op: typeof spaceToBatchNd): TfLowering => ({
  ops,
  lower: (node) => {
    const block = node.integers(1, "block shape");
    const edges = node.integers(2, "borders");
    const operands = [node.intsConstant("block", block), node.intsConstant("borders", edges, [block.length, 2])];
    const shape = node.shapeOf(node.input(0));
    if (shape.length !== 3 && shape.length !== 4) throw new NodeRefusal(`${shape.length} axes are not converted`);
    return node.emit(op, [node.input(0), ...operands]);
  },
});

const depth = (ops: readonly string[], op: typeof depthToSpace): TfLowering => ({
  ops,
  lower: (node) => {
    // The order of channels within a block differs by format, so channels first is not a transposition of channels last.
    if (node.stringAttr("data_format", "NHWC") !== "NHWC") {
      return withChannelsLast(node, node.input(0), () => {
        throw new NodeRefusal("channels first is not converted");
      });
    }
    return node.emit(op, [node.input(0)], { blockSize: node.intAttr("block_size", 2) });
  },
});

export const spatialLowerings: readonly TfLowering[] = [
  padding,
  paddingWith,
  paddingMirrored,
  resizing(["ResizeBilinear"], resizeBilinear, true),
  resizing(["ResizeNearestNeighbor"], resizeNearestNeighbor, false),
  blocks(["SpaceToBatchND"], spaceToBatchNd),
  blocks(["BatchToSpaceND"], batchToSpaceNd),
  depth(["DepthToSpace"], depthToSpace),
  depth(["SpaceToDepth"], spaceToDepth),
];
