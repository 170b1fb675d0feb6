/**
 * Names of values in an ONNX graph: each is made once, before it is used. The branch of an If sees the names around it.
 * Initializers become tensors when they are first used.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { TensorId } from "../../ir/graph.ts";

/** Null: an operand left out. Undefined: the value follows from a node that cannot be converted. */
export type Value = TensorId | null | undefined;

export class Scope {
  readonly #label: string;
  readonly #around: Scope | undefined;
  readonly #values = new Map<string, Value | (() => Value)>();

  constructor(label: string, around?: Scope) {
    this.#label = label;
    this.#around = around;
  }

  inner(label: string): Scope {
    return new Scope(label, this);
  }

  /** @throws FORMAT_CORRUPT for a name that there is already */
  define(name: string, value: Value | (() => Value)): void {
    if (this.#values.has(name)) {
      throw new FlotillaError("FORMAT_CORRUPT", `${this.#label}: the value "${name}" is made twice.`);
    }
    this.#values.set(name, value);
  }

  /** @throws FORMAT_CORRUPT for a name that nothing has made yet: unknown, or part of a cycle */
  use(name: string): Value {
    if (!this.#values.has(name)) {
      if (this.#around) return this.#around.use(name);
      throw new FlotillaError(
        "FORMAT_CORRUPT",
        `${this.#label}: the value "${name}" is used before anything makes it; nodes must be in topological order.`,
      );
    }
    const value = this.#values.get(name);
    if (typeof value !== "function") return value;
    const made = value();
    this.#values.set(name, made);
    return made;
  }
}
