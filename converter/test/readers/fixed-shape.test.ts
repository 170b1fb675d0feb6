import { expect, it } from "vitest";
import { askedShapes, fixedShape } from "../../src/readers/lowering/fixed-shape.ts";

it.each(["constructor", "__proto__", "toString"])(
  "an input called %s has no shape asked for unless it is asked for",
  (name) => {
    expect(askedShapes([name]).get(name)).toBeUndefined();
    expect(fixedShape(name, [null, 4], askedShapes([name], {}).get(name))).toEqual([1, 4]);
    const asked = askedShapes([name], Object.fromEntries([[name, [2, 4]]]));
    expect(fixedShape(name, [null, 4], asked.get(name))).toEqual([2, 4]);
  },
);

it("a shape for an input that there is not is refused, with the inputs that there are", () => {
  expect(() => askedShapes(["image"], { picture: [1] })).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining("image") }),
  );
});
