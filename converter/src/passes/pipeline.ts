/**
 * The passes in order, each with the reason for its place, and the machine that runs them: verified after every pass.
 * In: a graph as a reader gives it (phase `imported`). Out: the float graph that writers and the quantizer take (`tflite`).
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Graph, Model } from "../ir/graph.ts";
import { opOf } from "../ops/registry.ts";
import { type Phase, verifyGraph } from "../ops/verify-graph.ts";
import { assignLayouts, assignLayoutsOfEnds } from "./assign-layouts.ts";
import { chooseWithoutSoftmax } from "./choose-without-softmax.ts";
import { concatenateByParts } from "./concatenate-by-parts.ts";
import { decodeConstants } from "./decode-constants.ts";
import { divideByMultiplying } from "./divide-by-multiplying.ts";
import { flattenIntoFullyConnected } from "./flatten-into-fully-connected.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { foldConstants } from "./fold-constants.ts";
import { foldDilation } from "./fold-dilation.ts";
import { foldIntoNext } from "./fold-into-next.ts";
import { foldOffset } from "./fold-offset.ts";
import { foldPadding } from "./fold-padding.ts";
import { foldScale } from "./fold-scale.ts";
import { fuseActivations } from "./fuse-activations.ts";
import { gatherByAxes } from "./gather-by-axes.ts";
import { gatherBySlicing } from "./gather-by-slicing.ts";
import { GraphRewrite } from "./graph-rewrite.ts";
import { joinParts } from "./join-parts.ts";
import { keepDimensions } from "./keep-dimensions.ts";
import { legalizeOperands } from "./legalize-operands.ts";
import { legalizeOutputs } from "./legalize-outputs.ts";
import { mergeDuplicates } from "./merge-duplicates.ts";
import { mergeReshapes } from "./merge-reshapes.ts";
import { mergeTransposes } from "./merge-transposes.ts";
import { multiplyByWeights } from "./multiply-by-weights.ts";
import { narrowTransposes } from "./narrow-transposes.ts";
import { openFlattened } from "./open-flattened.ts";
import { orderChannels } from "./order-channels.ts";
import { orderRows } from "./order-rows.ts";
import type { Pass } from "./pass.ts";
import { recognizeClamp } from "./recognize-clamp.ts";
import { recognizeGelu } from "./recognize-gelu.ts";
import { recognizeHardSwish } from "./recognize-hard-swish.ts";
import { recognizeL2Normalization } from "./recognize-l2-normalization.ts";
import { recognizeLogSoftmax } from "./recognize-log-softmax.ts";
import { recognizePow } from "./recognize-pow.ts";
import { recognizePrelu } from "./recognize-prelu.ts";
import { recognizeResize } from "./recognize-resize.ts";
import { recognizeRsqrt } from "./recognize-rsqrt.ts";
import { recognizeShuffle } from "./recognize-shuffle.ts";
import { recognizeSoftmax } from "./recognize-softmax.ts";
import { removeDeadCode } from "./remove-dead-code.ts";
import { removeIdentities } from "./remove-identities.ts";
import { removeRequantize } from "./remove-requantize.ts";
import { splitBatchNorm } from "./split-batch-norm.ts";
import { splitErf } from "./split-erf.ts";

interface Row {
  readonly pass: Pass;
  readonly reason: string;
}

interface Stage {
  /** What the graph must be after each of the passes. */
  readonly phase: Phase;
  /** Again from the first pass until none changes anything. */
  readonly repeat: boolean;
  readonly rows: readonly Row[];
}

