import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { armOf, bucketOf, inControl, inStage } from "../src/bucket.ts";

interface Vector {
  readonly salt: string;
  readonly device: string;
  readonly u: number;
}
const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../src/bucket-vectors.json", import.meta.url), "utf8"),
);
const fleet = Array.from({ length: 20_000 }, (_, n) => bucketOf("rollout-1", `device-${n}`));

describe("bucket", () => {
  it.each(vectors)("gives the recorded u for $salt / $device, to the last bit", ({ salt, device, u }) => {
    expect(bucketOf(salt, device)).toBe(u);
  });

  it("spreads devices evenly over every tenth", () => {
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = fleet.filter((u) => u >= tenth / 10 && u < (tenth + 1) / 10).length / fleet.length;
      expect(Math.abs(share - 0.1)).toBeLessThan(0.01);
    }
  });

  it("is nested: who is in at 1 % is in at 5 % and at 25 %", () => {
    for (const u of fleet) {
      if (inStage(u, 100)) expect(inStage(u, 500)).toBe(true);
      if (inStage(u, 500)) expect(inStage(u, 2_500)).toBe(true);
      expect(inStage(u, 10_000)).toBe(true);
      expect(inStage(u, 0)).toBe(false);
    }
  });

  it("keeps stage and control arm apart, the stage winning where they meet", () => {
    for (const u of fleet) {
      if (inStage(u, 9_000)) expect(inControl(u, 1_000)).toBe(false);
      expect(armOf(u, 10_000, 1_000)).toBe("stage");
      expect(armOf(u, 0, 0)).toBe("outside");
    }
    expect(armOf(0.95, 500, 1_000)).toBe("control");
  });
});
