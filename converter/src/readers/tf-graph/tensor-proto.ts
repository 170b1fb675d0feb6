/**
 * TensorProto → {@link TfTensor}. Values lie in `tensor_content`, or in a list by type, whose last value stands for all that
 * follow it (tensorflow `core/framework/tensor.proto`, `tensor.cc` FromProto). Sizes are bounded before anything is made.
 */
import { elementCount, type Shape } from "../../ir/graph.ts";
import { lazyConstant } from "../../ir/lazy-constant.ts";
import { decodeFloat16 } from "../../ir/values.ts";
import { corrupt, type TfTensor, tooLarge } from "./graph.ts";
import type { ShapeMessage, TensorMessage } from "./graph-messages.ts";
import { constantFrom, constantOfNumbers, dtypeOf, storedBytes, typeName } from "./tensor-types.ts";

const maxElements = 2 ** 31;
const maxRank = 254;

/** -1 for unknown sizes; null for an unknown rank. @throws FORMAT_CORRUPT, FORMAT_LIMIT */
export function decodeShape(message: ShapeMessage | undefined): Shape | null {
  if (!message) return [];
  if (message.unknownRank) return null;
  if (message.dim.length > maxRank) throw tooLarge(`a shape of ${message.dim.length} axes`);
  return message.dim.map(({ size }) => {
    if (size < -1n) throw corrupt(`a size of ${size}`);
    if (size > BigInt(maxElements)) throw tooLarge(`a size of ${size}`);
    return Number(size);
  });
}

/** @throws FORMAT_CORRUPT, FORMAT_LIMIT */
export function decodeTensor(message: TensorMessage, where: string): TfTensor {
  const type = typeName(message.dtype);
  const shape = decodeShape(message.shape);
  if (!shape || shape.includes(-1)) throw corrupt(`the constant "${where}" has no fixed shape`);
  const count = elementCount(shape);
  if (count > maxElements) throw tooLarge(`the constant "${where}" has ${count} elements`);
  if (type === "DT_STRING") return { type, shape, strings: message.stringVal.map(textOf) };
  const size = storedBytes(type);
  if (size === undefined) return { type, shape };
  if (message.content.byteLength > 0) {
    if (message.content.byteLength !== count * size) {
      throw corrupt(`the constant "${where}" has ${message.content.byteLength} bytes for ${count} elements of ${type}`);
    }
    const constant = constantFrom(type, shape, () => message.content);
    return constant ? { type, shape, constant } : { type, shape };
  }
  const values = listOf(type, message);
  if (values.length > count) throw corrupt(`the constant "${where}" has ${values.length} values for ${count} elements`);
  const byteLength = count * (dtypeOf(type) === "bool" ? 1 : 4);
  const last = values.at(-1) ?? 0;
  const constant = lazyConstant(byteLength, () => {
    const all = Array.from({ length: Math.max(count, 1) }, (_, at) => values[at] ?? last).slice(0, count);
    return constantOfNumbers(type, all)?.bytes() ?? new Uint8Array(0);
  });
  return { type, shape, constant };
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function listOf(type: string, message: TensorMessage): readonly number[] {
  switch (type) {
    case "DT_FLOAT":
      return message.floatVal;
    case "DT_DOUBLE":
      return message.doubleVal;
    case "DT_HALF":
      return Array.from(decodeFloat16(new Uint8Array(Uint16Array.from(message.halfVal).buffer)));
    case "DT_BFLOAT16":
      return Array.from(new Float32Array(Uint32Array.from(message.halfVal, (bits) => (bits & 0xffff) * 65_536).buffer));
    case "DT_INT64":
      return message.int64Val.map(Number);
    case "DT_UINT64":
      return message.uint64Val.map(Number);
    case "DT_UINT32":
      return message.uint32Val.map(Number);
    case "DT_BOOL":
      return message.boolVal.map(Number);
    default:
      return message.intVal;
  }
}
