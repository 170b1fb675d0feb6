/** The messages of a SavedModel: tensorflow `core/protobuf/{saved_model,meta_graph}.proto`. */
import {
  entries,
  int32,
  int64,
  list,
  type MessageOf,
  message,
  messages,
  nested,
  string,
} from "../../../codecs/protobuf/message.ts";
import { graphProto, shapeProto } from "../graph-messages.ts";

const tensorInfoProto = message("TensorInfo", { name: string(1), dtype: int32(2), shape: nested(3, () => shapeProto) });

const ends = (number: number) =>
  entries(
    number,
    nested(2, () => tensorInfoProto),
  );

export const signatureProto = message("SignatureDef", { inputs: ends(1), outputs: ends(2), method: string(3) });

const metaGraphProto = message("MetaGraphDef", {
  info: nested(1, () => message("MetaInfoDef", { tags: list(string(4)) })),
  graph: nested(2, () => graphProto),
  signatures: entries(
    5,
    nested(2, () => signatureProto),
  ),
});

export const savedModelProto = message("SavedModel", {
  version: int64(1),
  metaGraphs: messages(2, () => metaGraphProto),
});

export type MetaGraphMessage = MessageOf<typeof metaGraphProto>;
export type SignatureMessage = MessageOf<typeof signatureProto>;
