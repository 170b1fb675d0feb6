/**
 * What all Flotilla documents share: the `{type, version}` head, the id grammar, and one decoder that turns
 * untrusted JSON into a typed value. Unknown fields are kept and ignored; unknown types and higher versions are
 * refused (design: formats.md, "Rules for all documents").
 */
import { type Static, type TSchema, Type } from "typebox";
import { Check, Errors } from "typebox/value";
import { FlotillaError } from "../errors.ts";

/** Ids of devices, models, releases, cohorts, rollouts, variants: `[a-z0-9][a-z0-9-]{2,63}`. */
export const Id = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{2,63}$" });
/** Lowercase hex SHA-256. */
export const Digest = Type.String({ pattern: "^[0-9a-f]{64}$" });
/** Share of a population in basis points. */
export const ShareBp = Type.Integer({ minimum: 0, maximum: 10_000 });
/** Unix time in milliseconds. */
export const TimeMs = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Uint32 = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
export const SizeBytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** A reference to bytes by content. */
export const Blob = Type.Object({ digest: Digest, sizeBytes: SizeBytes });
export type Blob = Static<typeof Blob>;

export const idPattern = /^[a-z0-9][a-z0-9-]{2,63}$/;

/** A document's schema together with its head. */
export interface DocumentSchema<S extends TSchema> {
  readonly type: string;
  readonly version: number;
  readonly schema: S;
}

/** Declares a document: `{type: "flotilla/<name>", version, …fields}`. */
export function defineDocument<S extends TSchema>(name: string, version: number, schema: S): DocumentSchema<S> {
  return { type: `flotilla/${name}`, version, schema };
}

/**
 * Checks that `value` is a document of this schema.
 * @throws FORMAT_DOCUMENT naming the first field that is wrong, what was found and what was expected.
 */
export function parseDocument<S extends TSchema>(document: DocumentSchema<S>, value: unknown): Static<S> {
  const head = value as { type?: unknown; version?: unknown } | null;
  if (typeof head !== "object" || head === null || head.type !== document.type) {
    throw new FlotillaError("FORMAT_DOCUMENT", `Expected a document of type ${document.type}.`, {
      details: { expected: document.type, found: String(head?.type ?? typeof value) },
    });
  }
  if (typeof head.version !== "number" || head.version > document.version || head.version < 1) {
    throw new FlotillaError(
      "FORMAT_DOCUMENT",
      `${document.type} has version ${String(head.version)}; this program reads up to ${document.version}. Update it.`,
      { details: { expected: document.version, found: String(head.version) } },
    );
  }
  if (!Check(document.schema, value)) {
    const first = [...Errors(document.schema, value)][0];
    const where = first?.instancePath || "/";
    throw new FlotillaError("FORMAT_DOCUMENT", `${document.type} is not valid at ${where}: ${first?.message ?? "?"}.`, {
      details: { type: document.type, where, expected: first?.message ?? "" },
    });
  }
  return value as Static<S>;
}

export const head = (name: string) => ({
  type: Type.Literal(`flotilla/${name}`),
  version: Type.Integer({ minimum: 1 }),
});
