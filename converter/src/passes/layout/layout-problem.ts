/**
 * The question which axis order every tensor is stored in, as a graph of variables: nodes and graph inputs and outputs,
 * each with a choice of what it becomes (a {@link Relayout}), linked by the values that pass between them. A link costs the
 * bytes that a TRANSPOSE on it would move; TRANSPOSE nodes themselves are nothing but choices that differ on both sides.
 */
import { byteSize, type Node, type Shape, type TensorId } from "../../ir/graph.ts";
import type { OperatorUse } from "../../ops/define-op.ts";
import { useOf } from "../../ops/graph-facts.ts";
import { isBarrier, type LayoutEnd, type Order, type Relayout } from "../../ops/layout/layout-rule.ts";
import { identityOrder, inFront, isIdentity, sameElements } from "../../ops/layout/order.ts";
import { opOf } from "../../ops/registry.ts";
import type { GraphRewrite } from "../graph-rewrite.ts";

/** A node, or (node null) an end of the graph. */
export interface Variable {
  readonly node: Node | null;
  readonly use: OperatorUse | null;
  /** Orders that an end may take, the graph's own first. */
  readonly free: readonly Order[];
  /** Of an end. */
  readonly shape?: Shape;
  readonly links: Link[];
}

/** A value on its way from the variable that makes it to one that uses it. */
export interface Link {
  readonly tensor: TensorId;
  readonly shape: Shape;
  /** Cost of moving its elements. */
  readonly weight: number;
  readonly from: number;
  readonly result: number;
  readonly to: number;
  readonly operand: number;
  /** One of the two nodes takes matrices transposed as well. */
  readonly turns: boolean;
}

/** Cost of a RESHAPE where only axes of size 1 trade places, of a flag that turns a matrix, and of being a node at all. */
const reshapeCost = 1;
const turnCost = 16;
const nodeCost = 64;

/** NCHW and its kin as the kernels want them: the channels behind the spatial axes. */
export const channelsLast = (rank: number): Order =>
  rank < 3 ? identityOrder(rank) : [0, ...identityOrder(rank).slice(2), 1];

export class LayoutProblem {
  readonly variables: Variable[] = [];
  /** What each variable is to become. */
  readonly choices: Relayout[] = [];
  readonly links: Link[] = [];
  /** The variables of graph inputs and outputs by tensor. */
  readonly inputs = new Map<TensorId, number>();
  readonly outputs = new Map<TensorId, number>();

  /** `freeEnds`: graph inputs and outputs may be declared with channels last. */
  constructor(graph: GraphRewrite, freeEnds: boolean) {
    const makers = new Map<TensorId, { variable: number; result: number }>();
    const addEnd = (id: TensorId, side: "input" | "output"): number => {
      const { shape, sourceAxes, constant } = graph.tensor(id);
      const both = graph.isInput(id) && graph.isOutput(id);
      const settled = !freeEnds || both || sourceAxes !== undefined || constant !== undefined || shape.length > 5;
      const order = identityOrder(shape.length);
      const free = settled || shape.length < 3 ? [order] : [order, channelsLast(shape.length)];
      const choice = side === "input" ? { operands: [], results: [order] } : { operands: [order], results: [] };
      return this.#add({ node: null, use: null, free, shape, links: [] }, choice);
    };
    for (const { id } of [...graph.tensors.values()].filter(({ id }) => graph.isInput(id))) {
      this.inputs.set(id, addEnd(id, "input"));
      makers.set(id, { variable: this.inputs.get(id) ?? 0, result: 0 });
    }
    for (const node of graph.nodes()) {
      const use = useOf(graph, node);
      const at = this.#add({ node, use, free: [], links: [] }, asItIs(node, use));
      for (const [operand, id] of node.inputs.entries()) {
        const maker = id === null ? undefined : makers.get(id);
        if (id !== null && maker) this.#link(graph, id, maker, at, operand);
      }
      for (const [result, id] of node.outputs.entries()) makers.set(id, { variable: at, result });
    }
    for (const { id } of [...graph.tensors.values()].filter(({ id }) => graph.isOutput(id))) {
      const maker = makers.get(id);
      if (!maker || graph.isInput(id)) continue;
      this.outputs.set(id, addEnd(id, "output"));
      this.#link(graph, id, maker, this.outputs.get(id) ?? 0, 0);
    }
  }

