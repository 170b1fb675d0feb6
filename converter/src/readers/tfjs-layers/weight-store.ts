/**
 * Finds a layer's weights among the container's and keeps account of them: none missing, none of another shape, none left.
 * Rules: tfjs-layers `engine/container.ts`, loadWeights: `layer/weight`, where the name in the file may carry further
 * scopes in front (nested models), one between (a cell's name), or `:0` behind.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Shape, TensorId } from "../../ir/graph.ts";
import type { Weight } from "./container.ts";
import type { LayerSpec } from "./layer-spec.ts";

export class WeightStore {
  /** Weights that are operands already, by name and layout. */
  readonly tensors = new Map<string, TensorId>();
  readonly #byName = new Map<string, Weight>();
  readonly #taken = new Set<string>();

  constructor(weights: ReadonlyMap<string, Weight>) {
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
    const full = `${layer.name}/${name}`;
    const weight = this.#byName.get(full);
    if (!weight) {
      throw new FlotillaError(
        "FORMAT_WEIGHTS_MISSING",
        `Layer "${layer.name}" (${layer.className}) needs the weight "${full}", which the weights manifest does not have.`,
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
    this.#taken.add(weight.name);
    return weight;
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
