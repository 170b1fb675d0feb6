/**
 * GELU as Keras spells it with Erf, for which TFLite has no operator of its own:
 *
 *     0.5·x · (1 + erf(x·√½))  or  0.5 · (x · (1 + erf(x/√2)))   →   Gelu(x)
 *
 * Only the last multiplication is replaced; what only it needed is never lowered then. The graph that a conversion is proven
 * against keeps the spelling.
 */
import { attrOf, refOf, type TfNode, type TfOutput } from "./graph.ts";

/** Constants are float32, and float16 in compressed models. */
const near = (value: number | undefined, expected: number): boolean =>
  value !== undefined && Math.abs(value - expected) <= 1e-3 * expected;

export function withGelu(nodes: ReadonlyMap<string, TfNode>): ReadonlyMap<string, TfNode> {
  const found = new Map<string, TfOutput>();
  if (![...nodes.values()].some(({ op }) => op === "Erf")) return nodes;
  for (const node of nodes.values()) {
    const x = node.op === "Mul" ? argumentOf(nodes, node) : undefined;
    if (x) found.set(node.name, x);
  }
  if (found.size === 0) return nodes;
  return new Map(
    [...nodes].map(([name, node]) => {
      const x = found.get(name);
      const attrs = new Map([["approximate", { kind: "bool", value: false }]] as const);
      return [name, x ? { name, op: "Gelu", inputs: [x], controls: [], attrs } : node];
    }),
  );
}

type Nodes = ReadonlyMap<string, TfNode>;

/** x of the whole product, or undefined. */
function argumentOf(nodes: Nodes, product: TfNode): TfOutput | undefined {
  for (const factors of bothWays(product)) {
    const [first, second] = factors;
    // (0.5·x) · (1 + erf)
    const x = halfOf(nodes, first);
    if (x && same(oneAndErf(nodes, second), x)) return x;
    // 0.5 · (x · (1 + erf))
    if (!near(numberOf(nodes, first), 0.5)) continue;
    const inner = nodes.get(second.node);
    if (inner?.op !== "Mul") continue;
    for (const [value, rest] of bothWays(inner)) if (same(oneAndErf(nodes, rest), value)) return value;
  }
  return undefined;
}

const same = (a: TfOutput | undefined, b: TfOutput): boolean => a !== undefined && refOf(a) === refOf(b);

function* bothWays({ inputs }: TfNode): Generator<readonly [TfOutput, TfOutput]> {
  const [a, b] = inputs;
  if (!a || !b) return;
  yield [a, b];
  yield [b, a];
}

/** x of 0.5·x. */
function halfOf(nodes: Nodes, output: TfOutput): TfOutput | undefined {
  const node = nodes.get(output.node);
  if (node?.op !== "Mul") return undefined;
  for (const [half, x] of bothWays(node)) if (near(numberOf(nodes, half), 0.5)) return x;
  return undefined;
}

/** x of 1 + erf(x/√2). */
function oneAndErf(nodes: Nodes, output: TfOutput): TfOutput | undefined {
  const sum = nodes.get(output.node);
  if (sum?.op !== "Add" && sum?.op !== "AddV2") return undefined;
  for (const [one, rest] of bothWays(sum)) {
    const erf = nodes.get(rest.node);
    const scaled = erf?.op === "Erf" ? nodes.get(erf.inputs[0]?.node ?? "") : undefined;
    if (!near(numberOf(nodes, one), 1) || !scaled) continue;
    const [x, root] = scaled.inputs;
    if (scaled.op === "RealDiv" && x && root && near(numberOf(nodes, root), Math.SQRT2)) return x;
    if (scaled.op !== "Mul") continue;
    for (const [factor, value] of bothWays(scaled)) if (near(numberOf(nodes, factor), Math.SQRT1_2)) return value;
  }
  return undefined;
}

/** A constant of one element, past casts of nothing. */
function numberOf(nodes: Nodes, output: TfOutput): number | undefined {
  let node = nodes.get(output.node);
  for (let steps = 0; steps < 8 && (node?.op === "Identity" || node?.op === "Cast"); steps++) {
    node = nodes.get(node.inputs[0]?.node ?? "");
  }
  const value = node?.op === "Const" ? attrOf(node, "value", "tensor") : undefined;
  if (value?.constant?.byteLength !== 4 || value.type === "DT_INT32") return undefined;
  const bytes = value.constant.bytes();
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat32(0, true);
}
