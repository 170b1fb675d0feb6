/**
 * Makes the constants that a plan asks for: integers of weights, biases and constants that stand in for values, halves.
 * Bytes are computed when the file is written; nothing large is held. Equal requests give one tensor.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { byteSize, elementCount, type GraphDraft, type Quantization, type Shape, type TensorId } from "../ir/graph.ts";
import { lazyConstant } from "../ir/lazy-constant.ts";
import { bytesOf, encodeFloat16 } from "../ir/values.ts";
import type { FloatConstants } from "./operands.ts";
import type { OperandPlan, WeightPlan } from "./plan.ts";
import type { ValueDType } from "./precision.ts";
import { clamp } from "./rounding.ts";
import { type AffineParameters, quantizeValue } from "./scales.ts";
import { blockView, channelView, packInt4, quantizeBias, quantizeInt4, quantizeWeights } from "./weights.ts";

const largestFloat16 = 65504;

export class PlannedConstants {
  readonly #draft: GraphDraft;
  readonly #floats: FloatConstants;
  readonly #made = new Map<string, TensorId>();

  constructor(draft: GraphDraft, floats: FloatConstants) {
    this.#draft = draft;
    this.#floats = floats;
  }

  /** Of a constant that stands in for a run-time value. */
  value(id: TensorId, { scale, zeroPoint }: AffineParameters, dtype: ValueDType): TensorId {
    return this.once(`${id}:${dtype}:${scale}:${zeroPoint}`, () => {
      const { name, shape } = this.#draft.tensor(id);
      const constant = lazyConstant(elementCount(shape) * (dtype === "int8" ? 1 : 2), () =>
        bytesOf(
          dtype,
          Array.from(this.#read(id), (value) => quantizeValue(value, { scale, zeroPoint }, dtype)),
        ),
      );
      const quantization = { scales: [scale], zeroPoints: [zeroPoint], axis: 0 };
      return this.#draft.addTensor({ name, dtype, shape, quantization, constant });
    });
  }

  weight(id: TensorId, plan: WeightPlan, name = this.#draft.tensor(id).name): TensorId {
    const { axis, scales, values, blockSize, dtype = "int8" } = plan;
    const make = () => {
      const { shape } = this.#draft.tensor(id);
      const view = blockSize === undefined ? channelView(shape, axis) : blockView(shape, blockSize);
      const nearest = dtype === "int4" ? quantizeInt4 : quantizeWeights;
      const constant = lazyConstant(byteSize(dtype, shape), () => {
        const integers = values?.() ?? nearest(this.#read(id), view, scales);
        return dtype === "int4" ? packInt4(integers) : bytesOfInts(integers);
      });
      const quantization: Quantization =
        blockSize === undefined
          ? { scales, zeroPoints: scales.map(() => 0), axis: axis ?? 0 }
          : { scales: [], zeroPoints: [], axis: axis ?? 0, blocks: { scales: this.#blockScales(plan, shape, name), size: blockSize } }; // biome-ignore format: two forms
      return this.#draft.addTensor({ name, dtype, shape, quantization, constant });
    };
    // Chosen integers belong to one reader; nearest ones serve all that ask for these scales.
    return values ? make() : this.once(`${id}:weight:${dtype}:${blockSize ?? axis}:${scales.join()}`, make);
  }

  /** The tensor that holds the scales of blocks: [rows, blocks of a row], float16. */
  #blockScales({ scales, blockSize = 1 }: WeightPlan, shape: Shape, name: string): TensorId {
    const perRow = (shape.at(-1) ?? 1) / blockSize;
    const bytes = encodeFloat16(scales);
    return this.#draft.addConstant(`${name}_scales`, "float16", [scales.length / perRow, perRow], bytes);
  }

  bias(id: TensorId, plan: Extract<OperandPlan, { use: "bias" }>): TensorId {
    const { scales, correction } = plan;
    const dtype = plan.dtype ?? "int32";
    return this.once(`${id}:bias:${dtype}:${scales.join()}:${correction?.join() ?? ""}`, () => {
      const { name, shape } = this.#draft.tensor(id);
      const values = Float64Array.from(this.#read(id), (value, at) => value + (correction?.[at] ?? 0));
      const quantization = { scales, zeroPoints: scales.map(() => 0), axis: 0 };
      const bytes = bytesOf(dtype, quantizeBias(values, scales, dtype));
      return this.#draft.addConstant(name, dtype, shape, bytes, quantization);
    });
  }

  /** The same values in float16, held within what it has (LiteRT's rule). */
  half(id: TensorId, name: string): TensorId {
    const { shape } = this.#draft.tensor(id);
    const constant = lazyConstant(elementCount(shape) * 2, () =>
      encodeFloat16(this.#read(id).map((value) => clamp(value, -largestFloat16, largestFloat16))),
    );
    return this.#draft.addTensor({ name, dtype: "float16", shape, constant });
  }

  /** The tensor made for this key, made now if there is none. */
  once(key: string, make: () => TensorId): TensorId {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#made.set(key, made);
    return made;
  }

  #read(id: TensorId): Float32Array {
    const values = this.#floats.read(id);
    if (values) return values;
    throw new FlotillaError("GRAPH_INVALID", `The plan takes tensor ${id} for a float constant, which it is not.`);
  }
}

const bytesOfInts = (values: Int8Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.length);