const stagesWith = (layouts: Pass): readonly Stage[] => [
  {
    phase: "imported",
    repeat: false,
    rows: [
      { pass: removeDeadCode, reason: "nothing below need look at what no output needs" },
      { pass: decodeConstants, reason: "weights must be float32 constants before anything can fold into them" },
      { pass: foldConstants, reason: "shapes and axes become constants, which patterns ask for" },
      { pass: removeRequantize, reason: "after constants: what is left are pairs on values" },
      { pass: mergeReshapes, reason: "one kind of reshape is enough for layouts to follow" },
      { pass: mergeTransposes, reason: "fewer variables for the pass after next" },
      { pass: recognizeShuffle, reason: "before layouts, which could only place its transpose" },
      { pass: gatherByAxes, reason: "before layouts, which follow an axis but no positions" },
      { pass: flattenIntoFullyConnected, reason: "weights take any order of axes, a reshape does not" },
      { pass: openFlattened, reason: "a flat image can be stored in one order only" },
      { pass: layouts, reason: "all below looks for channels in the last axis" },
      {
        pass: removeIdentities,
        reason: "transposes that move nothing any more stand between convolutions and batch norm",
      },
      { pass: foldBatchNorm, reason: "while batch norm is one node: its numbers are folded with one rounding" },
      { pass: splitBatchNorm, reason: "what could not fold becomes MUL and ADD, which may fold elsewhere" },
      { pass: recognizePow, reason: "GELU may have its cube as a power" },
      { pass: recognizeGelu, reason: "while ERF is one node" },
      { pass: splitErf, reason: "what is no GELU is arithmetic" },
    ],
  },
  {
    phase: "canonical",
    repeat: true,
    rows: [
      { pass: foldConstants, reason: "rewrites below leave new constant parts" },
      { pass: removeIdentities, reason: "identities stand between the operators of a pattern" },
      { pass: mergeReshapes, reason: "after identities: a reshape that is none is real" },
      { pass: mergeTransposes, reason: "after identities, for the same reason" },
      { pass: layouts, reason: "rewrites below make new ways for transposes to go" },
      { pass: mergeDuplicates, reason: "patterns ask whether two operands are the same tensor" },
      { pass: recognizeClamp, reason: "hard swish is told by RELU6, PReLU by RELU" },
      { pass: recognizePrelu, reason: "before folding: its constants must not go into convolutions" },
      { pass: recognizePow, reason: "L2 normalisation is told by SQUARE" },
      { pass: recognizeSoftmax, reason: "no dependency; before folding like the others" },
      { pass: recognizeLogSoftmax, reason: "behind softmax, which is a part of one spelling" },
      { pass: chooseWithoutSoftmax, reason: "behind softmax" },
      {
        pass: recognizeL2Normalization,
        reason: "before roots become reciprocal: it knows both, but not their product",
      },
      { pass: recognizeRsqrt, reason: "after the normalisation that has an operator" },
      { pass: recognizeResize, reason: "no dependency" },
      { pass: gatherBySlicing, reason: "no dependency" },
      { pass: joinParts, reason: "no dependency" },
      { pass: orderRows, reason: "after layouts: a transpose that could go elsewhere is gone" },
      { pass: orderChannels, reason: "after slices: an order of channels is no slice" },
      { pass: multiplyByWeights, reason: "makes affine operators, into which the rest folds" },
      { pass: keepDimensions, reason: "behind what makes FULLY_CONNECTED" },
      { pass: foldDilation, reason: "before scales, which then find one convolution" },
      { pass: recognizeHardSwish, reason: "after clamps" },
      { pass: foldScale, reason: "MUL before ADD: (x·w)·c + d is the common order" },
      { pass: foldOffset, reason: "then what is added" },
      { pass: foldIntoNext, reason: "what nothing in front could take" },
      { pass: divideByMultiplying, reason: "after all that look for divisions" },
      { pass: foldPadding, reason: "no dependency; saves a copy of the input" },
      { pass: removeDeadCode, reason: "sole uses show only when other uses are gone" },
    ],
  },
  {
    phase: "canonical",
    repeat: false,
    rows: [
      { pass: concatenateByParts, reason: "what is left of transposes is final" },
      { pass: narrowTransposes, reason: "for the same reason" },
      { pass: fuseActivations, reason: "last: what is fused hides from every pattern" },
      { pass: removeDeadCode, reason: "tensors between operator and activation are unused now" },
    ],
  },
  {
    phase: "tflite",
    repeat: false,
    rows: [
      { pass: legalizeOperands, reason: "a fact about files: no pattern above should see made-up biases" },
      { pass: legalizeOutputs, reason: "a fact about runtimes: folding would undo it" },
    ],
  },
];

export const stages = stagesWith(assignLayouts);
const stagesWithFreeEnds = stagesWith(assignLayoutsOfEnds);

/** Rounds after which a repeated stage must have come to rest. */
const maxRounds = 20;

export interface RunPassesOptions {
  /** "channels-last": inputs and outputs may be declared in NHWC where the source has NCHW (`sourceAxes`); default "keep". */
  readonly ioLayout?: "keep" | "channels-last";
  /** Called after every pass that changed something, for explanations and tests. */
  readonly onPass?: (step: { readonly pass: string; readonly before: Graph; readonly after: Graph }) => void;
}

/**
 * Brings every graph of a model into the canonical float form that a `.tflite` file can hold.
 * Tensor ids of inputs and outputs stay, and so do signatures. A model that keeps something from run to run in variables
 * or tables is returned as it is. Throws GRAPH_INVALID only for our own mistakes.
 */
export function runPasses(model: Model, options: RunPassesOptions = {}): Model {
  if (model.graphs.some(({ nodes }) => nodes.some(({ kind }) => opOf(kind)?.effect === true))) return model;
  const rows = options.ioLayout === "channels-last" ? stagesWithFreeEnds : stages;
  return {
    ...model,
    graphs: model.graphs.map((graph) => rows.reduce((g, stage) => runStage(g, stage, options), graph)),
  };
}

/** One pass, verified. */
export const runPass = (graph: Graph, pass: Pass, phase: Phase): Graph =>
  settle(new GraphRewrite(graph), pass, phase) ?? graph;

/** Runs a pass; what has become of the graph, verified, if anything changed. */
function settle(rewrite: GraphRewrite, pass: Pass, phase: Phase): Graph | undefined {
  pass.run(rewrite);
  if (!rewrite.changed) return undefined;
  const after = rewrite.finish();
  try {
    verifyGraph(after, phase);
  } catch (cause) {
    if (!(cause instanceof FlotillaError)) throw cause;
    throw new FlotillaError("GRAPH_INVALID", `Pass ${pass.name}: ${cause.message}`, { details: cause.details, cause });
  }
  return after;
}

function runStage(graph: Graph, stage: Stage, options: RunPassesOptions): Graph {
  let current = graph;
  // Passes that change nothing share one: it is worked out from all nodes.
  let rewrite = new GraphRewrite(current);
  for (let round = 1; ; round++) {
    const before = current;
    for (const { pass } of stage.rows) {
      const after = settle(rewrite, pass, stage.phase);
      if (!after) continue;
      options.onPass?.({ pass: pass.name, before: current, after });
      current = after;
      rewrite = new GraphRewrite(current);
    }
    if (!stage.repeat || current === before) return current;
    if (round === maxRounds) {
      throw new FlotillaError("GRAPH_INVALID", `The passes did not come to rest on graph "${graph.name}".`);
    }
  }
}
