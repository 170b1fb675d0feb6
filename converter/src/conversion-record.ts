/**
 * The machine-readable record that `convert` leaves beside each variant, `<variant>.conversion.json`: what it was made
 * from and what its proof said. `release create` reads it; a variant without one is unproven. No times, no paths, so the
 * same conversion leaves the same record.
 */
import { readFile } from "node:fs/promises";
import { sha256Hex } from "@flotilla/protocol/digest";
import { Digest, defineDocument, head, parseDocument } from "@flotilla/protocol/documents/document";
import { PreprocessingStep } from "@flotilla/protocol/documents/preprocessing";
import { FlotillaError } from "@flotilla/protocol/errors";
import { parseStrictJson } from "@flotilla/protocol/strict-json";
import { type Static, Type } from "typebox";
import type { ConvertedVariant, ConvertResult } from "./convert-result.ts";
import type { Preprocessing } from "./data/preparation.ts";

const SourceAxes = Type.Union([Type.Null(), Type.Array(Type.Integer({ minimum: 0, maximum: 7 }), { maxItems: 8 })]);

const ConversionRecord = Type.Object({
  ...head("conversion"),
  source: Type.Object({ format: Type.String(), sha256: Digest, parameters: Type.Integer({ minimum: 0 }) }),
  recipe: Type.String({ maxLength: 64 }),
  /** Of `.tflite` variants: a recipe file (`flotilla/recipe`); absent in records older than that. */
  recipeDocument: Type.Optional(Type.Unknown()),
  sha256: Digest,
  proven: Type.Boolean(),
  parity: Type.Unknown(),
  accuracy: Type.Unknown(),
  floatOperators: Type.Array(Type.Unknown()),
  /** Per input and output, where its axes stand in the source (`EndFacts`); absent in records older than that. */
  sourceAxes: Type.Optional(Type.Object({ inputs: Type.Array(SourceAxes), outputs: Type.Array(SourceAxes) })),
  preprocessing: Type.Record(Type.String(), Type.Array(PreprocessingStep)),
  /** Names of the first output's classes. */
  labels: Type.Optional(Type.Array(Type.String(), { maxItems: 100_000 })),
});
export type ConversionRecord = Static<typeof ConversionRecord>;
const conversionDocument = defineDocument("conversion", 1, ConversionRecord);

/** Where the record of a variant lies, from the variant's own path or name. */
export const recordNameOf = (file: string): string => `${file.replace(/\.tflite$/i, "")}.conversion.json`;

/** The record as a file's bytes: JSON for people to read, too. */
export function encodeRecord(
  source: ConvertResult["source"],
  variant: ConvertedVariant,
  { preprocess = {}, labels }: { readonly preprocess?: Preprocessing; readonly labels?: readonly string[] },
): Uint8Array {
  const { format, sha256, parameters } = source;
  const { recipe, proven, parity, accuracy, floatOperatorReasons } = variant;
  const record = {
    type: conversionDocument.type,
    version: conversionDocument.version,
    source: { format, sha256, parameters },
    recipe,
    ...(variant.format === "tflite" ? { recipeDocument: variant.recipeDocument } : {}),
    sha256: variant.sha256,
    proven,
    parity,
    accuracy,
    floatOperators: floatOperatorReasons,
    sourceAxes: {
      inputs: variant.inputs.map((end) => end.sourceAxes),
      outputs: variant.outputs.map((end) => end.sourceAxes),
    },
    preprocessing: preprocess,
    ...(labels === undefined ? {} : { labels }),
  };
  return new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`);
}

/**
 * The record beside a variant, or null where there is none.
 * @throws INTEGRITY_DIGEST when the file is not the one that was converted, FORMAT_JSON, FORMAT_DOCUMENT, IO_FAILED
 */
export async function readRecord(file: string, bytes: Uint8Array): Promise<ConversionRecord | null> {
  const path = recordNameOf(file);
  const text = await readFile(path).catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new FlotillaError("IO_FAILED", `${path} cannot be read.`, { details: { path }, cause });
  });
  if (text === null) return null;
  const record = parseDocument(conversionDocument, parseStrictJson(text));
  const found = sha256Hex(bytes);
  if (found === record.sha256) return record;
  throw new FlotillaError(
    "INTEGRITY_DIGEST",
    `${file} is not the file that its record ${path} tells of: its digest is ${found}, the record says ${record.sha256}. ` +
      "Convert again, or remove the record to release the file as unproven.",
    { details: { path: file, expected: record.sha256, found } },
  );
}
