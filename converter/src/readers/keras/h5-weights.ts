/**
 * Weights of a whole-model `.h5`: a group for each layer of the outermost model, which lists its weights by name and holds
 * those of nested models too.
 * Rules: keras `legacy/saving/legacy_h5_format.py` (all versions from 2.0 on have this form). Keras itself goes by the
 * order of the list; names say the same and survive what order does not, but for scopes that a name may have in front.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Hdf5Group } from "../../codecs/hdf5/group.ts";
import type { Weight } from "../tfjs-layers/container.ts";
import type { LayerSpec, ModelSpec } from "../tfjs-layers/layer-spec.ts";
import type { KerasWeights } from "./keras-container.ts";
import { chainOf, type Place, placesOf } from "./model-places.ts";
import { neededOf, storedWeight } from "./stored-weight.ts";

interface StoredName {
  readonly key: string;
  /** As listed, without the port: scopes, then the weight's own name. */
  readonly parts: readonly string[];
}

/** `group` is `model_weights`. @throws FORMAT_*, UNSUPPORTED_FORMAT */
export function h5Weights(group: Hdf5Group, model: ModelSpec): KerasWeights {
  const weights = new Map<string, Weight>();
  const listed = new Map<string, readonly StoredName[]>();
  for (const layerName of listAttribute(group, "layer_names")) {
    const layerGroup = group.group(layerName);
    if (!layerGroup) throw missing(group, layerName);
    const names = listAttribute(layerGroup, "weight_names").map((name): StoredName => {
      const dataset = layerGroup.dataset(name);
      if (!dataset) throw missing(layerGroup, name);
      const key = `${layerName}/${name}`;
      weights.set(key, storedWeight(dataset, key));
      return { key, parts: name.replace(/:\d+$/, "").split("/") };
    });
    listed.set(layerName, names);
  }
  const places = placesOf<string>(model, "", {
    // The outermost model's members have groups; what lies in them is in the same group.
    members: (specs, at) => specs.map((spec) => (at === "" ? spec.name : at)),
    attribute: (at) => at,
  });
  return {
    weights: neededOf(weights),
    find: (layer, name) => {
      const place = places.get(chainOf(layer).root.config.path);
      const found = place && pick(listed.get(place.at) ?? [], place, layer, name);
      const weight = found && weights.get(found.key);
      return weight && { key: weight.name, weight: { ...weight, name: friendlyName(place, layer, name) } };
    },
  };
}

/** The listed weight that a layer means: its own name last, and as many of the names that lead there as possible. */
function pick(
  names: readonly StoredName[],
  place: Place<string>,
  layer: LayerSpec,
  weight: string,
): StoredName | undefined {
  const { root, parts } = chainOf(layer);
  const aliases = weight === "depthwise_kernel" ? [weight, "kernel"] : [weight]; // Keras 3 calls it so
  const nested = place.scope.length > 0;
  const path = [...place.scope, root.name, ...parts.map((part) => part.name)];
  const scored = names.flatMap((name) => {
    const scopes = name.parts.slice(0, -1);
    if (!aliases.includes(name.parts.at(-1) ?? "")) return [];
    if (nested && !scopes.includes(root.name)) return [];
    return [{ name, score: inOrder(scopes, path) }];
  });
  const best = Math.max(...scored.map(({ score }) => score));
  const [first, ...others] = scored.filter(({ score }) => score === best);
  if (others.length === 0) return first?.name;
  const candidates = [first, ...others].map((one) => one?.name.key);
  throw new FlotillaError(
    "FORMAT_WEIGHTS_MISMATCH",
    `Several weights could be "${weight}" of the layer ${path.join("/")}: ${candidates.join(", ")}. ` +
      "Give the layers of nested models different names.",
    { details: { layer: path.join("/"), weight, candidates } },
  );
}

/** How many of `wanted` occur in `found` in their order, from the innermost on. */
function inOrder(found: readonly string[], wanted: readonly string[]): number {
  let at = found.length - 1;
  let count = 0;
  for (let index = wanted.length - 1; index >= 0; index--) {
    const where = found.lastIndexOf(wanted[index] ?? "", at);
    if (where < 0 || at < 0) continue;
    count += 1;
    at = where - 1;
  }
  return count;
}

/** As the tensor is called: by the config's names, whatever scopes the file has. */
export function friendlyName(place: Place<unknown> | undefined, layer: LayerSpec, weight: string): string {
  const { root, parts } = chainOf(layer);
  return [...(place?.scope ?? []), root.name, ...parts.map((part) => part.name), weight].join("/");
}

/** A list of texts, which h5py cuts into `name0`, `name1`, … where it is too long for one attribute. */
function listAttribute(group: Hdf5Group, name: string): readonly string[] {
  const whole = group.attributes.get(name);
  if (whole) return whole.texts();
  const texts: string[] = [];
  for (let at = 0; ; at++) {
    const part = group.attributes.get(`${name}${at}`);
    if (!part && at === 0) throw missing(group, `attribute ${name}`);
    if (!part) return texts;
    texts.push(...part.texts());
  }
}

function missing(group: Hdf5Group, name: string): FlotillaError {
  return new FlotillaError("FORMAT_WEIGHTS_MISSING", `The file's group ${group.path} has no ${name}.`, {
    details: { group: group.path, missing: name },
  });
}
