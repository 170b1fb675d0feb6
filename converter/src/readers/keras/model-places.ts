/**
 * Where every layer of a model stands: which models lie around it. A layer is known by the path of its config, which is
 * the same whoever decodes the topology; names are not, since two nested models may have a layer of one name each.
 */
import { decodeInner, type LayerSpec, type ModelSpec } from "../tfjs-layers/layer-spec.ts";

export interface Place<T> {
  readonly layer: LayerSpec;
  /** Names of the models around it and of wrappers that hold those, outermost first; the whole model left out. */
  readonly scope: readonly string[];
  /** Whatever the visitor makes of a place. */
  readonly at: T;
}

/** How a file names what lies in a model, and in a layer that holds a model. */
export interface PlaceRules<T> {
  /** The members of a model at `at`, in the config's order. */
  members(specs: readonly (LayerSpec | ModelSpec)[], at: T): readonly T[];
  /** What the attribute of a layer at `at` is. */
  attribute(at: T, name: string): T;
}

const maxDepth = 64;

/** Config path → place. */
export function placesOf<T>(model: ModelSpec, root: T, rules: PlaceRules<T>): ReadonlyMap<string, Place<T>> {
  const places = new Map<string, Place<T>>();
  const visitModel = (spec: ModelSpec, at: T, scope: readonly string[]): void => {
    const specs = spec.kind === "sequential" ? spec.layers : [...spec.members.values()].map((member) => member.spec);
    const ats = rules.members(specs, at);
    for (const [index, member] of specs.entries()) visit(member, ats[index]!, scope);
  };
  const visit = (spec: LayerSpec | ModelSpec, at: T, scope: readonly string[]): void => {
    if (spec.kind !== "layer") {
      visitModel(spec, at, [...scope, spec.name]);
      return;
    }
    places.set(spec.config.path, { layer: spec, scope, at });
    // A wrapper (TimeDistributed) may hold a model, or another wrapper that does.
    let holder = spec;
    let inside = at;
    const names = [...scope];
    while (names.length < maxDepth && holder.config.has("layer")) {
      const held = decodeInner(holder.config.object("layer"), holder, "layer");
      inside = rules.attribute(inside, "layer");
      names.push(holder.name);
      if (held.kind !== "layer") {
        visitModel(held, inside, [...names, held.name]);
        return;
      }
      holder = held;
    }
  };
  visitModel(model, root, []);
  return places;
}

/** A layer's outermost holder, and what leads from there to it, outermost first. */
export function chainOf(layer: LayerSpec): { readonly root: LayerSpec; readonly parts: readonly LayerSpec[] } {
  const parts: LayerSpec[] = [];
  let root = layer;
  while (root.within) {
    parts.unshift(root);
    root = root.within.layer;
  }
  return { root, parts };
}
