/**
 * The sparse form of a constant: traversal order, blocks, and per level either a dense size or compressed rows
 * (`schema.fbs`, table SparsityParameters; `verifier.cc`, VerifySparseTensorBuffer). What a runtime unpacks by it then
 * stays inside the dense tensor.
 */
import { corrupt } from "./corrupt.ts";
import type { FileTensor } from "./schema.ts";

type Sparsity = NonNullable<FileTensor["sparsity"]>;
type Level = Sparsity["dimMetadata"][number];

export function verifySparsity(
  { traversalOrder, blockMap, dimMetadata }: Sparsity,
  shape: readonly number[],
  stored: { readonly bits: number; readonly bytes: number },
  path: string,
): void {
  const levels = shape.length + blockMap.length;
  const order = [...traversalOrder].sort((a, b) => a - b);
  if (order.length !== levels || order.some((axis, i) => axis !== i) || dimMetadata.length !== levels)
    throw corrupt(path, `a traversal of ${traversalOrder.length} and ${dimMetadata.length} levels for ${levels} axes`);
  // The axes themselves come first, in any order, then the blocks; an axis has one block at most (schema.fbs).
  if (traversalOrder.slice(0, shape.length).some((axis) => axis >= shape.length))
    throw corrupt(path, "a traversal of blocks before axes");
  if (blockMap.some((axis) => axis < 0 || axis >= shape.length) || new Set(blockMap).size !== blockMap.length)
    throw corrupt(path, "a block of an axis that is none, or has one already");
  const sizes = levelSizes(traversalOrder, blockMap, dimMetadata, shape, path);
  let rows = 1;
  for (const [i, level] of dimMetadata.entries()) {
    const size = sizes[i] ?? 0;
    rows = level.format === "DENSE" ? rows * size : verifyCompressed(level, rows, size, path);
    if (!(rows <= stored.bytes * 8)) throw corrupt(path, `${rows} values and more in ${stored.bytes} bytes`);
  }
  if (Math.ceil((rows * stored.bits) / 8) !== stored.bytes)
    throw corrupt(path, `${rows} values in ${stored.bytes} bytes`);
}

/** The size of every level in the order of traversal: blocks have a dense size, and divide their axis. */
function levelSizes(
  order: readonly number[],
  blockMap: readonly number[],
  levels: readonly Level[],
  shape: readonly number[],
  path: string,
): readonly number[] {
  const blocks = new Map<number, number>();
  for (const [i, axis] of order.entries()) {
    if (axis < shape.length) continue;
    const block = levels[i]?.denseSize ?? 0;
    const blocked = blockMap[axis - shape.length] ?? -1;
    if (levels[i]?.format !== "DENSE" || block < 1 || (shape[blocked] ?? 0) % block !== 0)
      throw corrupt(path, `blocks of ${block} along axis ${blocked} of [${shape.join(", ")}]`);
    blocks.set(blocked, block);
  }
  return order.map((axis, i) => {
    const level = levels[i];
    const size = axis < shape.length ? (shape[axis] ?? 0) / (blocks.get(axis) ?? 1) : (level?.denseSize ?? 0);
    if (level?.format === "DENSE" && level.denseSize !== size)
      throw corrupt(path, `level ${i} has the size ${level.denseSize}, not ${size}`);
    return size;
  });
}

/** Row starts ascend from 0 to the number of indices; indices ascend in each row and lie inside it. */
function verifyCompressed(level: Level, rows: number, size: number, path: string): number {
  const [starts, indices] = [sparseVectorValues(level.arraySegments), sparseVectorValues(level.arrayIndices)];
  if (starts.length !== rows + 1 || starts[0] !== 0 || starts.at(-1) !== indices.length)
    throw corrupt(path, `${starts.length} row starts for ${rows} rows and ${indices.length} indices`);
  for (let row = 0; row < rows; row++) {
    const [from = 0, to = 0] = [starts[row], starts[row + 1]];
    if (to < from || to > indices.length) throw corrupt(path, `row ${row} reaches from ${from} to ${to}`);
    for (let i = from; i < to; i++) {
      const index = indices[i] ?? -1;
      if (index < 0 || index >= size || (i > from && index <= (indices[i - 1] ?? -1)))
        throw corrupt(path, `the index ${index} in a row of ${size}`);
    }
  }
  return indices.length;
}

/** The numbers of a vector in any of its three widths; none where there is no vector. */
export function sparseVectorValues(vector: Level["arraySegments"]): readonly number[] | Uint8Array {
  const values: unknown = vector?.value.values;
  if (values instanceof Uint8Array) return values;
  return Array.isArray(values) ? values.map(Number) : [];
}