  #add(variable: Variable, choice: Relayout): number {
    this.variables.push(variable);
    this.choices.push(choice);
    return this.variables.length - 1;
  }

  #link(
    graph: GraphRewrite,
    tensor: TensorId,
    maker: { variable: number; result: number },
    to: number,
    operand: number,
  ): void {
    const { shape, dtype } = graph.tensor(tensor);
    const weight =
      nodeCost +
      byteSize(
        dtype,
        shape.map((size) => Math.max(size, 1)),
      );
    const turns = turnsMatrices(this.variables[maker.variable]) || turnsMatrices(this.variables[to]);
    const link = { tensor, shape, weight, from: maker.variable, result: maker.result, to, operand, turns };
    this.links.push(link);
    this.variables[maker.variable]?.links.push(link);
    if (maker.variable !== to) this.variables[to]?.links.push(link);
  }

  /** What a variable becomes if one of its operands or results is stored in `order`; null when it cannot. */
  proposal(at: number, end: LayoutEnd, order: Order): Relayout | null {
    const variable = this.variables[at];
    if (!variable) return null;
    if (variable.node && variable.use) {
      const rule = opOf(variable.node.kind)?.layout;
      return !rule || isBarrier(rule) ? null : rule(variable.use, end, order);
    }
    const { shape = [], free } = variable;
    // One that stores the elements alike will do: then axes of size 1 move, and nothing else.
    const taken = free.find((one) => sameOrder(one, order)) ?? free.find((one) => sameElements(shape, one, order));
    if (!taken) return null;
    return end.side === "result" ? { operands: [], results: [taken] } : { operands: [taken], results: [] };
  }
}

/** The choice that a node has to begin with: every tensor stored as the graph has it. */
function asItIs(node: Node, use: OperatorUse): Relayout {
  const results = use.outputs.map(({ shape }) => identityOrder(shape.length));
  const rule = opOf(node.kind)?.layout;
  const [first] = results;
  const followed = rule && !isBarrier(rule) && first ? rule(use, { side: "result", position: 0 }, first) : null;
  if (followed?.vanishes) return followed;
  return { operands: use.inputs.map((input) => input && identityOrder(input.shape.length)), results };
}

/** The order in which a choice gives the value of a link. */
export const givenOrder = (link: Link, maker: Relayout): Order =>
  maker.results[link.result] ?? identityOrder(link.shape.length);

/** The order in which a choice wants it: maybe of more axes, see {@link Relayout.operands}. */
export const wantedOrder = (link: Link, user: Relayout): Order =>
  user.operands[link.operand] ?? identityOrder(link.shape.length);

export function linkCost(link: Link, given: Order, wanted: Order): number {
  const rank = Math.max(given.length, wanted.length);
  const [from, to] = [inFront(given, rank), inFront(wanted, rank)];
  if (sameOrder(from, to)) return 0;
  const shape = [...new Array<number>(rank - link.shape.length).fill(1), ...link.shape];
  if (sameElements(shape, from, to)) return reshapeCost;
  return link.turns && isTurned(from, to) ? Math.min(turnCost, link.weight) : link.weight;
}

function turnsMatrices(variable: Variable | undefined): boolean {
  const rule = variable?.node && opOf(variable.node.kind)?.layout;
  return rule !== null && rule !== undefined && isBarrier(rule) && rule.turns === true;
}

/** Do just the last two axes trade places? */
function isTurned(from: Order, to: Order): boolean {
  const rank = from.length;
  return rank >= 2 && from.every((axis, at) => axis === to[at < rank - 2 ? at : 2 * rank - 3 - at]);
}

export const sameOrder = (a: Order, b: Order): boolean =>
  a.length === b.length && a.every((axis, at) => axis === b[at]);

/** Do two choices store everything alike? */
export function sameChoice(a: Relayout, b: Relayout): boolean {
  const same = (x: Order | null, y: Order | null | undefined) =>
    x && y ? sameOrder(x, y) : (x === null || isIdentity(x)) && (!y || isIdentity(y));
  return (
    a.operands.every((order, at) => same(order, b.operands[at])) &&
    a.results.every((order, at) => same(order, b.results[at]))
  );
}
