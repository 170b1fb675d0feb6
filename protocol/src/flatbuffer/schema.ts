/**
 * Flatbuffer schemas as data: what a `.fbs` file says, in a form that one reader and one writer run on.
 * Field ids follow from the order of the fields, as in a `.fbs` without explicit ids; a union takes two of them.
 * Sources: the FlatBuffers internals page (vtables, vectors, unions). Structs are left out: no format here has one.
 */

export type Scalar =
  | "bool"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float32"
  | "float64";

export type ScalarValue<S extends Scalar> = S extends "bool" ? boolean : S extends "int64" | "uint64" ? bigint : number;

export const scalarBytes: Readonly<Record<Scalar, number>> = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
};

export interface ScalarField<S extends Scalar = Scalar> {
  readonly kind: "scalar";
  readonly type: S;
  readonly default: ScalarValue<S>;
}
export interface EnumField<Name extends string = string> {
  readonly kind: "enum";
  readonly of: EnumSchema<Name>;
  readonly default: Name;
}
/** A vector of scalars. */
export interface VectorField<S extends Scalar = Scalar> {
  readonly kind: "vector";
  readonly type: S;
}
/** A `[ubyte]`, decoded as bytes: a view where the file is in memory. */
export interface BytesField {
  readonly kind: "bytes";
  readonly align: number;
}
/** A `[ubyte]` that may be large: decoded as where it is, and read when asked for. */
export interface BlobField {
  readonly kind: "blob";
  readonly align: number;
}
export interface StringField {
  readonly kind: "string";
}
export interface TableField<T extends TableSchema = TableSchema> {
  readonly kind: "table";
  readonly of: T;
}
/** A vector of tables. */
export interface TablesField<T extends TableSchema = TableSchema> {
  readonly kind: "tables";
  readonly of: T;
}
/** Its type byte is the position in `members`, counted from 1. */
export interface UnionField {
  readonly kind: "union";
  readonly members: readonly TableSchema[];
}
/** Takes its id and is neither read nor written. */
export interface DeprecatedField {
  readonly kind: "deprecated";
}

export type Field =
  | ScalarField
  | EnumField
  | VectorField
  | BytesField
  | BlobField
  | StringField
  | TableField
  | TablesField
  | UnionField
  | DeprecatedField;

export interface EnumSchema<Name extends string = string> {
  readonly name: string;
  readonly type: "int8" | "uint8" | "int32" | "uint32";
  readonly values: Readonly<Record<Name, number>>;
  readonly names: ReadonlyMap<number, Name>;
}

export interface Slot {
  readonly name: string;
  readonly field: Field;
  readonly id: number;
}

export interface TableSchema<F extends Readonly<Record<string, Field>> = Readonly<Record<string, Field>>> {
  readonly name: string;
  readonly fields: F;
  readonly slots: readonly Slot[];
  readonly slotCount: number;
}

/** A member of a union that was read. A member that the schema does not know has the name `#<type byte>` and no fields. */
export interface UnionValue {
  readonly type: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Bytes that are produced when they are asked for. */
export interface LazyBytes {
  readonly byteLength: number;
  bytes(): Uint8Array;
}

type LiveKeys<F> = { [K in keyof F]: F[K] extends DeprecatedField ? never : K }[keyof F];

type Value<F, Bytes, Nested extends "read" | "write"> =
  F extends ScalarField<infer S>
    ? ScalarValue<S>
    : F extends EnumField<infer Name>
      ? Name
      : F extends VectorField<infer S>
        ? readonly ScalarValue<S>[]
        : F extends BytesField
          ? Bytes
          : F extends BlobField
            ? Nested extends "read"
              ? LazyBytes
              : Bytes
            : F extends StringField
              ? string
              : F extends TableField<infer T>
                ? (Nested extends "read" ? Decoded<T> : Encodable<T>) | null
                : F extends TablesField<infer T>
                  ? readonly (Nested extends "read" ? Decoded<T> : Encodable<T>)[]
                  : F extends UnionField
                    ? UnionValue | null
                    : never;

/** What reading a table gives: every field, absent ones as their default, `[]`, `""`, empty bytes or null. */
export type Decoded<T extends TableSchema> = {
  readonly [K in LiveKeys<T["fields"]>]: Value<T["fields"][K], Uint8Array, "read">;
};

/** What writing a table takes: a field left out is absent from the file. */
export type Encodable<T extends TableSchema> = {
  readonly [K in LiveKeys<T["fields"]>]?: Value<T["fields"][K], Uint8Array | LazyBytes, "write">;
};

export function defineEnum<Name extends string>(
  name: string,
  type: EnumSchema["type"],
  values: Readonly<Record<Name, number>>,
): EnumSchema<Name> {
  const names = new Map<number, Name>();
  for (const key in values) names.set(values[key], key);
  return Object.freeze({ name, type, values, names });
}

export function defineTable<const F extends Readonly<Record<string, Field>>>(name: string, fields: F): TableSchema<F> {
  const slots: Slot[] = [];
  let id = 0;
  for (const [key, field] of Object.entries(fields)) {
    if (field.kind !== "deprecated") slots.push({ name: key, field, id });
    id += field.kind === "union" ? 2 : 1;
  }
  return Object.freeze({ name, fields, slots, slotCount: id });
}

export const bool = (value = false): ScalarField<"bool"> => ({ kind: "scalar", type: "bool", default: value });
export const int8 = (value = 0): ScalarField<"int8"> => ({ kind: "scalar", type: "int8", default: value });
export const int32 = (value = 0): ScalarField<"int32"> => ({ kind: "scalar", type: "int32", default: value });
export const uint32 = (value = 0): ScalarField<"uint32"> => ({ kind: "scalar", type: "uint32", default: value });
export const int64 = (value = 0n): ScalarField<"int64"> => ({ kind: "scalar", type: "int64", default: value });
export const uint64 = (value = 0n): ScalarField<"uint64"> => ({ kind: "scalar", type: "uint64", default: value });
export const float32 = (value = 0): ScalarField<"float32"> => ({ kind: "scalar", type: "float32", default: value });
export const vectorOf = <S extends Scalar>(type: S): VectorField<S> => ({ kind: "vector", type });
export const bytes = (align = 1): BytesField => ({ kind: "bytes", align });
export const blob = (align = 1): BlobField => ({ kind: "blob", align });
export const string = (): StringField => ({ kind: "string" });
export const tableOf = <T extends TableSchema>(of: T): TableField<T> => ({ kind: "table", of });
export const tablesOf = <T extends TableSchema>(of: T): TablesField<T> => ({ kind: "tables", of });
export const unionOf = (members: readonly TableSchema[]): UnionField => ({ kind: "union", members });
export const deprecated = (): DeprecatedField => ({ kind: "deprecated" });
export const enumOf = <Name extends string>(of: EnumSchema<Name>, value: NoInfer<Name>): EnumField<Name> => ({
  kind: "enum",
  of,
  default: value,
});
