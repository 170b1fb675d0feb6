/** What lazy constants keep, and what they let go: a process that reads models all day must not grow by them. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { constantOf } from "../../src/ir/graph.ts";
import { lazyConstant } from "../../src/ir/lazy-constant.ts";

/** A constant and how often it was computed. */
function counted(compute: () => Uint8Array): { read: () => Uint8Array; times: () => number } {
  let times = 0;
  const constant = lazyConstant(compute().byteLength, () => {
    times++;
    return compute();
  });
  return { read: () => constant.bytes(), times: () => times };
}

describe("lazyConstant", () => {
  it("computes when asked, once", () => {
    const { read, times } = counted(() => Uint8Array.of(1, 2, 3));
    expect(times()).toBe(0);
    expect([...read(), ...read()]).toEqual([1, 2, 3, 1, 2, 3]);
    expect(times()).toBe(1);
  });

  it("keeps no view, which would hold the whole behind it", () => {
    const whole = Uint8Array.of(1, 2, 3, 4);
    const { read, times } = counted(() => whole.subarray(1, 3));
    expect([...read(), ...read()]).toEqual([2, 3, 2, 3]);
    expect(times()).toBe(2);
  });

  it("counts small constants for what they take: a hundred thousand put the first one out", () => {
    const first = counted(() => Uint8Array.of(7));
    first.read();
    for (let i = 0; i < 100_000; i++) lazyConstant(1, () => new Uint8Array(1)).bytes();
    first.read();
    expect(first.times()).toBe(2);
  });

  it("lets go of what computed a constant once nobody holds the constant", async () => {
    const source = (() => {
      const reader = constantOf(Uint8Array.of(9));
      lazyConstant(1, () => reader.bytes().slice()).bytes();
      return new WeakRef(reader);
    })();
    await new Promise((resolve) => setImmediate(resolve)); // a weak reference holds until its job ends
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
    expect(source.deref()).toBeUndefined();
  });
});
