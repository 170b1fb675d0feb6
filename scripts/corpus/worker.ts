/** The child process of the corpus: says "ready", measures the entries it is sent, one by one, and sends each result. */
import type { CorpusEntry } from "./manifest.ts";
import { measure } from "./measure.ts";

/** From the parent. */
export interface MeasureOrder {
  readonly entry: CorpusEntry;
  readonly twice: boolean;
}

process.on("message", (order: MeasureOrder) => {
  void measure(order.entry, order.twice).then((measurement) => process.send?.(measurement));
});
process.send?.("ready");
// Nobody waits for the answer any more.
process.on("disconnect", () => process.exit());
