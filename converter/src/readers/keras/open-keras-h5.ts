/**
 * A whole model in one HDF5 file, as Keras 2 (and 3, as its "legacy" form) saves it: the config as text in an attribute,
 * weights in groups. Optimizer and training config are left alone. The file is read as it is needed.
 * Rules: keras `legacy/saving/legacy_h5_format.py`.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { RandomAccess } from "@flotilla/protocol/random-access";
import type { Hdf5Group } from "../../codecs/hdf5/group.ts";
import { openHdf5 } from "../../codecs/hdf5/open-hdf5.ts";
import { JsonFields } from "../tfjs-layers/json-fields.ts";
import { decodeModelSpec } from "../tfjs-layers/layer-spec.ts";
import { h5Weights } from "./h5-weights.ts";
import { type KerasContainer, majorOf, parseConfig, topologyOf } from "./keras-container.ts";

/**
 * @throws FORMAT_*, FORMAT_WEIGHTS_ONLY, UNSUPPORTED_FORMAT (what the HDF5 reader refuses),
 *   UNSUPPORTED_LAYER (a subclassed model)
 */
export function openKerasH5(access: RandomAccess): KerasContainer {
  const root = openHdf5(access);
  const { label } = access;
  const config = root.attributes.get("model_config");
  if (!config) throw withoutModel(root, label);
  const group = root.group("model_weights");
  if (!group) throw new FlotillaError("FORMAT_WEIGHTS_MISSING", `${label} holds a model and no weights.`);
  const kerasVersion = root.attributes.get("keras_version")?.text() ?? "";
  const modelTopology = topologyOf(parseConfig(config.text(), `${label}: model_config`), kerasVersion, label);
  const { weights, find } = h5Weights(group, decodeModelSpec(JsonFields.of(modelTopology, "modelTopology")));
  return {
    label,
    dialect: "keras",
    kerasVersion,
    kerasMajor: majorOf(kerasVersion, 2),
    modelTopology,
    weights,
    findWeight: find,
  };
}

/** `save_weights` of Keras 2 lists its layers at the root; that of Keras 3 has its groups there. */
function withoutModel(root: Hdf5Group, label: string): FlotillaError {
  const { attributes, names } = root;
  const weightsOnly =
    attributes.has("layer_names") ||
    attributes.has("layer_names0") ||
    names.some((name) => ["layers", "_layer_checkpoint_dependencies", "model_weights"].includes(name));
  if (!weightsOnly) return new FlotillaError("FORMAT_UNRECOGNIZED", `${label} is an HDF5 file, and no Keras model.`);
  return new FlotillaError(
    "FORMAT_WEIGHTS_ONLY",
    `${label} holds weights only: what the layers are and how they are connected is not in it. ` +
      'Load the weights into the model in Keras and save the whole: model.save("model.keras").',
    { details: { path: label } },
  );
}
