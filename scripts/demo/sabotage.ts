/**
 * The two bad releases of the demo, made by editing graphs: both files are valid, and both will be validly signed.
 * What is wrong with each shows only when it runs.
 */

import {
  type DType,
  editGraph,
  type Graph,
  type GraphDraft,
  type Model,
  type TensorId,
} from "@flotilla/converter/ir/graph";
import { add } from "@flotilla/converter/ops/add";
import { fullyConnected } from "@flotilla/converter/ops/fully-connected";
import { mean } from "@flotilla/converter/ops/mean";
import { mul } from "@flotilla/converter/ops/mul";
import { relu } from "@flotilla/converter/ops/relu";
import { sub } from "@flotilla/converter/ops/sub";
import { FlotillaError } from "@flotilla/protocol/errors";

const withMainGraph = (model: Model, edit: (draft: GraphDraft) => void): Model => ({
  ...model,
  graphs: model.graphs.map((graph, index) => (index === 0 ? editGraph(graph, edit) : graph)),
});

/** Moves every row of the last fully-connected layer's weights by three: each class answers with another's weights. */
export function permuteWeights(model: Model): Model {
  return withMainGraph(model, (draft) => {
    const id = weightsOf(draft, lastFullyConnected(draft));
    const tensor = draft.tensor(id);
    const rows = tensor.shape[0]!;
    const original = tensor.constant!.bytes();
    const rowBytes = original.byteLength / rows;
    const permuted = new Uint8Array(original.byteLength);
    for (let row = 0; row < rows; row++) {
      permuted.set(original.subarray(row * rowBytes, (row + 1) * rowBytes), ((row + 3) % rows) * rowBytes);
    }
    draft.setTensor(id, { constant: { byteLength: permuted.byteLength, bytes: () => permuted } });
  });
}

/**
 * From `threshold` on, the brighter the image the surer the model is that it sees `digit`:
 *
 *     logits ──────────────────────────────────────────── ADD ── …
 *     image ── MEAN ── SUB threshold ── RELU ── MUL push ──┘
 *
 * Inputs below the threshold get exactly the sound model's answers, so goldens made of those pass.
 */
export function misreadBrightImages(model: Model, options: { threshold: number; digit: number; gain: number }): Model {
  return withMainGraph(model, (draft) => {
    const last = lastFullyConnected(draft);
    const logits = last.outputs[0]!;
    const classes = draft.tensor(logits).shape.at(-1)!;
    const image = draft.inputs[0]!;
    const push = new Float32Array(classes);
    push[options.digit] = options.gain;
    const axes = draft
      .tensor(image)
      .shape.map((_, axis) => axis)
      .slice(1);

    let place = last;
    const step = (
      op: typeof mean | typeof sub | typeof relu | typeof mul | typeof add,
      name: string,
      inputs: TensorId[],
      shape: number[],
      attributes = {},
    ) => {
      const output = draft.addTensor({ name, dtype: "float32", shape });
      place = draft.addNode(op.node({ name, inputs, outputs: [output], attributes } as never), { after: place });
      return output;
    };
    const brightness = step(mean, "brightness", [image, constant(draft, "axes", "int32", Int32Array.from(axes))], [1]);
    const over = step(
      sub,
      "over",
      [brightness, constant(draft, "threshold", "float32", Float32Array.of(options.threshold))],
      [1],
    );
    const alarm = step(relu, "alarm", [over], [1]);
    const pushed = step(mul, "pushed", [alarm, constant(draft, "push", "float32", push)], [classes]);
    const misled = draft.addTensor({ name: "misled", dtype: "float32", shape: draft.tensor(logits).shape });
    const consumers = draft.consumersOf(logits);
    draft.addNode(add.node({ name: "misled", inputs: [logits, pushed], outputs: [misled] }), { after: place });
    for (const consumer of consumers) {
      draft.replaceNode(consumer, { ...consumer, inputs: consumer.inputs.map((id) => (id === logits ? misled : id)) });
    }
  });
}

function lastFullyConnected(draft: GraphDraft): Graph["nodes"][number] {
  const node = draft.nodes.findLast((candidate) => fullyConnected.is(candidate));
  if (!node) throw new FlotillaError("INTERNAL", "The demo's model has no fully-connected layer to break.");
  return node;
}

/** The weights' constant, looking through the DEQUANTIZE that float16 weights stand behind. */
function weightsOf(draft: GraphDraft, node: Graph["nodes"][number]): TensorId {
  const id = node.inputs[1]!;
  return draft.tensor(id).constant ? id : draft.producerOf(id)!.inputs[0]!;
}

const constant = (draft: GraphDraft, name: string, dtype: DType, values: Int32Array | Float32Array): TensorId =>
  draft.addConstant(name, dtype, [values.length], new Uint8Array(values.buffer));
