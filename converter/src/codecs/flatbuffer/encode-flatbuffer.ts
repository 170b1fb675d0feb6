/**
 * Writes plain objects as a flatbuffer by a schema, on top of the `flatbuffers` package's builder. The same value gives
 * the same bytes. Byte vectors come last in the file, in the order in which they are met, each written once per object:
 * so the small head lies in front of the weights. Equal strings, short vectors (shapes, zero points) and tables that one
 * other table points at (options, quantization) lie there once.
 * The builder fills its buffer from the end, hence the reversed loops. Knows nothing about any format.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import {
  type Encodable,
  type Field,
  type LazyBytes,
  type Scalar,
  scalarBytes,
  type TableSchema,
  type UnionValue,
} from "@flotilla/protocol/flatbuffer/schema";
import { Builder } from "flatbuffers";
import { joinPieces } from "../join-pieces.ts";

type Row = Readonly<Record<string, unknown>>;
type Bytes = Uint8Array | LazyBytes;

/** The builder's offsets are 32-bit signed. */
const largestFileBytes = 2 ** 31 - 1;

/** A file that is written piece by piece: the head, then the byte vectors, each behind its length. */
export interface FlatbufferPlan {
  readonly byteLength: number;
  readonly head: Uint8Array;
  /** In the order of the file; `start` is where the bytes themselves begin. */
  readonly tail: readonly { readonly start: number; readonly content: Bytes }[];
}

/** Head and tail are whole multiples of this, so that what is aligned in one is aligned in the file. */
const alignment = 16;
const lengthBytes = 4;
const alignedTo = (align: number, position: number): number => Math.ceil(position / align) * align;

/**
 * The builder counts offsets from the end of the file. It builds only the head here: byte vectors lie at offsets behind
 * its own end, negative ones, and references to them come out as they would with the vectors in place.
 * @throws UNSUPPORTED_FORMAT beyond 2 GB
 */
export function planFlatbuffer<T extends TableSchema>(
  value: Encodable<T>,
  schema: T,
  identifier?: string,
): FlatbufferPlan {
  const blobs = new Map<Bytes, number>();
  const headBound = boundTable(schema, value, blobs) + 64;
  let tailBytes = 0;
  const places = [...blobs].map(([content, align]) => {
    const start = alignedTo(align, tailBytes + lengthBytes);
    tailBytes = start + content.byteLength;
    return { start, content };
  });
  tailBytes = alignedTo(alignment, tailBytes);
  if (headBound + tailBytes > largestFileBytes)
    throw new FlotillaError(
      "UNSUPPORTED_FORMAT",
      `A flatbuffer of about ${headBound + tailBytes} bytes cannot be written: 2 GB is the most.`,
      { details: { bytes: headBound + tailBytes, limit: largestFileBytes } },
    );
  const placed = new Map<Bytes, number>(places.map(({ content, start }) => [content, -(start - lengthBytes)]));
  const builder = new Builder(alignedTo(alignment, headBound)); // never grows
  builder.prep(alignment, 0);
  builder.finish(encodeTable(builder, schema, value, placed), identifier);
  const head = builder.asUint8Array();
  return {
    byteLength: head.byteLength + tailBytes,
    head,
    tail: places.map(({ content, start }) => ({ content, start: head.byteLength + start })),
  };
}

/** The pieces of a planned file in order; no more than one byte vector is in memory at a time. */
export function* flatbufferPieces({ head, tail, byteLength }: FlatbufferPlan): Generator<Uint8Array> {
  yield head;
  let at = head.byteLength;
  for (const { start, content } of tail) {
    const gap = new Uint8Array(start - at);
    new DataView(gap.buffer).setUint32(gap.byteLength - lengthBytes, content.byteLength, true);
    yield gap;
    const bytes = content instanceof Uint8Array ? content : content.bytes();
    yield bytes;
    at = start + bytes.byteLength;
  }
  yield new Uint8Array(byteLength - at);
}

/** A whole file in memory. */
export function encodeFlatbuffer<T extends TableSchema>(
  value: Encodable<T>,
  schema: T,
  identifier?: string,
): Uint8Array<ArrayBuffer> {
  const plan = planFlatbuffer(value, schema, identifier);
  return joinPieces(plan.byteLength, flatbufferPieces(plan));
}

/** An upper bound of the bytes that the table and all below it take, byte vectors aside; collects the byte vectors, in order. */
function boundTable(schema: TableSchema, row: Row, blobs: Map<Bytes, number>): number {
  let bound = 16 + schema.slotCount * 12;
  for (const { name, field } of schema.slots) {
    const value = row[name];
    if (value === undefined || value === null) continue;
    bound += boundField(field, value, blobs);
  }
  return bound;
}

function boundField(field: Field, value: unknown, blobs: Map<Bytes, number>): number {
  switch (field.kind) {
    case "string":
      return (value as string).length * 3 + 12;
    case "vector":
      return (value as readonly unknown[]).length * scalarBytes[field.type] + 16;
    case "bytes":
    case "blob":
      blobs.set(value as Bytes, Math.max(field.align, lengthBytes, blobs.get(value as Bytes) ?? 0));
      return 0;
    case "table":
      return boundTable(field.of, value as Row, blobs);
    case "tables":
      return (value as readonly Row[]).reduce((sum, row) => sum + 4 + boundTable(field.of, row, blobs), 8);
    case "union": {
      const { type, value: row } = value as UnionValue;
      return boundTable(memberOf(field.members, type).schema, row, blobs);
    }
    default:
      return 0;
  }
}

