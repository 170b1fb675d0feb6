/**
 * Graphs as text that is stable and made for reading and for golden files: tensors are numbered in the order in which
 * they are met, constants show a hash of their bytes, nodes all their attributes.
 */
import { type AttributeValue, type Graph, type Model, type Tensor, type TensorId, tensorOf } from "./graph.ts";

export function printModel(model: Model): string {
  return model.graphs
    .map((graph, i) => {
      const signatures = model.signatures
        .filter((signature) => signature.graph === i)
        .map(({ key, inputs, outputs }) => {
          const names = (list: typeof inputs) => list.map(({ name }) => name).join(", ");
          return `  signature ${key}(${names(inputs)}) -> (${names(outputs)})\n`;
        });
      return printGraph(graph) + signatures.join("");
    })
    .join("\n");
}

export function printGraph(graph: Graph): string {
  const numbers = new Map<TensorId, number>();
  const lines = [`graph ${JSON.stringify(graph.name)}`];
  const number = (id: TensorId): string => {
    const known = numbers.get(id) ?? numbers.size;
    numbers.set(id, known);
    return `%${known}`;
  };
  for (const id of graph.inputs) lines.push(`  ${number(id)} input ${describe(tensorOf(graph, id))}`);
  const introduce = (id: TensorId): void => {
    const tensor = tensorOf(graph, id);
    if (numbers.has(id) || !(tensor.constant || tensor.variable)) return;
    lines.push(`  ${number(id)} ${tensor.constant ? "const" : "variable"} ${describe(tensor)}`);
  };
  for (const node of graph.nodes) {
    for (const id of node.inputs) if (id !== null) introduce(id);
    const operands = node.inputs.map((id) => (id === null ? "-" : number(id))).join(", ");
    const attributes = Object.entries(node.attributes).map(([name, value]) => ` ${name}=${printValue(value)}`);
    const described = (ids: readonly TensorId[]): string =>
      ids.map((id) => `${number(id)}: ${describe(tensorOf(graph, id), node.name)}`).join(", ");
    const inside = node.intermediates ? ` inside=(${described(node.intermediates)})` : "";
    const results = node.outputs.length > 0 ? `${described(node.outputs)} = ` : "";
    lines.push(`  ${results}${node.kind}(${operands})${attributes.join("")}${inside}  ${JSON.stringify(node.name)}`);
  }
  for (const id of graph.outputs) introduce(id);
  lines.push(`  output ${graph.outputs.map(number).join(", ")}`);
  return `${lines.join("\n")}\n`;
}

/** A tensor in words; its name is left out where it is `known` from the node. */
function describe({ name, dtype, shape, quantization, constant }: Tensor, known?: string): string {
  const sizes = shape.map((size) => (size === -1 ? "?" : size)).join(", ");
  const parts = [`${dtype}[${sizes}]`];
  if (quantization) {
    const { scales, zeroPoints, axis } = quantization;
    const [scale = 0] = scales;
    parts.push(
      scales.length === 1
        ? `scale=${scale} zeroPoint=${zeroPoints[0]}`
        : `scales=${scales.length} along ${axis}, ${Math.min(...scales)}..${Math.max(...scales)}`,
    );
  }
  if (constant) parts.push(`#${fnv1a(constant.bytes())}`);
  if (name !== known) parts.push(JSON.stringify(name));
  return parts.join(" ");
}

function printValue(value: AttributeValue): string {
  if (value instanceof Uint8Array) return `bytes[${value.byteLength}]#${fnv1a(value)}`;
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  return String(value);
}

/** FNV-1a, 32 bits: enough to see that two constants differ, not to prove that they are equal. */
function fnv1a(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
