/**
 * Reads an untrusted flatbuffer by a schema into plain objects; large `[ubyte]` vectors are read when asked for.
 * Fails with FORMAT_TRUNCATED, FORMAT_CORRUPT, FORMAT_LIMIT or UNSUPPORTED_FORMAT, with the path and the byte offset.
 * A field that the schema does not have is refused, never skipped: it could change what the rest means.
 * Source: the FlatBuffers internals page and the checks of its C++ verifier. Knows nothing about any format.
 */
import { FlotillaError } from "../errors.ts";
import type { RandomAccess } from "../random-access.ts";
import { BoundedView, type DecodeLimits, decodeLimits } from "./bounded-view.ts";
import { type Decoded, type Field, type Slot, scalarBytes, type TableSchema, type UnionValue } from "./schema.ts";

type Row = Record<string, unknown>;

const utf8 = new TextDecoder("utf-8");
const rootBytes = 8;

/** Decodes a whole file whose bytes 4–7 are `identifier`; throws FORMAT_UNRECOGNIZED when they are not. */
export function decodeFlatbuffer<T extends TableSchema>(
  file: Uint8Array | RandomAccess,
  schema: T,
  identifier: string,
  limits: DecodeLimits = decodeLimits,
): Decoded<T> {
  const view = new BoundedView(file, limits);
  view.need(0, rootBytes, "the head of the file");
  const found = String.fromCharCode(...view.slice(4, 4));
  if (found !== identifier)
    throw new FlotillaError("FORMAT_UNRECOGNIZED", `The file's identifier is not "${identifier}".`, {
      details: { offset: 4, expected: identifier, found },
    });
  view.path.push(schema.name);
  return decodeTable(view, schema, view.follow(0, schema.name), 0) as Decoded<T>; // the one place where the schema becomes its type
}

function decodeTable(view: BoundedView, schema: TableSchema, offset: number, depth: number): Row {
  view.countTable(offset);
  view.checkDepth(depth, offset);
  const vtable = offset - view.int32(offset, "a table");
  const vtableBytes = view.uint16(vtable, "a vtable");
  const tableBytes = view.uint16(vtable + 2, "a vtable");
  if (vtableBytes < 4 || vtableBytes % 2 !== 0)
    throw view.fail("FORMAT_CORRUPT", `a vtable of ${vtableBytes} bytes`, vtable);
  view.need(vtable, vtableBytes, "a vtable");
  view.need(offset, tableBytes, "a table");

  /** Where the field of this id lies, 0 when it is absent. */
  const place = (id: number, size: number): number => {
    if (4 + id * 2 >= vtableBytes) return 0;
    const inTable = view.uint16(vtable + 4 + id * 2, "a vtable entry");
    if (inTable === 0) return 0;
    if (inTable < 4 || inTable + size > tableBytes)
      throw view.fail("FORMAT_CORRUPT", "a field outside its table", offset + inTable);
    return offset + inTable;
  };

  for (let id = schema.slotCount; 4 + id * 2 < vtableBytes; id++)
    if (place(id, 1) !== 0)
      throw view.fail(
        "UNSUPPORTED_FORMAT",
        `${schema.name} has a field (id ${id}) of a newer format`,
        vtable + 4 + id * 2,
      );

  const row: Row = {};
  for (const slot of schema.slots) {
    view.path.push(slot.name);
    row[slot.name] = decodeField(view, slot, place, depth);
    view.path.pop();
  }
  return Object.freeze(row);
}

function decodeField(
  view: BoundedView,
  slot: Slot,
  place: (id: number, size: number) => number,
  depth: number,
): unknown {
  const { field, id } = slot;
  const size =
    field.kind === "scalar" ? scalarBytes[field.type] : field.kind === "enum" ? scalarBytes[field.of.type] : 4;
  if (field.kind === "union") return decodeUnion(view, field.members, place(id, 1), place(id + 1, 4), depth);
  const at = place(id, size);
  if (at === 0) return absent(field);
  switch (field.kind) {
    case "scalar":
      return view.scalar(field.type, at, slot.name);
    case "enum": {
      const value = Number(view.scalar(field.of.type, at, slot.name));
      const name = field.of.names.get(value);
      if (name === undefined) throw view.fail("FORMAT_CORRUPT", `${value} is no ${field.of.name}`, at);
      return name;
    }
    case "string": {
      const { start, length } = view.vector(view.follow(at, "a string"), 1, "a string");
      view.countBytes(length, at);
      return utf8.decode(view.slice(start, length));
    }
    case "bytes": {
      const { start, length } = view.vector(view.follow(at, "a byte vector"), 1, "a byte vector");
      view.countBytes(length, at);
      return view.slice(start, length);
    }
    case "blob": {
      const { start, length } = view.vector(view.follow(at, "a byte vector"), 1, "a byte vector");
      return Object.freeze({ byteLength: length, bytes: () => view.slice(start, length) });
    }
    case "vector": {
      const size = scalarBytes[field.type];
      const { start, length } = view.vector(view.follow(at, "a vector"), size, "a vector");
      view.countBytes(length * size, at);
      view.countElements(length, at);
      return Object.freeze(Array.from({ length }, (_, i) => view.scalar(field.type, start + i * size, "an element")));
    }
    case "table":
      return decodeTable(view, field.of, view.follow(at, field.of.name), depth + 1);
    case "tables": {
      const { start, length } = view.vector(view.follow(at, "a vector of tables"), 4, "a vector of tables");
      view.countBytes(length * 4, at);
      const rows: Row[] = [];
      for (let i = 0; i < length; i++) {
        view.path.push(i);
        rows.push(decodeTable(view, field.of, view.follow(start + i * 4, field.of.name), depth + 1));
        view.path.pop();
      }
      return Object.freeze(rows);
    }
    case "deprecated":
      return undefined;
  }
}

function decodeUnion(
  view: BoundedView,
  members: readonly TableSchema[],
  typeAt: number,
  valueAt: number,
  depth: number,
): UnionValue | null {
  const type = typeAt === 0 ? 0 : Number(view.scalar("uint8", typeAt, "a union's type"));
  if (type === 0 && valueAt === 0) return null;
  if (type === 0 || valueAt === 0)
    throw view.fail("FORMAT_CORRUPT", "a union with only one of type and value", typeAt || valueAt);
  const member = members[type - 1];
  if (!member) return Object.freeze({ type: `#${type}`, value: Object.freeze({}) });
  const value = decodeTable(view, member, view.follow(valueAt, member.name), depth + 1);
  return Object.freeze({ type: member.name, value });
}

/** What a field that is not in the file reads as. */
export function absent(field: Field): unknown {
  switch (field.kind) {
    case "scalar":
    case "enum":
      return field.default;
    case "string":
      return "";
    case "bytes":
      return new Uint8Array(0);
    case "blob":
      return Object.freeze({ byteLength: 0, bytes: () => new Uint8Array(0) });
    case "vector":
    case "tables":
      return Object.freeze([]);
    case "table":
    case "union":
      return null;
    case "deprecated":
      return undefined;
  }
}
