/**
 * Finds a layer's weights among the container's and keeps account of them: none missing, none of another shape, none left.
 * Rules: tfjs-layers `engine/container.ts`, loadWeights: `layer/weight`, where the name in the file may carry further
 * scopes in front (nested models), one between (a cell's name), or `:0` behind.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Shape, TensorId } from "../../ir/graph.ts";
import type { Weight } from "./container.ts";
import { type LayerSpec, weightNames } from "./layer-spec.ts";

/** A weight with the name that it has in the file, where that is not the weight's own. */
export interface FoundWeight {
  readonly key: string;
  readonly weight: Weight;
}

/** How a container finds a layer's weight where names alone do not tell: by the layer's place in the model. */
export type WeightFinder = (layer: LayerSpec, name: string) => FoundWeight | undefined;

export class WeightStore {
  /** Weights that are operands already, by name and layout. */
  readonly tensors = new Map<string, TensorId>();
  readonly #byName = new Map<string, Weight>();
  readonly #taken = new Set<string>();

  readonly #finder: WeightFinder | undefined;

  constructor(weights: ReadonlyMap<string, Weight>, finder?: WeightFinder) {
    this.#finder = finder;
    if (finder) return;
    // Exact names win over shortened ones, whatever the order in the file.
    for (const weight of weights.values()) this.#byName.set(withoutPort(weight.name), weight);
    for (const weight of weights.values()) {
      for (const name of shortened(withoutPort(weight.name))) {
        if (!this.#byName.has(name)) this.#byName.set(name, weight);
      }
    }
  }

  /** @throws FORMAT_WEIGHTS_MISSING, FORMAT_WEIGHTS_MISMATCH */
  take(layer: LayerSpec, name: string, shape: Shape): Weight {
    const names = weightNames(layer, name);
    const [full = name] = names;
    const found = this.#finder ? this.#finder(layer, name) : this.#named(names);
    const weight = found?.weight;
    if (!weight) {
      throw new FlotillaError(
        "FORMAT_WEIGHTS_MISSING",
        `Layer "${layer.name}" (${layer.className}) needs the weight "${full}", which the file does not have.`,
        { details: { layer: layer.name, weight: full } },
      );
    }
    const sound =
      weight.dtype === "float32" &&
      weight.shape.length === shape.length &&
      shape.every((size, axis) => size === weight.shape[axis]);
    if (!sound) {
      throw new FlotillaError(
        "FORMAT_WEIGHTS_MISMATCH",
        `The weight "${weight.name}" is ${weight.dtype}[${weight.shape.join(", ")}]; ` +
          `layer "${layer.name}" (${layer.className}) asks for float32[${shape.join(", ")}].`,
        { details: { weight: weight.name, found: weight.shape, expected: shape, dtype: weight.dtype } },
      );
    }
    this.#taken.add(found.key);
    return weight;
  }

  #named(names: readonly string[]): FoundWeight | undefined {
    const weight = names.map((name) => this.#byName.get(name)).find((one) => one !== undefined);
    return weight && { key: weight.name, weight };
  }

  /** Counts a weight as taken, if there is one: what inference does not need. */
  drop(layer: LayerSpec, name: string): void {
    const found = this.#finder?.(layer, name);
    if (found) this.#taken.add(found.key);
    for (const candidate of weightNames(layer, name)) {
      const weight = this.#byName.get(candidate);
      if (weight) this.#taken.add(weight.name);
    }
  }

  /** Weights that no layer took; tfjs refuses a model that has any. */
  left(weights: ReadonlyMap<string, Weight>): string[] {
    return [...weights.keys()].filter((name) => !this.#taken.has(name));
  }
}

const withoutPort = (name: string): string => name.replace(/:\d+$/, "");

/** `a/b/c/kernel` is also `a/b/kernel` (a scope between) and `b/c/kernel`, `c/kernel` (scopes in front). */
function shortened(name: string): string[] {
  const parts = name.split("/");
  const last = parts.length - 1;
  const between = parts.length > 2 ? [[...parts.slice(0, last - 1), parts[last]].join("/")] : [];
  const front = parts.slice(1, last).map((_, index) => parts.slice(index + 1).join("/"));
  return [...between, ...front];
}
