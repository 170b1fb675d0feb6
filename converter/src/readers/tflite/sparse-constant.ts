/**
 * A constant that is stored sparse, as a dense one: the values in the file lie in the order of traversal, levels say where
 * each belongs (`schema.fbs`, table SparsityParameters; `format_converter.cc`). The form is verified before anything is
 * allocated, and a file cannot unpack to more than its size explains.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { FileTensor } from "@flotilla/protocol/tflite/schema";
import { tensorBits } from "@flotilla/protocol/tflite/tensor-bits";
import { sparseVectorValues, verifySparsity } from "@flotilla/protocol/tflite/verify-sparsity";
import { byteSize, type Constant, type DType, type Shape } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";

type Sparsity = NonNullable<FileTensor["sparsity"]>;

/** A net that is useful keeps one weight in a hundred; small files may be emptier. */
const mostGrowth = 256;
const freeBytes = 64 * 2 ** 20;

/** What the sparse constants of one file may still unpack to. */
export class UnpackBudget {
  readonly #fileBytes: number;
  #unpackedBytes = 0;

  constructor(fileBytes: number) {
    this.#fileBytes = fileBytes;
  }

  /** @throws FORMAT_LIMIT */
  take(bytes: number, path: string): void {
    this.#unpackedBytes += bytes;
    const limit = freeBytes + this.#fileBytes * mostGrowth;
    if (this.#unpackedBytes <= limit) return;
    throw new FlotillaError(
      "FORMAT_LIMIT",
      `${path}: the sparse constants unpack to ${this.#unpackedBytes} bytes and more, ${limit} at most.`,
      { details: { path, bytes: this.#unpackedBytes, limit } },
    );
  }
}

/** dtypes whose elements are whole bytes. */
const unpackable: readonly DType[] = ["float32", "float16", "bfloat16", "int8", "uint8", "int16", "int32"];

/** The dense constant, unpacked when asked for; or why it cannot be. */
export function denseConstant(
  { sparsity, type }: FileTensor & { readonly sparsity: Sparsity },
  dtype: DType,
  shape: Shape,
  stored: Constant,
  budget: UnpackBudget,
  path: string,
): Constant | string {
  if (!unpackable.includes(dtype)) return `it is stored sparse in ${dtype}`;
  verifySparsity(sparsity, shape, { bits: tensorBits[type], bytes: stored.byteLength }, path);
  const bytes = byteSize(dtype, shape);
  budget.take(bytes, path);
  return lazyConstant(bytes, () => unpack(sparsity, shape, byteSize(dtype, []), stored.bytes(), bytes));
}

/** One level of the traversal: how far a step along it moves in the dense tensor, and which steps there are. */
interface Walk {
  readonly stride: number;
  readonly size: number;
  /** Of a compressed level: where each row begins, and the steps in it. */
  readonly rows?: { readonly starts: ArrayLike<number>; readonly steps: ArrayLike<number> };
}

function unpack(sparsity: Sparsity, shape: Shape, width: number, values: Uint8Array, bytes: number): Uint8Array {
  const dense = new Uint8Array(bytes);
  const walks = walksOf(sparsity, shape);
  let next = 0;
  // The depth is that of the traversal, which the verifier holds to twice the number of axes.
  const visit = (level: number, row: number, element: number): void => {
    const walk = walks[level];
    if (!walk) {
      const from = next * width;
      for (let i = 0; i < width; i++) dense[element * width + i] = values[from + i] ?? 0;
      next += 1;
      return;
    }
    const { stride, size, rows } = walk;
    if (!rows) {
      for (let i = 0; i < size; i++) visit(level + 1, row * size + i, element + i * stride);
      return;
    }
    const end = rows.starts[row + 1] ?? 0;
    for (let i = rows.starts[row] ?? 0; i < end; i++) visit(level + 1, i, element + (rows.steps[i] ?? 0) * stride);
  };
  visit(0, 0, 0);
  return dense;
}

function walksOf({ traversalOrder, blockMap, dimMetadata }: Sparsity, shape: Shape): Walk[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  /** Size of the block of each axis that has one. */
  const blocks = new Map<number, number>();
  for (const [i, axis] of traversalOrder.entries()) {
    const blocked = blockMap[axis - shape.length];
    if (blocked !== undefined) blocks.set(blocked, dimMetadata[i]?.denseSize ?? 1);
  }
  return traversalOrder.map((axis, i) => {
    const own = blockMap[axis - shape.length] ?? axis;
    const block = blocks.get(own) ?? 1;
    const stride = (strides[own] ?? 1) * (axis < shape.length ? block : 1);
    const level = dimMetadata[i];
    if (level?.format !== "SPARSE_CSR") return { stride, size: level?.denseSize ?? 0 };
    const rows = { starts: sparseVectorValues(level.arraySegments), steps: sparseVectorValues(level.arrayIndices) };
    return { stride, size: 0, rows };
  });
}
