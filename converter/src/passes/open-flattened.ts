/**
 * Images that are flattened only to be worked on element by element, reduced or multiplied by weights keep an axis of
 * channels, so that layouts may store their axes in another order (group norm, similarities of two towers):
 *
 *     SUM(ABS(RESHAPE(x[N, C, H, W], [N, C·H·W])), last)   →   SUM(ABS(RESHAPE(x, [N, C, H·W])), last two)
 *
 * likewise [N, G, C·H·W/G] → [N, G, C/G, H·W]. All or nothing: a region with any other use of it is left alone.
 */
import type { Node, Shape, TensorId } from "../ir/graph.ts";
import { fullyConnected } from "../ops/fully-connected.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import { isElementwise } from "./elementwise.ts";
import type { GraphRewrite } from "./graph-rewrite.ts";
import type { Pass } from "./pass.ts";
import { integersOf } from "./scalars.ts";

export const openFlattened: Pass = {
  name: "open-flattened",
  run: (graph) => {
    // Only sources with channels first have anything to gain.
    if (
      ![...graph.nodes()].some(
        (node) => integersOf(graph, transpose.is(node) ? node.inputs[1] : null)?.join() === "0,3,1,2",
      )
    )
      return;
    for (const node of graph.nodes()) {
      const opened = openedShape(graph, node);
      const [flat] = node.outputs;
      if (!opened || flat === undefined) continue;
      const region = new Region(graph, graph.shapeOf(flat), opened);
      if (region.include(flat)) region.open();
    }
  },
};

/** [N, …, C, H·W] for a reshape of [N, C, H, W] to [N, C·H·W] or [N, G, C·H·W/G]. */
function openedShape(graph: GraphRewrite, node: Node | undefined): Shape | undefined {
  const [x] = node?.inputs ?? [];
  const [flat] = node?.outputs ?? [];
  if (!reshape.is(node) || typeof x !== "number" || flat === undefined) return undefined;
  const [from, to] = [graph.shapeOf(x), graph.shapeOf(flat)];
  const [batch = 0, channels = 0, height = 0, width = 0] = from;
  const groups = to.length === 3 ? (to[1] ?? 0) : 1;
  const area = height * width;
  if (from.length !== 4 || to.length < 2 || to.length > 3 || to[0] !== batch || from.includes(-1)) return undefined;
  if (channels % groups !== 0 || area < 2 || channels / groups < 2 || to.at(-1) !== (channels / groups) * area)
    return undefined;
  return [...to.slice(0, -1), channels / groups, area];
}

class Region {
  readonly #graph: GraphRewrite;
  readonly #flat: Shape;
  readonly #opened: Shape;
  readonly #thin: Shape;
  readonly #tensors = new Set<TensorId>();
  readonly #nodes = new Map<Node, "seed" | "element" | "reduction">();
  #worthIt = false;

  constructor(graph: GraphRewrite, flat: Shape, opened: Shape) {
    this.#graph = graph;
    this.#flat = flat;
    this.#opened = opened;
    this.#thin = flat.with(-1, 1);
  }

  /** Takes in all that must be opened with this tensor; false when something cannot. */
  include(first: TensorId): boolean {
    const queue = [first];
    for (const id of queue) {
      if (this.#tensors.has(id)) continue;
      this.#tensors.add(id);
      const maker = this.#graph.producerOf(id);
      if (!maker || this.#graph.isOutput(id) || !this.#takesMaker(maker, queue)) return false;
      if (!this.#graph.consumersOf(id).every((user) => this.#takesUser(user, queue))) return false;
    }
    return this.#worthIt;
  }

  #takesMaker(node: Node, queue: TensorId[]): boolean {
    if (openedShape(this.#graph, node)?.join() === this.#opened.join()) this.#nodes.set(node, "seed");
    else return this.#nodes.has(node) || this.#takesUser(node, queue);
    return true;
  }

  #takesUser(node: Node, queue: TensorId[]): boolean {
    if (this.#nodes.has(node) || reshape.is(node)) return true;
    if (fullyConnected.is(node)) {
      this.#worthIt = true;
      return node.attributes.keepNumDims === false;
    }
    const [output] = node.outputs;
    if (output === undefined || node.outputs.length !== 1) return false;
    if (this.#reducesLast(node)) {
      this.#nodes.set(node, "reduction");
      this.#worthIt = true;
      if (typeof node.inputs[0] === "number") queue.push(node.inputs[0]);
      if (node.attributes.keepDims === true) queue.push(output);
      return this.#isOf(node.inputs[0], this.#flat);
    }
    if (!isElementwise(this.#graph, node) || !(this.#isOf(output, this.#flat) || this.#isOf(output, this.#thin)))
      return false;
    this.#nodes.set(node, "element");
    for (const id of node.inputs) {
      if (id === null || this.#isSingle(id) || this.#isThinConstant(id)) continue;
      if (this.#graph.tensor(id).constant || !(this.#isOf(id, this.#flat) || this.#isOf(id, this.#thin))) return false;
      queue.push(id);
    }
    queue.push(output);
    return true;
  }

  #reducesLast(node: Node): boolean {
    const { keepDims } = node.attributes;
    const axes = typeof keepDims === "boolean" ? integersOf(this.#graph, node.inputs[1]) : undefined;
    return axes?.length === 1 && (axes[0] === -1 || axes[0] === this.#flat.length - 1);
  }

  #isOf(id: TensorId | null | undefined, shape: Shape): boolean {
    return typeof id === "number" && this.#graph.shapeOf(id).join() === shape.join();
  }

  #isSingle(id: TensorId): boolean {
    const { constant, shape } = this.#graph.tensor(id);
    return constant !== undefined && shape.every((size) => size === 1) && shape.length <= this.#flat.length;
  }

  /** One number per group. */
  #isThinConstant(id: TensorId): boolean {
    const { constant, shape } = this.#graph.tensor(id);
    return constant !== undefined && shape.length > 1 && shape.length <= this.#flat.length && shape.at(-1) === 1;
  }

  /** An element-wise node with its constants as thin as its values. */
  #withConstants(node: Node): Node {
    const inputs = node.inputs.map((id) => {
      if (id === null || this.#isSingle(id) || !this.#isThinConstant(id)) return id;
      const { name, dtype, shape, constant } = this.#graph.tensor(id);
      return constant ? this.#graph.addConstant(name, dtype, [...shape, 1], constant) : id;
    });
    return { ...node, inputs };
  }

  open(): void {
    for (const id of this.#tensors) {
      const isFlat = this.#isOf(id, this.#flat);
      this.#graph.setTensor(id, { shape: isFlat ? this.#opened : [...this.#thin, 1] });
    }
    const rank = this.#opened.length;
    for (const [node, kind] of this.#nodes) {
      if (kind === "element") {
        this.#graph.replace(node, this.#withConstants(node));
        continue;
      }
      const isSeed = kind === "seed";
      const values = isSeed ? this.#opened : [rank - 2, rank - 1];
      const operand = this.#graph.addValues(
        `${node.name}/${isSeed ? "shape" : "axes"}`,
        "int32",
        [values.length],
        values,
      );
      const attributes = isSeed ? { newShape: this.#opened } : node.attributes;
      this.#graph.replace(node, { ...node, inputs: [node.inputs[0] ?? null, operand], attributes });
    }
  }
}
