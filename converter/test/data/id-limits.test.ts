import { describe, expect, it } from "vitest";
import { idLimits } from "../../src/data/id-limits.ts";
import { GraphDraft, type Shape, type TensorId } from "../../src/ir/graph.ts";
import { bytesOf } from "../../src/ir/values.ts";
import { embeddingLookup } from "../../src/ops/embedding-lookup.ts";
import { equal } from "../../src/ops/equal.ts";
import { floorMod } from "../../src/ops/floor-mod.ts";
import { gather } from "../../src/ops/gather.ts";
import { reshape } from "../../src/ops/reshape.ts";

/** A graph of one input of ids. */
class Lookup {
  readonly draft = new GraphDraft();
  readonly ids = this.draft.addTensor({ name: "ids", dtype: "int32", shape: [1, 4] });

  constructor() {
    this.draft.inputs.push(this.ids);
  }

  constant(dtype: "float32" | "int32", shape: Shape, ...values: number[]): TensorId {
    const count = shape.reduce((product, size) => product * size, 1);
    const all = values.length > 0 ? values : new Array<number>(count).fill(0.5);
    return this.draft.addConstant("constant", dtype, shape, bytesOf(dtype, all));
  }

  result(dtype: "float32" | "int32" | "bool", ...shape: number[]): TensorId {
    return this.draft.addTensor({ name: "value", dtype, shape });
  }

  wrapped(rows: number): TensorId {
    const wrapped = this.result("int32", 1, 4);
    const inputs = [this.ids, this.constant("int32", [], rows)];
    this.draft.addNode(floorMod.node({ name: "wrapped", inputs, outputs: [wrapped] }));
    return wrapped;
  }

  rowsOf(rows: number, ids = this.ids): TensorId {
    const found = this.result("float32", 1, 4, 3);
    const inputs = [this.constant("float32", [rows, 3]), ids];
    this.draft.addNode(gather.node({ name: "rows", inputs, outputs: [found], attributes: { axis: 0 } }));
    return found;
  }

  limits(...outputs: TensorId[]): readonly number[] {
    this.draft.outputs = outputs;
    return [...idLimits(this.draft.freeze()).values()];
  }
}

describe("ids of tables", () => {
  it("are below the rows of the table", () => {
    const graph = new Lookup();
    expect(graph.limits(graph.rowsOf(7))).toEqual([7]);
  });

  it("are below those of the smallest table, seen through wraps and reshapes", () => {
    const graph = new Lookup();
    const flat = graph.result("int32", 4);
    const target = graph.constant("int32", [1], 4);
    graph.draft.addNode(
      reshape.node({ name: "flat", inputs: [graph.ids, target], outputs: [flat], attributes: { newShape: [4] } }),
    );
    const found = graph.result("float32", 4, 3);
    const table = graph.constant("float32", [5, 3]);
    graph.draft.addNode(embeddingLookup.node({ name: "found", inputs: [flat, table], outputs: [found] }));
    expect(graph.limits(graph.rowsOf(7, graph.wrapped(7)), found)).toEqual([5]);
  });

  it("are nothing that is compared or given out as well", () => {
    const compared = new Lookup();
    const same = compared.result("bool", 1, 4);
    const zero = compared.constant("int32", [], 0);
    compared.draft.addNode(equal.node({ name: "same", inputs: [compared.ids, zero], outputs: [same] }));
    expect(compared.limits(compared.rowsOf(7), same)).toEqual([]);
    const given = new Lookup();
    expect(given.limits(given.rowsOf(7), given.ids)).toEqual([]);
  });
});
