/**
 * Weights of a `.keras` archive: a group for each object, found along attributes and lists of the Python objects, with the
 * variables numbered in the order in which the layer made them.
 * Rules: keras `saving/saving_lib.py` (`_save_state`, `_save_container_state`, `H5IOStore`), `utils/naming.py`
 * (to_snake_case). Members of a list are called by their class, with a number from the second on, never by their name;
 * newer files note the name beside, and then it is compared.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Hdf5Dataset } from "../../codecs/hdf5/dataset.ts";
import type { Hdf5Group } from "../../codecs/hdf5/group.ts";
import { byName } from "../by-name.ts";
import type { Weight } from "../tfjs-layers/container.ts";
import { JsonFields } from "../tfjs-layers/json-fields.ts";
import type { LayerSpec, ModelSpec } from "../tfjs-layers/layer-spec.ts";
import { friendlyName } from "./h5-weights.ts";
import type { KerasWeights } from "./keras-container.ts";
import { chainOf, type Place, placesOf } from "./model-places.ts";
import { neededOf, storedWeight } from "./stored-weight.ts";
import { variableIndex } from "./variable-order.ts";

/** Where a model's layers lie; the second was that of Keras 2.12. */
const layerLists = ["layers", "_layer_checkpoint_dependencies"];

/** `root` is that of `model.weights.h5`. @throws FORMAT_*, UNSUPPORTED_FORMAT */
export function archiveWeights(root: Hdf5Group, model: ModelSpec): KerasWeights {
  const tree = new WeightTree(root);
  const places = placesOf<string>(model, "", {
    members: (specs, at) => {
      const list = layerLists.map((name) => join(at, name)).find((path) => tree.groups.has(path));
      const names = memberNames(specs);
      return names.map((name) => join(list ?? join(at, "layers"), name));
    },
    attribute: join,
  });
  for (const { layer, at } of places.values()) tree.compareName(at, layer.name);
  return {
    weights: neededOf(tree.weights),
    find: (layer, name) => {
      const { root: outermost, parts } = chainOf(layer);
      const place = places.get(outermost.config.path);
      if (!place) return undefined;
      const weightAt = (root: string): Weight | undefined => {
        const path = parts.reduce((at, part) => tree.attribute(at, attributePath(part)), root);
        const index = variableIndex(name, layer.config, tree.variableCount(path));
        return tree.weights.get(`${path}/vars/${index}`);
      };
      const weight = weightAt(place.at) ?? onlyOne(twinsOf(place, places).map(({ at }) => weightAt(at)));
      return weight && { key: weight.name, weight: { ...weight, name: friendlyName(place, layer, name) } };
    },
  };
}

/** Layers elsewhere that may be the very same: one that models of two levels share is stored where Keras meets it first. */
const twinsOf = (place: Place<string>, places: ReadonlyMap<string, Place<string>>): readonly Place<string>[] =>
  [...places.values()].filter(
    ({ layer }) => layer.name === place.layer.name && layer.className === place.layer.className,
  );

function onlyOne(weights: readonly (Weight | undefined)[]): Weight | undefined {
  const [found, ...others] = new Set(weights.filter((weight) => weight !== undefined));
  return others.length === 0 ? found : undefined;
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}/${name}`);

/** Everything below the lists of layers, with the slashes of Windows' Keras turned. */
class WeightTree {
  readonly groups = new Set<string>();
  readonly weights = new Map<string, Weight>();
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(root: Hdf5Group) {
    for (const name of root.names) {
      const path = name.replaceAll("\\", "/");
      if (layerLists.some((list) => path === list || path.startsWith(`${list}/`))) this.#visit(root, name, path);
    }
  }

  /** How many variables the object at `path` has. */
  variableCount(path: string): number {
    return this.#counts.get(`${path}/vars`) ?? 0;
  }

  /** An attribute, which Keras 2 wrote with an underscore here and there. */
  attribute(path: string, name: string): string {
    const plain = join(path, name);
    const underscored = name.split("/").map((part) => `_${part}`);
    const hidden = join(path, underscored.join("/"));
    return !this.groups.has(plain) && this.groups.has(hidden) ? hidden : plain;
  }

  compareName(path: string, expected: string): void {
    const found = this.#names.get(`${path}/vars`);
    if (found === undefined || found === expected) return;
    throw new FlotillaError(
      "FORMAT_WEIGHTS_MISMATCH",
      `The weights at ${path} are those of "${found}", and the model has "${expected}" in that place.`,
      { details: { path, found, expected } },
    );
  }

  #visit(parent: Hdf5Group, name: string, path: string): void {
    const found = parent.get(name);
    if (found?.kind === "dataset") this.#add(found, path);
    else if (found) {
      // A link "a\b" stands for two groups.
      for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) this.groups.add(path.slice(0, end));
      this.groups.add(path);
      const label = found.attributes.get("name");
      if (label && path.endsWith("/vars")) this.#names.set(path, label.text());
      for (const below of found.names) this.#visit(found, below, `${path}/${below.replaceAll("\\", "/")}`);
    }
  }

  #add(dataset: Hdf5Dataset, path: string): void {
    const holder = path.slice(0, path.lastIndexOf("/"));
    this.#counts.set(holder, (this.#counts.get(holder) ?? 0) + 1);
    this.weights.set(path, storedWeight(dataset, path));
  }
}

/** `cells.1` is the second of the list `cells`, whose members are called by their class as those of a model are. */
function attributePath({ within, name }: LayerSpec): string {
  const attribute = within?.attribute ?? name;
  const [, list, index] = /^(\w+)\.(\d+)$/.exec(attribute) ?? [];
  if (within === undefined || list === undefined) return attribute;
  const { config } = within.layer;
  const classes = config.list(list).map((item, at) => {
    return JsonFields.of(item, `${config.path}.${list}[${at}]`).string("class_name");
  });
  return `${list}/${numbered(classes)[Number(index)] ?? index}`;
}

/** The names of the members of a list of layers. Functional models keep operations there too that are no layers. */
function memberNames(specs: readonly (LayerSpec | ModelSpec)[]): readonly string[] {
  const isLayer = (spec: LayerSpec | ModelSpec) =>
    spec.kind !== "layer" || !/^keras\.(src\.)?ops\b/.test(spec.module ?? "");
  const names = numbered(specs.filter(isLayer).map((spec) => (spec.kind === "layer" ? spec.className : spec.kind)));
  let at = 0;
  return specs.map((spec) => (isLayer(spec) ? (names[at++] ?? "") : "(operation)"));
}

/** Configs say the public name of a class, archives its own. */
const ownNames: ReadonlyMap<string, string> = byName({ GroupQueryAttention: "GroupedQueryAttention" });

function numbered(classNames: readonly string[]): readonly string[] {
  const used = new Map<string, number>();
  return classNames.map((className) => {
    const name = snakeCase(ownNames.get(className) ?? className);
    const count = used.get(name) ?? 0;
    used.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  });
}

/** `keras/src/utils/naming.py`. */
function snakeCase(className: string): string {
  return className
    .replace(/^.*>/, "") // a foreign class by its own name
    .replaceAll(/\W+/g, "")
    .replaceAll(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}