function memberOf(members: readonly TableSchema[], type: string): { schema: TableSchema; code: number } {
  const index = members.findIndex((member) => member.name === type);
  const schema = members[index];
  if (!schema) throw new FlotillaError("INTERNAL", `The union has no member ${type}.`);
  return { schema, code: index + 1 };
}

/** `shared`: one that was written before and is equal will do. */
function encodeTable(
  builder: Builder,
  schema: TableSchema,
  row: Row,
  placed: ReadonlyMap<Bytes, number>,
  shared = false,
): number {
  const offsets = new Map<string, number>();
  for (const { name, field } of schema.slots) {
    const value = row[name];
    if (value === undefined || value === null) continue;
    const offset = encodeReference(builder, field, value, placed);
    if (offset !== undefined) offsets.set(name, offset);
  }
  return once(builder, shared ? tableKey(schema, row, offsets) : null, () => writeTable(builder, schema, row, offsets));
}

/** What a table holds: its scalars, and where in the file lies what it points at. Equal parts have equal places by then. */
function tableKey({ name: table, slots }: TableSchema, row: Row, offsets: ReadonlyMap<string, number>): string {
  const held = slots.map(({ name, field }) => {
    const value = row[name];
    if (value === undefined || value === null) return "";
    const member = field.kind === "union" ? (value as UnionValue).type : "";
    return `${member}@${offsets.get(name) ?? (Object.is(value, -0) ? "-0" : String(value))}`;
  });
  return `${table}(${held.join()})`;
}

function writeTable(builder: Builder, schema: TableSchema, row: Row, offsets: ReadonlyMap<string, number>): number {
  builder.startObject(schema.slotCount);
  for (const { name, field, id } of schema.slots) {
    const value = row[name];
    if (value === undefined || value === null) continue;
    const offset = offsets.get(name);
    if (field.kind === "scalar") {
      if (Object.is(value, field.default)) continue;
      addScalar(builder, field.type, value);
    } else if (field.kind === "enum") {
      if (value === field.default) continue;
      const code = field.of.values[value as string];
      if (code === undefined) throw new FlotillaError("INTERNAL", `${String(value)} is no ${field.of.name}.`);
      addScalar(builder, field.of.type, code);
    } else if (offset !== undefined) builder.addOffset(offset);
    else continue;
    builder.slot(field.kind === "union" ? id + 1 : id);
    if (field.kind === "union") {
      builder.addInt8(memberOf(field.members, (value as UnionValue).type).code);
      builder.slot(id);
    }
  }
  return builder.endObject();
}

/** Vectors and tables that a builder holds, by type and values. */
const written = new WeakMap<Builder, Map<string, number>>();
/** Longer vectors are rarely equal, and comparing them costs more than it saves. */
const longestShared = 8192;

/** The offset of what has this key, written at its first use; null: of something that is not shared. */
function once(builder: Builder, key: string | null, write: () => number): number {
  if (key === null) return write();
  const known = written.get(builder) ?? new Map<string, number>();
  written.set(builder, known);
  const offset = known.get(key) ?? write();
  known.set(key, offset);
  return offset;
}

/** Writes what a table only points at; undefined for what lies in the table itself. */
function encodeReference(
  builder: Builder,
  field: Field,
  value: unknown,
  placed: ReadonlyMap<Bytes, number>,
): number | undefined {
  switch (field.kind) {
    case "string":
      return builder.createSharedString(value as string);
    case "bytes":
    case "blob":
      return placed.get(value as Bytes);
    case "vector": {
      const items = value as readonly unknown[];
      return once(builder, items.length > longestShared ? null : `${field.type}:${items.join()}`, () => {
        builder.startVector(scalarBytes[field.type], items.length, scalarBytes[field.type]);
        for (let i = items.length - 1; i >= 0; i--) addScalar(builder, field.type, items[i]);
        return builder.endVector();
      });
    }
    case "table":
      return encodeTable(builder, field.of, value as Row, placed, true);
    case "tables": {
      const rows = (value as readonly Row[]).map((row) => encodeTable(builder, field.of, row, placed));
      builder.startVector(4, rows.length, 4);
      for (const row of rows.reverse()) builder.addOffset(row);
      return builder.endVector();
    }
    case "union": {
      const { type, value: row } = value as UnionValue;
      return encodeTable(builder, memberOf(field.members, type).schema, row, placed, true);
    }
    default:
      return undefined;
  }
}

function addScalar(builder: Builder, type: Scalar, value: unknown): void {
  switch (type) {
    case "bool":
      builder.addInt8(value ? 1 : 0);
      return;
    case "int8":
    case "uint8":
      builder.addInt8(Number(value));
      return;
    case "int16":
    case "uint16":
      builder.addInt16(Number(value));
      return;
    case "int32":
    case "uint32":
      builder.addInt32(Number(value));
      return;
    case "int64":
    case "uint64":
      builder.addInt64(BigInt.asIntN(64, value as bigint));
      return;
    case "float32":
      builder.addFloat32(Number(value));
      return;
    case "float64":
      builder.addFloat64(Number(value));
      return;
  }
}
