/** One small graph per operator and form of it: what `operators.test.ts` compares with tfjs-converter. */
import { bool, float, type GraphSketch, int, ints, text, texts, type } from "./graph-sketch.ts";

type Build = (graph: GraphSketch) => string | string[];

const T = { T: type("DT_FLOAT") };
const image = (graph: GraphSketch): string => graph.input([1, 6, 5, 4]);
const unary = (op: string, prepare?: (graph: GraphSketch, x: string) => string): [string, Build] => [
  op,
  (graph) => {
    const x = graph.input([2, 3, 4]);
    return graph.node(op, [prepare ? prepare(graph, x) : x], T);
  },
];
const positive = (graph: GraphSketch, x: string): string =>
  graph.node("Add", [graph.node("Square", [x], T), graph.weight([], [0.25])], T);
const binary = (op: string, prepare: (graph: GraphSketch, x: string) => string = (_, x) => x): [string, Build] => [
  op,
  (graph) => graph.node(op, [graph.input([2, 3, 4]), prepare(graph, graph.input([3, 1]))], T),
];
/** A comparison as numbers: runtimes do not give booleans. */
const numbers = (graph: GraphSketch, flags: string): string =>
  graph.node("Cast", [flags], { SrcT: type("DT_BOOL"), DstT: type("DT_FLOAT") });
const comparison = (op: string): [string, Build] => [
  op,
  (graph) => numbers(graph, graph.node(op, [graph.input([2, 3]), graph.weight([3], [0.1, -0.2, 0])], T)),
];
const reduction = (op: string, axes: number[], keep: boolean): [string, Build] => [
  `${op} over ${axes.join(" and ")}${keep ? ", kept" : ""}`,
  (graph) => graph.node(op, [graph.input([2, 3, 4]), graph.integers(axes)], { ...T, keep_dims: bool(keep) }),
];
const window = (...more: [string, Parameters<typeof text>[0]][]) => ({
  ...T,
  padding: text("SAME"),
  data_format: text("NHWC"),
  ...Object.fromEntries(more.map(([key, value]) => [key, text(value)])),
});
const convolution = (strides: number, dilation: number, padding: string) => ({
  ...window(["padding", padding]),
  strides: ints(1, strides, strides, 1),
  dilations: ints(1, dilation, dilation, 1),
  explicit_paddings: ints(),
});
const einsum = (equation: string, a: number[], b: number[], constant: boolean): [string, Build] => [
  `Einsum ${equation}${constant ? " by a constant" : ""}`,
  (graph) =>
    graph.node("Einsum", [graph.input(a), constant ? graph.weight(b) : graph.input(b)], {
      ...T,
      N: int(2),
      equation: text(equation),
    }),
];
const slice = (
  name: string,
  begin: number[],
  end: number[],
  strides: number[],
  masks: Record<string, number>,
): [string, Build] => [
  `StridedSlice ${name}`,
  (graph) =>
    graph.node(
      "StridedSlice",
      [graph.input([3, 4, 5]), graph.integers(begin), graph.integers(end), graph.integers(strides)],
      {
        ...T,
        Index: type("DT_INT32"),
        ...Object.fromEntries(
          ["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"].map((mask) => [
            mask,
            int(masks[mask] ?? 0),
          ]),
        ),
      },
    ),
];
const resize = (op: string, aligned: boolean, half: boolean): [string, Build] => [
  `${op}${aligned ? " aligned" : ""}${half ? " half" : ""}`,
  (graph) =>
    graph.node(op, [image(graph), graph.integers([11, 9])], {
      ...T,
      align_corners: bool(aligned),
      half_pixel_centers: bool(half),
    }),
];
const fused = (ops: string[], more: (graph: GraphSketch) => string[] = () => []): [string, Build] => [
  `_FusedConv2D ${ops.join("+")}`,
  (graph) =>
    graph.node("_FusedConv2D", [image(graph), graph.weight([3, 3, 4, 6]), graph.weight([6]), ...more(graph)], {
      ...convolution(2, 1, "SAME"),
      fused_ops: texts(...ops),
      num_args: int(1 + more(graph).length),
      epsilon: float(1e-4),
      leakyrelu_alpha: float(0.3),
    }),
];

