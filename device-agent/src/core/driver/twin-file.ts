/**
 * A value kept in two files that are written in turn, each with a sequence and a checksum: if the newer one is damaged
 * the older one still stands, and what is damaged is moved aside for whoever wants to look (fault G6).
 */
import type { DeviceStorage } from "../../ports/device-storage.ts";
import { openSealedJson, sealJson } from "./sealed-json.ts";

export interface TwinFile {
  /** The newest sound value that `accept` takes; null if there is none. Damaged files are moved to `<name>.broken`. */
  read<T>(accept: (value: unknown) => value is T): Promise<{ readonly value: T | null; readonly broken: number }>;
  write(value: unknown): Promise<void>;
}

export function twinFile(storage: DeviceStorage, name: string): TwinFile {
  let sequence = 0;
  let newest: "a" | "b" = "b";
  return {
    async read<T>(accept: (value: unknown) => value is T) {
      let found: T | null = null;
      let broken = 0;
      for (const half of ["a", "b"] as const) {
        const path = `${name}.${half}`;
        const bytes = await storage.read(path);
        if (bytes === null) continue;
        const record = openSealedJson(bytes);
        if (!isRecord(record) || !accept(record.value)) {
          broken++;
          await storage.seal(path, `${path}.broken`);
          continue;
        }
        if (record.sequence <= sequence) continue;
        sequence = record.sequence;
        newest = half;
        found = record.value;
      }
      return { value: found, broken };
    },
    async write(value) {
      const half = newest === "a" ? "b" : "a";
      await storage.write(`${name}.${half}`, sealJson({ sequence: sequence + 1, value }));
      // Only a write that succeeded counts: after a failed one the sound half must not be overwritten next.
      sequence++;
      newest = half;
    },
  };
}

function isRecord(value: unknown): value is { readonly sequence: number; readonly value: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    "value" in value &&
    "sequence" in value &&
    Number.isSafeInteger(value.sequence)
  );
}
