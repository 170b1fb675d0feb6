/**
 * The attributes that a Node device reports of itself; what they mean to admission is in protocol/admission.ts. The
 * configuration may override each and add its own, for cohorts to ask for.
 */
import os from "node:os";
import type { DeviceAttributes } from "@flotilla/protocol/documents/reports";
import type { TfliteRuntime } from "../ports/tflite-runtime.ts";

/**
 * The package of the 2023 runtime is called 0.0.1-alpha.10; what admission compares is the interpreter's version. It knows
 * operators up to TensorFlow 2.12 (facts: runtimes-in-node.md).
 */
const interpreterVersions: Readonly<Record<string, string>> = { tflite: "2.12.0" };

/** Share of the machine's memory that a model may take unless configured. */
const memoryShare = 0.25;

export function deviceFacts(runtime: Pick<TfliteRuntime, "name" | "version">, freeBytes: number): DeviceAttributes {
  return {
    platform: process.platform,
    arch: process.arch,
    runtimes: `${runtime.name}@${interpreterVersions[runtime.name] ?? runtime.version}`,
    operators: "*",
    memoryBytes: Math.floor(os.totalmem() * memoryShare),
    storageBytes: freeBytes,
    accelerators: "",
  };
}
