/**
 * Rewrites a graph to the choices of a {@link LayoutProblem}: values are stored in the order that their maker gives,
 * operands that want another one get a TRANSPOSE (or a RESHAPE where only axes of size 1 move), constants are permuted.
 * What was a TRANSPOSE becomes a RESHAPE to its own shape, which the pass for identities takes out.
 */
import type { Node, Shape, TensorId } from "../../ir/graph.ts";
import { elementBytesOf } from "../../ops/evaluate/rearrange.ts";
import type { Order, Relayout } from "../../ops/layout/layout-rule.ts";
import { identityOrder, inFront, isIdentity, permuted, sameElements } from "../../ops/layout/order.ts";
import { reshape } from "../../ops/reshape.ts";
import { transpose } from "../../ops/transpose.ts";
import type { GraphRewrite } from "../graph-rewrite.ts";
import { type LayoutProblem, sameOrder } from "./layout-problem.ts";
import { permutedConstant } from "./permute-constant.ts";

export function applyOrders(graph: GraphRewrite, problem: LayoutProblem): void {
  new OrderWriter(graph, problem).run();
}

class OrderWriter {
  readonly #graph: GraphRewrite;
  readonly #problem: LayoutProblem;
  /** The order in which each value is stored that is not stored as the graph has it. */
  readonly #stored = new Map<TensorId, Order>();
  /** Shapes as the graph had them. */
  readonly #shapes = new Map<TensorId, Shape>();
  /** Values in other orders than they are stored in, by tensor and order. */
  readonly #copies = new Map<string, TensorId>();
  /** What stands for a graph output that is stored in another order than it is given out. */
  readonly #inner = new Map<TensorId, TensorId>();

  constructor(graph: GraphRewrite, problem: LayoutProblem) {
    this.#graph = graph;
    this.#problem = problem;
  }

  run(): void {
    const { inputs, choices, variables } = this.#problem;
    for (const [id, at] of inputs) this.#declare(id, choices[at]?.results[0]);
    for (const [at, { node }] of variables.entries()) {
      const choice = choices[at];
      if (node && choice) this.#rewrite(node, choice);
    }
  }

