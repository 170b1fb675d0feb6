/** Where things lie in the device's storage. */
import type { SlotName } from "../state.ts";

export const paths = {
  /** Twin files (twin-file.ts): `.a` and `.b`. */
  state: "state",
  floors: "floors",
  identity: "identity.json",
  trust: (name: string) => `trust/${name}`,
  pointer: (model: string) => `models/${model}/active.json`,
  slot: (model: string, slot: SlotName) => `models/${model}/${slot}`,
  model: (model: string, slot: SlotName) => `models/${model}/${slot}/model.tflite`,
  golden: (model: string, slot: SlotName) => `models/${model}/${slot}/golden.npz`,
  /** Bytes on their way; named by what they are to become, so that another file's bytes are never resumed. */
  partial: (model: string, slot: SlotName, digest: string) => `models/${model}/${slot}/${digest}.part`,
  partialTag: (model: string, slot: SlotName, digest: string) => `models/${model}/${slot}/${digest}.etag`,
} as const;
