/** Links of a new-style group, one message each. Rules: specification IV.A.2.g. */
import { type Cursor, decodeText } from "./cursor.ts";

export type Link =
  | { readonly kind: "hard"; readonly name: string; readonly address: number }
  /** To a path, or into another file: known by name, never followed. */
  | { readonly kind: "soft" | "external"; readonly name: string };

export function decodeLink(cursor: Cursor): Link {
  const version = cursor.u8();
  if (version !== 1) throw cursor.fault("FORMAT_CORRUPT", `is of version ${version}`);
  const flags = cursor.u8();
  const type = flags & 0x08 ? cursor.u8() : 0;
  if (flags & 0x04) cursor.skip(8); // the order of creation
  if (flags & 0x10) cursor.skip(1); // ASCII or UTF-8: the one is part of the other
  const name = decodeText(cursor.bytes(cursor.uint(1 << (flags & 3))));
  if (type === 0) return { kind: "hard", name, address: cursor.requiredAddress() };
  return { kind: type === 1 ? "soft" : "external", name };
}
