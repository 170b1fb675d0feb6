/**
 * A SavedModel: saved_model.pb and its variables → the graph of one signature, without calls and variables.
 * Rules: tensorflow `cc/saved_model/{loader,constants}`, `python/saved_model/signature_constants.py`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { decodeMessage } from "../../../codecs/protobuf/message.ts";
import type { FileSource } from "../../file-source.ts";
import { buildGraph } from "../build-graph.ts";
import type { FrozenGraph } from "../frozen-graph.ts";
import { corrupt, parseRef, type TfGraph } from "../graph.ts";
import { inlineCalls } from "../inline-calls.ts";
import type { GraphEnd } from "../lower-graph.ts";
import { decodeProtoGraph } from "../proto-graph.ts";
import { decodeShape } from "../tensor-proto.ts";
import { typeName } from "../tensor-types.ts";
import { type MetaGraphMessage, type SignatureMessage, savedModelProto } from "./saved-model-messages.ts";
import { openTensorBundle, type TensorBundle } from "./tensor-bundle.ts";
import { variableValues, withVariablesAsConstants } from "./variables.ts";

export interface SavedModelGraph extends FrozenGraph {
  readonly tags: readonly string[];
  /** The signature that was taken. */
  readonly signature: string;
  /** All there are. */
  readonly signatures: readonly string[];
}

const servingTag = "serve";
const defaultSignature = "serving_default";
/** These initialise, and take and give nothing. */
const initializers = new Set(["__saved_model_init_op", "__saved_model_train_op"]);

/**
 * @throws IO_NOT_FOUND, FORMAT_CORRUPT, FORMAT_LIMIT, FORMAT_WEIGHTS_MISSING, UNSUPPORTED_FORMAT (no graph for serving),
 *   CONFIG_INVALID (no such signature)
 */
export async function openSavedModel(
  source: FileSource,
  entry = "saved_model.pb",
  asked?: string,
): Promise<SavedModelGraph> {
  const { metaGraphs } = decodeMessage(savedModelProto, await source.read(entry));
  const meta = servingGraph(metaGraphs, source.label);
  if (!meta.graph) throw corrupt("its meta graph has no graph");
  const [signature, found] = chooseSignature(meta, source.label, asked);
  const graph = buildGraph(decodeProtoGraph(meta.graph));
  const { graph: inlined, resolve } = inlineCalls(graph);
  const bundle = await variablesOf(source, inlined);
  const values = bundle ? variableValues(inlined, bundle) : new Map();
  const outputs = endsOf(found.outputs, graph);
  const fetched = outputs.map(({ output }) => resolve(output));
  const calls = [...new Set(outputs.map(({ output }) => output.node))];
  return {
    tags: meta.info?.tags ?? [],
    signature,
    signatures: [...meta.signatures.keys()].filter((key) => !initializers.has(key)),
    graph: withVariablesAsConstants(inlined, values, fetched, calls),
    inputs: endsOf(found.inputs, graph),
    outputs: outputs.map((end, at) => ({ ...end, output: fetched[at] ?? end.output })),
  };
}

/** A model without variables need not have the folder. */
async function variablesOf(source: FileSource, graph: TfGraph): Promise<TensorBundle | undefined> {
  const has = [...graph.nodes.values()].some(({ op }) => op === "VarHandleOp" || op === "VariableV2");
  const index = await source.size("variables/variables.index");
  return has || index !== undefined ? openTensorBundle(source, "variables/variables") : undefined;
}

/** That for "serve" alone, else one that has it among its tags, else the only one. */
function servingGraph(graphs: readonly MetaGraphMessage[], label: string): MetaGraphMessage {
  const tagged = graphs.filter(({ info }) => info?.tags.includes(servingTag));
  const [found = graphs.length === 1 ? graphs[0] : undefined] = [...tagged].sort(
    (a, b) => (a.info?.tags.length ?? 0) - (b.info?.tags.length ?? 0),
  );
  if (found) return found;
  const tags = graphs.map(({ info }) => `[${info?.tags.join(", ") ?? ""}]`).join(", ");
  throw new FlotillaError(
    "UNSUPPORTED_FORMAT",
    `${label} has no graph with the tag "${servingTag}"; it has ${tags || "none"}.`,
    {
      details: { tags: graphs.map(({ info }) => info?.tags ?? []) },
    },
  );
}

function chooseSignature(
  { signatures }: MetaGraphMessage,
  label: string,
  asked: string | undefined,
): readonly [string, SignatureMessage] {
  const usable = [...signatures].flatMap(([key, value]): [string, SignatureMessage][] =>
    value && !initializers.has(key) && value.outputs.size > 0 ? [[key, value]] : [],
  );
  const only = usable.length === 1 ? usable[0] : undefined;
  const found = usable.find(([key]) => key === (asked ?? defaultSignature)) ?? (asked === undefined ? only : undefined);
  if (found) return found;
  const names = usable.map(([key]) => key).join(", ");
  const what = asked === undefined ? `no signature "${defaultSignature}"` : `no signature "${asked}"`;
  const next = usable.length === 0 ? "Save the model with signatures." : `It has: ${names}.`;
  throw new FlotillaError(
    asked === undefined ? "UNSUPPORTED_FORMAT" : "CONFIG_INVALID",
    `${label} has ${what}. ${next}`,
    { details: { signatures: usable.map(([key]) => key) } },
  );
}

/** In the order of the graph: that of the map is arbitrary, and the graph's is the one they were made in. */
function endsOf(ends: SignatureMessage["inputs"], graph: TfGraph): readonly GraphEnd[] {
  const place = new Map([...graph.nodes.keys()].map((name, at) => [name, at]));
  return [...ends]
    .map(([name, info]): GraphEnd => {
      if (!info || info.name === "") throw corrupt(`the signature's "${name}" is not one dense tensor`);
      return { name, output: parseRef(info.name), type: typeName(info.dtype), shape: decodeShape(info.shape) };
    })
    .sort((a, b) => (place.get(a.output.node) ?? 0) - (place.get(b.output.node) ?? 0) || a.output.port - b.output.port);
}