export const operatorCases: readonly [name: string, build: Build][] = [
  ...["Relu", "Relu6", "Elu", "Sigmoid", "Tanh", "Exp", "Square", "Abs", "Neg", "Sin", "Cos", "Floor", "Ceil", "Round",
    "Selu", "Softplus", "Erf", "Sign", "Expm1", "Softmax", "LogSoftmax", "ZerosLike", "OnesLike", "Tan", "StopGradient",
  ].map((op) => unary(op)),
  ...["Log", "Sqrt", "Rsqrt", "Log1p", "Reciprocal"].map((op) => unary(op, positive)),
  ...["Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference"].map((op) => binary(op)),
  ...["RealDiv", "FloorDiv", "FloorMod"].map((op) => binary(op, positive)),
  ...["Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"].map(comparison),
  ["Pow", (g) => g.node("Pow", [positive(g, g.input([2, 3])), g.weight([], [1.5])], T)],
  ["DivNoNan", (g) => g.node("DivNoNan", [g.input([2, 3]), g.weight([3], [0, 2, -1])], T)],
  ["AddN", (g) => g.node("AddN", [g.input([2, 3]), g.input([2, 3]), g.input([2, 3])], { ...T, N: int(3) })],
  ["LeakyRelu", (g) => g.node("LeakyRelu", [g.input([2, 3])], { ...T, alpha: float(0.3) })],
  ["Prelu", (g) => g.node("Prelu", [g.input([1, 3, 3, 2]), g.weight([1, 1, 2], [0.1, 0.4])], T)],
  ["ClipByValue", (g) => g.node("ClipByValue", [g.input([2, 3]), g.weight([], [-0.3]), g.weight([], [0.2])], T)],
  ["LogicalAnd, Or, Not", (g) => {
    const [a, b] = [g.input([2, 3]), g.input([2, 3])].map((x) => g.node("Greater", [x, g.weight([], [0])], T));
    return numbers(g, g.node("LogicalOr", [g.node("LogicalAnd", [a!, b!]), g.node("LogicalNot", [a!])]));
  }],
  ["SelectV2", (g) => g.node("SelectV2", [g.node("Greater", [g.input([3]), g.weight([], [0])], T), g.input([2, 3]), g.weight([], [7])], T)],
  ["BiasAdd", (g) => g.node("BiasAdd", [image(g), g.weight([4])], window())],
  ["Conv2D SAME", (g) => g.node("Conv2D", [image(g), g.weight([3, 3, 4, 6])], convolution(2, 1, "SAME"))],
  ["Conv2D VALID dilated", (g) => g.node("Conv2D", [image(g), g.weight([2, 2, 4, 6])], convolution(1, 2, "VALID"))],
  ["Conv2D EXPLICIT", (g) => g.node("Conv2D", [image(g), g.weight([3, 3, 4, 6])], {
    ...convolution(1, 1, "EXPLICIT"), explicit_paddings: ints(0, 0, 2, 1, 1, 0, 0, 0),
  })],
  ["DepthwiseConv2dNative", (g) => g.node("DepthwiseConv2dNative", [image(g), g.weight([3, 3, 4, 2])], convolution(1, 1, "SAME"))],
  ["Conv2DBackpropInput", (g) => g.node("Conv2DBackpropInput", [g.integers([1, 12, 10, 3]), g.weight([3, 3, 3, 4]), image(g)], convolution(2, 1, "SAME"))],
  fused(["BiasAdd"]), fused(["BiasAdd", "Relu"]), fused(["BiasAdd", "Elu"]), fused(["BiasAdd", "Relu6"]), fused(["BiasAdd", "LeakyRelu"]), fused(["BiasAdd", "Sigmoid"]),
  fused(["BiasAdd", "Prelu"], (g) => [g.weight([6])]),
  ["FusedDepthwiseConv2dNative", (g) => g.node("FusedDepthwiseConv2dNative", [image(g), g.weight([3, 3, 4, 1]), g.weight([4])], {
    ...convolution(1, 1, "SAME"), fused_ops: texts("BiasAdd", "Relu6"), num_args: int(1),
  })],
  ["MaxPool", (g) => g.node("MaxPool", [image(g)], { ...window(), ksize: ints(1, 3, 2, 1), strides: ints(1, 2, 2, 1) })],
  ["AvgPool", (g) => g.node("AvgPool", [image(g)], { ...window(), ksize: ints(1, 3, 3, 1), strides: ints(1, 1, 1, 1) })],
  ["MatMul", (g) => g.node("MatMul", [g.input([2, 4]), g.weight([4, 3])], { ...T, transpose_a: bool(false), transpose_b: bool(false) })],
  ["MatMul transposed", (g) => g.node("MatMul", [g.input([4, 2]), g.weight([3, 4])], { ...T, transpose_a: bool(true), transpose_b: bool(true) })],
  ["MatMul of two values", (g) => g.node("MatMul", [g.input([2, 4]), g.input([3, 4])], { ...T, transpose_a: bool(false), transpose_b: bool(true) })],
  ["_FusedMatMul", (g) => g.node("_FusedMatMul", [g.input([2, 4]), g.weight([4, 3]), g.weight([3])], {
    ...T, transpose_a: bool(false), transpose_b: bool(false), fused_ops: texts("BiasAdd", "Relu"), num_args: int(1), epsilon: float(0),
  })],
  ["BatchMatMulV2", (g) => g.node("BatchMatMulV2", [g.input([2, 3, 4]), g.input([2, 5, 4])], { ...T, adj_x: bool(false), adj_y: bool(true) })],
  ["BatchMatMulV2 by a constant", (g) => g.node("BatchMatMulV2", [g.input([2, 3, 4]), g.weight([4, 5])], { ...T, adj_x: bool(false), adj_y: bool(false) })],
  einsum("abc,cd->abd", [2, 3, 4], [4, 5], true),
  einsum("abc,cde->abde", [2, 3, 4], [4, 2, 3], true),
  einsum("abcd,cde->abe", [1, 3, 2, 4], [2, 4, 5], true),
  einsum("aecd,abcd->acbe", [1, 3, 2, 4], [1, 5, 2, 4], false),
  einsum("acbe,aecd->abcd", [1, 2, 5, 3], [1, 3, 2, 4], false),
  einsum("ij,kj->ik", [2, 3], [4, 3], false),
  ["FusedBatchNormV3", (g) => g.node("FusedBatchNormV3",
    [image(g), g.weight([4]), g.weight([4]), g.weight([4]), positive(g, g.weight([4]))],
    { ...window(), epsilon: float(0.01), is_training: bool(false) })],
  ...["Mean", "Sum", "Max", "Min"].flatMap((op) => [reduction(op, [1], false), reduction(op, [-1, 0], true)]),
  reduction("Prod", [2], false),
  ["All and Any", (g) => {
    const flags = g.node("Greater", [g.input([3, 4]), g.weight([], [-0.5])], T);
    const axes = g.integers([1]);
    return ["All", "Any"].map((op) => numbers(g, g.node(op, [flags, axes], { keep_dims: bool(false) })));
  }],
  ["ArgMax", (g) => g.node("ArgMax", [g.input([2, 5]), g.scalar(-1)], { ...T, output_type: type("DT_INT64") })],
  ["ArgMin", (g) => g.node("ArgMin", [g.input([2, 5]), g.scalar(0)], { ...T, output_type: type("DT_INT32") })],
  ["Cumsum", (g) => g.node("Cumsum", [g.input([2, 5]), g.scalar(1)], { ...T, exclusive: bool(true), reverse: bool(true) })],
  ["TopKV2", (g) => {
    const top = g.node("TopKV2", [g.input([2, 6]), g.scalar(3)], { ...T, sorted: bool(true) });
    return [top, `${top}:1`];
  }],
  ["Reshape by computed sizes", (g) => {
    const x = g.input([2, 3, 4]);
    const sizes = g.node("Shape", [x], { ...T, out_type: type("DT_INT32") });
    const masks = { shrink_axis_mask: int(1), begin_mask: int(0), end_mask: int(0), ellipsis_mask: int(0), new_axis_mask: int(0) };
    const rows = g.node("StridedSlice", [sizes, g.integers([0]), g.integers([1]), g.integers([1])], { T: type("DT_INT32"), ...masks });
    const target = g.node("Pack", [rows, g.scalar(-1)], { T: type("DT_INT32"), N: int(2), axis: int(0) });
    return g.node("Reshape", [x, target], T);
  }],
  ["Squeeze", (g) => g.node("Squeeze", [g.input([1, 3, 1, 2])], { ...T, squeeze_dims: ints(-2) })],
  ["Squeeze all", (g) => g.node("Squeeze", [g.input([1, 3, 1, 2])], { ...T, squeeze_dims: ints() })],
  ["ExpandDims", (g) => g.node("ExpandDims", [g.input([3, 2]), g.scalar(-1)], T)],
  ["Transpose", (g) => g.node("Transpose", [g.input([2, 3, 4]), g.integers([2, 0, 1])], T)],
  ["BroadcastTo", (g) => g.node("BroadcastTo", [g.input([3, 1]), g.integers([2, 3, 4])], T)],
  ["Tile", (g) => g.node("Tile", [g.input([2, 3]), g.integers([2, 1])], T)],
  ["Fill and Range", (g) => {
    const filled = g.node("Fill", [g.integers([2, 3]), g.weight([], [1.5])], T);
    const steps = g.node("Range", [g.weight([], [0]), g.weight([], [3]), g.weight([], [1])], { Tidx: type("DT_FLOAT") });
    return g.node("AddV2", [g.node("AddV2", [g.input([2, 3]), filled], T), steps], T);
  }],
  ["Slice", (g) => g.node("Slice", [g.input([3, 4, 5]), g.integers([1, 0, 2]), g.integers([1, -1, 2])], T)],
  slice("of ranges", [0, 1, 0], [2, 4, 5], [1, 2, 1], {}),
  slice("backwards", [0, -1, 0], [0, 0, 0], [1, -1, 2], { begin_mask: 0b101, end_mask: 0b111 }),
  slice("of one index", [1, 0, -1], [2, 0, 0], [1, 1, 1], { end_mask: 0b010, shrink_axis_mask: 0b101 }),
  slice("with an ellipsis", [0, 2], [0, 3], [1, 1], { ellipsis_mask: 0b01, shrink_axis_mask: 0b10 }),
  slice("with a new axis", [0, 0, 1], [0, 0, 3], [1, 1, 1], { begin_mask: 0b010, end_mask: 0b010, new_axis_mask: 0b001 }),
  ["ConcatV2", (g) => g.node("ConcatV2", [g.input([2, 3]), g.input([2, 1]), g.scalar(-1)], { ...T, N: int(2) })],
  ["Pack and Unpack", (g) => {
    const cut = g.node("Unpack", [g.input([2, 3])], { ...T, num: int(3), axis: int(1) });
    return g.node("Pack", [`${cut}:2`, cut, `${cut}:1`], { ...T, N: int(3), axis: int(0) });
  }],
  ["Split", (g) => {
    const cut = g.node("Split", [g.scalar(1), g.input([2, 6])], { ...T, num_split: int(3) });
    return [`${cut}:1`, cut, `${cut}:2`];
  }],
  ["SplitV", (g) => {
    const cut = g.node("SplitV", [g.input([2, 6]), g.integers([1, 3, 2]), g.scalar(-1)], { ...T, num_split: int(3) });
    return [`${cut}:2`, `${cut}:1`];
  }],
  ["GatherV2", (g) => g.node("GatherV2", [g.weight([4, 3]), g.input([2, 2], "DT_INT32"), g.scalar(0)], { ...T, batch_dims: int(0) })],
  ["GatherNd", (g) => g.node("GatherNd", [g.input([3, 4]), g.integers([0, 1, 2, 3], [2, 2])], T)],
  ["ReverseV2", (g) => g.node("ReverseV2", [g.input([2, 3, 2]), g.integers([0, -1])], T)],
  ["OneHot", (g) => g.node("OneHot", [g.input([3], "DT_INT32"), g.scalar(4), g.weight([], [2]), g.weight([], [-1])], {
    ...T, axis: int(-1),
  })],
  ["ScatterNd", (g) => g.node("ScatterNd", [g.integers([2, 0], [2, 1]), g.input([2, 3]), g.integers([4, 3])], T)],
  ["Pad", (g) => g.node("Pad", [g.input([2, 3]), g.integers([1, 0, 0, 2], [2, 2])], T)],
  ["PadV2", (g) => g.node("PadV2", [g.input([2, 3]), g.integers([1, 0, 0, 2], [2, 2]), g.weight([], [3])], T)],
  ["MirrorPad reflected", (g) => g.node("MirrorPad", [g.input([4, 3]), g.integers([2, 1, 0, 2], [2, 2])], { ...T, mode: text("REFLECT") })],
  ["MirrorPad symmetric", (g) => g.node("MirrorPad", [g.input([4, 3]), g.integers([2, 1, 0, 2], [2, 2])], { ...T, mode: text("SYMMETRIC") })],
  resize("ResizeBilinear", false, false), resize("ResizeBilinear", true, false), resize("ResizeBilinear", false, true),
  resize("ResizeNearestNeighbor", false, false), resize("ResizeNearestNeighbor", true, false), resize("ResizeNearestNeighbor", false, true),
  ["SpaceToBatchND and back", (g) => {
    const blocks = g.integers([2, 2]);
    const spread = g.node("SpaceToBatchND", [image(g), blocks, g.integers([0, 0, 0, 1], [2, 2])], T);
    const convolved = g.node("Conv2D", [spread, g.weight([2, 2, 4, 3])], convolution(1, 1, "SAME"));
    return g.node("BatchToSpaceND", [convolved, blocks, g.integers([0, 0, 0, 1], [2, 2])], T);
  }],
  ["DepthToSpace", (g) => g.node("DepthToSpace", [image(g)], { ...T, block_size: int(2), data_format: text("NHWC") })],
  ["Cast", (g) => {
    const whole = g.node("Cast", [g.node("Mul", [g.input([2, 3]), g.weight([], [5])], T)], { SrcT: type("DT_FLOAT"), DstT: type("DT_INT32") });
    return g.node("Cast", [whole], { SrcT: type("DT_INT32"), DstT: type("DT_FLOAT") });
  }],
  ["LinSpace", (g) => g.node("Mul", [g.input([5]), g.node("LinSpace", [g.weight([], [0]), g.weight([], [2]), g.scalar(5)], T)], T)],
  ["EuclideanNorm", (g) => g.node("EuclideanNorm", [g.input([2, 3]), g.integers([1])], { ...T, keep_dims: bool(true) })],
  ["GELU spelt with Erf", (g) => {
    const x = g.input([2, 5]);
    const erf = g.node("Erf", [g.node("Mul", [x, g.weight([], [Math.SQRT1_2])], T)], T);
    const half = g.node("Mul", [g.weight([], [0.5]), x], T);
    return g.node("Mul", [half, g.node("AddV2", [g.weight([], [1]), erf], T)], T);
  }],
  ["IdentityN", (g) => {
    const both = g.node("IdentityN", [g.input([2]), g.input([3])], {});
    return [`${both}:1`, both];
  }],
]; // biome-ignore format: a table
