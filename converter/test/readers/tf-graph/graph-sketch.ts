/** Small TFJS GraphModels, written down node by node, as the files that a reader gets. */
import { memorySource } from "../../../src/readers/file-source.ts";
import { seededValues } from "../saved-layers-model.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Attributes = Record<string, Json>;

export const ints = (...values: number[]): Json => ({ list: { i: values.map(String) } });
export const int = (value: number): Json => ({ i: String(value) });
export const float = (value: number): Json => ({ f: value });
export const bool = (value: boolean): Json => ({ b: value });
export const type = (value: string): Json => ({ type: value });
export const text = (value: string): Json => ({ s: btoa(value) });
export const texts = (...values: string[]): Json => ({ list: { s: values.map((value) => btoa(value)) } });
export const func = (name: string): Json => ({ func: { name, attr: {} } });

const shapeJson = (shape: readonly number[]): Json => ({ dim: shape.map((size) => ({ size: String(size) })) });

/** A graph that grows; every method returns the name of what it added. */
export class GraphSketch {
  readonly nodes: { name: string; op: string; input: string[]; attr: Attributes }[] = [];
  readonly #weights: { spec: { name: string; shape: number[]; dtype: string }; bytes: Uint8Array }[] = [];
  readonly inputs: string[] = [];
  readonly functions: Json[] = [];

  input(shape: readonly number[], dtype = "DT_FLOAT"): string {
    const name = `in${this.inputs.length}`;
    this.nodes.push({
      name,
      op: "Placeholder",
      input: [],
      attr: { dtype: type(dtype), shape: { shape: shapeJson(shape) } },
    });
    this.inputs.push(name);
    return name;
  }

  node(op: string, input: string[], attr: Attributes = {}): string {
    const name = `${op}_${this.nodes.length}`;
    this.nodes.push({ name, op, input, attr });
    return name;
  }

  /** Numbers in [-1, 1) unless given. */
  weight(shape: number[], values?: ArrayLike<number>): string {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Float32Array.from(values ?? seededValues(count, this.nodes.length + 1));
    return this.#const(shape, "float32", new Uint8Array(data.buffer));
  }

  integers(values: readonly number[], shape: number[] = [values.length]): string {
    return this.#const(shape, "int32", new Uint8Array(Int32Array.from(values).buffer));
  }

  scalar(value: number): string {
    return this.integers([value], []);
  }

  booleans(values: readonly boolean[], shape: number[] = [values.length]): string {
    return this.#const(shape, "bool", Uint8Array.from(values, Number));
  }

  #const(shape: number[], dtype: string, bytes: Uint8Array): string {
    const name = `const_${this.nodes.length}`;
    const types: Record<string, string> = { float32: "DT_FLOAT", int32: "DT_INT32", bool: "DT_BOOL" };
    const dtypeName = types[dtype] ?? "";
    const tensor = { tensor: { dtype: dtypeName, tensorShape: shapeJson(shape) } };
    this.nodes.push({ name, op: "Const", input: [], attr: { dtype: type(dtypeName), value: tensor } });
    this.#weights.push({ spec: { name, shape, dtype }, bytes });
    return name;
  }

  /** `outputs`: tensors; called "out0", "out1" … by the signature. */
  files(outputs: readonly string[], change: (json: Record<string, Json>) => void = () => undefined) {
    const ends = (names: readonly string[], word: string): Json =>
      Object.fromEntries(names.map((name, at) => [`${word}${at}`, { name: name.includes(":") ? name : `${name}:0` }]));
    const library = this.functions.length > 0 ? { library: { function: this.functions } } : {};
    const json: Record<string, Json> = {
      format: "graph-model",
      modelTopology: { node: this.nodes, ...library, versions: { producer: 1, minConsumer: 0 } },
      signature: { inputs: ends(this.inputs, "in"), outputs: ends(outputs, "out") },
      weightsManifest: [{ paths: ["weights.bin"], weights: this.#weights.map(({ spec }) => spec) }],
    };
    change(json);
    const bytes = new Uint8Array(this.#weights.reduce((sum, weight) => sum + weight.bytes.length, 0));
    let at = 0;
    for (const weight of this.#weights) {
      bytes.set(weight.bytes, at);
      at += weight.bytes.length;
    }
    return memorySource({ "model.json": JSON.stringify(json), "weights.bin": bytes }, "sketch");
  }
}
