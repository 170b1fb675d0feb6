import { expect, it } from "vitest";
import { toInt32 } from "../../src/readers/lowering/to-int32.ts";

it("keeps what fits, and takes the ends of int64 for those of int32", () => {
  expect([0, -1, 2 ** 31 - 1, -(2 ** 31)].map(toInt32)).toEqual([0, -1, 2 ** 31 - 1, -(2 ** 31)]);
  expect([2 ** 63, -(2 ** 63), 2 ** 62].map(toInt32)).toEqual([2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 1]);
});

it.each([2 ** 31, -(2 ** 31) - 1, 2 ** 40])("refuses %d, which would be another number", (value) => {
  expect(() => toInt32(value)).toThrow(
    expect.objectContaining({ code: "UNSUPPORTED_OPERATOR", message: expect.stringContaining(String(value)) }),
  );
});
