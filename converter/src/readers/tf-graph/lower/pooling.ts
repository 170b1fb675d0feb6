/** Pooling over windows. Average pooling leaves padding out of the mean, in TensorFlow and in TFLite. */
import { averagePool2d } from "../../../ops/average-pool-2d.ts";
import { maxPool2d } from "../../../ops/max-pool-2d.ts";
import { inNhwc, withChannelsLast } from "./channels-first.ts";
import { NodeRefusal, type TfLowering } from "./tf-lowering.ts";

const pooling = (ops: readonly string[], op: typeof averagePool2d | typeof maxPool2d): TfLowering => ({
  ops,
  lower: (node) => {
    node.shapeOfRank(node.input(0), 4);
    const [, filterHeight = 1, filterWidth = 1] = inNhwc(node, node.intsAttr("ksize") ?? []);
    const [, strideH = 1, strideW = 1] = inNhwc(node, node.intsAttr("strides") ?? []);
    const outer = ["ksize", "strides"].map((name) => inNhwc(node, node.intsAttr(name) ?? []));
    if (outer.some(([batch = 1, , , channels = 1]) => batch !== 1 || channels !== 1)) {
      throw new NodeRefusal("pooling over batch or channels is not converted");
    }
    const padding = node.stringAttr("padding", "VALID");
    if (padding !== "SAME" && padding !== "VALID") throw new NodeRefusal(`its padding "${padding}" is not converted`);
    const attributes = { padding, strideH, strideW, filterHeight, filterWidth } as const;
    return withChannelsLast(node, node.input(0), (nhwc) => node.emit(op, [nhwc], attributes));
  },
});

export const poolingLowerings: readonly TfLowering[] = [
  pooling(["MaxPool"], maxPool2d),
  pooling(["AvgPool"], averagePool2d),
];
