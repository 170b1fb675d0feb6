/** A program in the place of the fuzzer's worker: hangs at case 3, dies at case 5, and does one case at a time otherwise. */
import { appendFileSync, writeFileSync } from "node:fs";
import type { WorkerLine, WorkerOrder } from "../../scripts/fuzz/run-chunk.ts";

const { from, atFile, linesFile }: WorkerOrder = JSON.parse(process.argv[2] ?? "{}");
writeFileSync(atFile, String(from));
if (from === 3) for (;;);
if (from === 5) process.exit(7);
const done = { next: from + 1, accepted: 1, refused: {}, peakRssBytes: 1, worstMs: 1, worstCase: from, cuts: 0, cutsDone: 0 }; // biome-ignore format: one line
appendFileSync(linesFile, `${JSON.stringify({ done } satisfies WorkerLine)}\n`);