  /** A graph input or output in another order than the source's. */
  #declare(id: TensorId, order: Order | undefined): void {
    if (!order || isIdentity(order)) return;
    this.#store(id, order);
    this.#graph.setTensor(id, { sourceAxes: order });
  }

  #store(id: TensorId, order: Order): void {
    const shape = this.#graph.shapeOf(id);
    this.#shapes.set(id, shape);
    this.#stored.set(id, order);
    this.#graph.setTensor(id, { shape: permuted(shape, order) });
  }

  #rewrite(node: Node, choice: Relayout): void {
    if (choice.vanishes) {
      this.#rewriteTranspose(node, choice);
      return;
    }
    const moved = !isWholeIdentity(choice);
    const before: Node[] = [];
    const inputs = node.inputs.map((id, at) => {
      if (id === null) return null;
      const special = choice.constants?.[at];
      if (special) return this.#permuted(id, special.order, special.view) ?? id;
      const indices = choice.indices?.[at];
      if (indices && moved) return this.#indices(id, indices, node.name);
      return this.#operand(id, choice.operands[at] ?? identityOrder(this.#shapeOf(id).length), before);
    });
    const after: Node[] = [];
    const outputs = node.outputs.map((id, at) => this.#result(id, choice.results[at], after));
    if (!moved && after.length === 0 && inputs.every((id, at) => id === node.inputs[at])) return;
    const attributes = moved ? { ...node.attributes, ...choice.attributes } : node.attributes;
    this.#graph.replace(node, ...before, { ...node, inputs, outputs, attributes }, ...after);
  }

  /** Where its operand is not stored in the order that makes it nothing, it is the node that moves the elements. */
  #rewriteTranspose(node: Node, choice: Relayout): void {
    const [id] = node.inputs;
    const [output] = node.outputs;
    const [given] = choice.operands;
    if (typeof id !== "number" || output === undefined || !given) return;
    const stored = this.#storedOrder(id);
    const constant = this.#graph.tensor(id).constant;
    const copy = sameOrder(stored, given)
      ? this.#actual(id)
      : constant
        ? this.#permuted(id, given)
        : this.#copies.get(key(id, given));
    const [result = []] = choice.results;
    if (copy === undefined && isIdentity(stored) && isIdentity(result) && !this.#isDeclaredOtherwise(output, result)) {
      this.#copies.set(key(id, given), output);
      return; // it stays what it was
    }
    const after: Node[] = [];
    const made = this.#result(output, result, after);
    const shape = this.#graph.shapeOf(made);
    if (copy === undefined) this.#copies.set(key(id, given), made);
    const moving =
      copy === undefined ? this.#moved(node.name, id, given, [made]) : [this.#reshape(node.name, copy, shape, [made])];
    this.#graph.replace(node, ...moving, ...after);
  }

  #isDeclaredOtherwise(id: TensorId, order: Order): boolean {
    const declared = this.#declaredOrder(id);
    return declared !== undefined && !sameOrder(declared, order);
  }

  /** The order in which a graph output is given out. */
  #declaredOrder(id: TensorId): Order | undefined {
    const at = this.#problem.outputs.get(id);
    return at === undefined ? undefined : (this.#problem.choices[at]?.operands[0] ?? undefined);
  }

  /** Stores a result in its order; a graph output in the order that it is given out, with a copy for who wants this one. */
  #result(id: TensorId, order: Order | undefined, after: Node[]): TensorId {
    const { name, dtype, shape } = this.#graph.tensor(id);
    const own = order ?? identityOrder(shape.length);
    const declared = this.#declaredOrder(id) ?? own;
    if (sameOrder(declared, own)) {
      if (this.#graph.isOutput(id)) this.#declare(id, own);
      else if (!isIdentity(own)) this.#store(id, own);
      return id;
    }
    const inner = this.#graph.addTensor({ name: `${name}/stored`, dtype, shape: permuted(shape, own) });
    this.#shapes.set(id, shape);
    this.#stored.set(id, own);
    this.#inner.set(id, inner);
    after.push(...this.#moved(`${name}/given`, id, declared, [id]));
    if (!isIdentity(declared)) this.#graph.setTensor(id, { shape: permuted(shape, declared), sourceAxes: declared });
    this.#copies.set(key(id, declared), id);
    return inner;
  }

  #shapeOf(id: TensorId): Shape {
    return this.#shapes.get(id) ?? this.#graph.shapeOf(id);
  }

  #storedOrder(id: TensorId): Order {
    return this.#stored.get(id) ?? identityOrder(this.#shapeOf(id).length);
  }

  #actual(id: TensorId): TensorId {
    return this.#inner.get(id) ?? id;
  }

  /** The tensor with the value in an order, made by nodes in `before` if there is none yet. */
  #operand(id: TensorId, order: Order, before: Node[]): TensorId {
    const { constant, name, dtype } = this.#graph.tensor(id);
    if (sameOrder(inFront(this.#storedOrder(id), order.length), order)) return this.#actual(id);
    const known = this.#copies.get(key(id, order)) ?? (constant ? this.#permuted(id, order) : undefined);
    if (known !== undefined) return known;
    const shape = permuted(onesInFront(this.#shapeOf(id), order.length), order);
    const copy = this.#graph.addTensor({ name: `${name}/${order.join("")}`, dtype, shape });
    before.push(...this.#moved(`${name}/${order.join("")}`, id, order, [copy]));
    this.#copies.set(key(id, order), copy);
    return copy;
  }

  /** The nodes that bring a value from the order in which it is stored into another. */
  #moved(name: string, id: TensorId, order: Order, outputs: readonly TensorId[]): Node[] {
    const rank = order.length;
    const own = this.#storedOrder(id);
    const stored = inFront(own, rank);
    const shape = onesInFront(this.#shapeOf(id), rank);
    const openSizes = shape.filter((size) => size === -1).length;
    const source = this.#actual(id);
    if (openSizes <= 1 && sameElements(shape, stored, order)) {
      return [this.#reshape(name, source, permuted(shape, order), outputs)];
    }
    const order32 = order.map((axis) => stored.indexOf(axis));
    const permutation = this.#graph.addValues(`${name}/order`, "int32", [rank], order32);
    if (own.length === rank) return [transpose.node({ name, inputs: [source, permutation], outputs })];
    const { dtype } = this.#graph.tensor(id);
    const wide = this.#graph.addTensor({ name: `${name}/wide`, dtype, shape: permuted(shape, stored) });
    return [
      this.#reshape(`${name}/wide`, source, permuted(shape, stored), [wide]),
      transpose.node({ name, inputs: [wide, permutation], outputs }),
    ];
  }

  #reshape(name: string, id: TensorId, newShape: Shape, outputs: readonly TensorId[]): Node {
    const shape = this.#graph.addValues(`${name}/shape`, "int32", [newShape.length], newShape);
    return reshape.node({ name, inputs: [id, shape], outputs, attributes: { newShape } });
  }

  /** A constant in another order of its axes, or of those of a view; undefined where its elements share bytes. */
  #permuted(id: TensorId, order: Order, view?: Shape): TensorId | undefined {
    const known = this.#copies.get(key(id, order, view));
    const { name, dtype, shape, constant, quantization } = this.#graph.tensor(id);
    const size = elementBytesOf(dtype);
    if (known !== undefined || !constant || size === null) return known;
    const wide = view ?? onesInFront(shape, order.length);
    const stored = permuted(wide, order);
    const ones = order.length > shape.length && !view ? stored.findIndex((length) => length !== 1) : 0;
    const copy = this.#graph.addTensor({
      name,
      dtype,
      shape: view ? shape : stored.slice(Math.max(0, ones)),
      constant: permutedConstant(constant, wide, order, size),
      ...(quantization
        ? { quantization: { ...quantization, axis: view ? quantization.axis : order.indexOf(quantization.axis) } }
        : {}),
    });
    this.#copies.set(key(id, order, view), copy);
    return copy;
  }

  #indices(id: TensorId, values: readonly number[], name: string): TensorId {
    const { dtype, shape } = this.#graph.tensor(id);
    const count = shape.reduce((product, size) => product * size, 1);
    return this.#graph.addValues(`${name}/axes`, dtype, count === values.length ? shape : [values.length], values);
  }
}

const key = (id: TensorId, order: Order, view?: Shape): string => `${id}:${order.join()}:${view?.join() ?? ""}`;

const onesInFront = (shape: Shape, rank: number): Shape => [
  ...new Array<number>(Math.max(0, rank - shape.length)).fill(1),
  ...shape,
];

const isWholeIdentity = ({ operands, results }: Relayout): boolean =>
  [...operands, ...results].every((order) => order === null || isIdentity(order));
