/**
 * One call of an operation that stands among the layers: Keras 3 writes `keras.ops` so, Keras 2 `tf.*` functions.
 * An argument may be named, in its place, or (Keras 3) in the config; it may be a value, a number, or an array.
 */
import { isJsonObject, type JsonValue } from "@flotilla/protocol/json-value";
import type { TensorId } from "../../../ir/graph.ts";
import type { Argument } from "../call-arguments.ts";
import type { LayerBuilder } from "../layer-builder.ts";
import { LayerRefusal } from "./lowering.ts";

/** Arrays written into a config are small; larger ones are weights. */
const maxElements = 2 ** 20;

export type Operation = (call: OperationCall) => TensorId | readonly TensorId[];

/** An axis counted from the front. */
export function fromFront(axis: number, rank: number): number {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw new LayerRefusal(`there is no axis ${axis} among ${rank}`);
}

export class OperationCall {
  readonly layer: LayerBuilder;

  constructor(layer: LayerBuilder) {
    this.layer = layer;
  }

  /** The argument under the first of its names that is there, else in its place. */
  argument(names: readonly string[], position = -1): Argument | undefined {
    for (const name of names) {
      const found = this.layer.argument(name);
      if (found) return found;
    }
    for (const name of names) {
      const value = this.layer.config.get(name);
      if (value !== undefined) return { kind: "json", value };
    }
    return this.layer.argument("", position);
  }

  /** A JSON argument; undefined where it is not given. */
  json(names: readonly string[], position = -1): JsonValue | undefined {
    const found = this.argument(names, position);
    if (!found) return undefined;
    if (found.kind === "json") return found.value;
    throw new LayerRefusal(`its argument ${names[0]} is only known at run time`);
  }

  number(names: readonly string[], fallback: number, position = -1): number {
    const value = this.json(names, position) ?? fallback;
    if (typeof value === "number") return value;
    throw new LayerRefusal(`its argument ${names[0]} is no number`);
  }

  boolean(names: readonly string[], fallback: boolean, position = -1): boolean {
    const value = this.json(names, position) ?? fallback;
    if (typeof value === "boolean") return value;
    throw new LayerRefusal(`its argument ${names[0]} is neither true nor false`);
  }

  integers(names: readonly string[], position = -1): readonly number[] | undefined {
    const value = this.json(names, position);
    if (value === undefined) return undefined;
    return [value].flat().map((item) => {
      if (typeof item === "number" && Number.isSafeInteger(item)) return item;
      throw new LayerRefusal(`its argument ${names[0]} is ${JSON.stringify(value).slice(0, 60)}, not integers`);
    });
  }

  /** A value, or a number or array made one. */
  operand(names: readonly string[], position: number): TensorId {
    const found = this.argument(names, position);
    if (!found) throw new LayerRefusal(`it is called without its argument ${names[0]}`);
    return this.#tensorOf(found, names[0] ?? "");
  }

  /** A list of values. */
  operands(names: readonly string[], position: number): readonly TensorId[] {
    const found = this.argument(names, position);
    if (found?.kind === "list") return found.items.map((item, index) => this.#tensorOf(item, `${names[0]}_${index}`));
    if (found?.kind === "tensor") return [this.#tensorOf(found, names[0] ?? "")];
    throw new LayerRefusal(`its argument ${names[0]} is no list of values`);
  }

  #tensorOf(found: Argument, role: string): TensorId {
    if (found.kind === "tensor") {
      const tensor = this.layer.valueAt(found.index);
      if (tensor !== undefined) return tensor;
    }
    if (found.kind === "json") return this.#constant(found.value, role);
    throw new LayerRefusal(`its argument ${role} is a list where one value is expected`);
  }

  #constant(written: JsonValue, role: string): TensorId {
    // Keras 3 writes arrays as {class_name: "__numpy__", config: {value, dtype}}.
    const value = isJsonObject(written) && isJsonObject(written.config) ? (written.config.value ?? null) : written;
    const shape: number[] = [];
    for (let level: JsonValue | undefined = value; Array.isArray(level); level = level[0]) {
      shape.push(level.length);
      if (shape.length > 8) throw new LayerRefusal("an array of more than eight axes");
    }
    const numbers = Array.isArray(value) ? value.flat(8) : [value];
    if (numbers.length > maxElements || numbers.length !== shape.reduce((product, size) => product * size, 1)) {
      throw new LayerRefusal(`its argument ${role} is no array, or too large`);
    }
    const list = numbers.map((item) => {
      if (typeof item === "number") return item;
      throw new LayerRefusal(`its argument ${role} is ${JSON.stringify(item).slice(0, 40)}, which is no number`);
    });
    const integral =
      this.layer.inputs.some((input) => this.layer.dtypeOf(input) === "int32") && list.every(Number.isSafeInteger);
    return integral ? this.layer.integers(role, shape, list) : this.layer.floats(role, shape, list);
  }
}
