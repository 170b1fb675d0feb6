/** The shape of an input whose dynamic sizes are fixed: the batch to 1, the others only by what the caller asked for. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { Shape } from "../../ir/graph.ts";

/** No runtime here holds an input of more elements. */
const maxElements = 2 ** 31;

/**
 * `declared`: null or -1 is a dynamic size; null as a whole is an unknown rank.
 * @throws CONFIG_INVALID for a shape asked for that does not fit, or one that is missing; FORMAT_LIMIT
 */
export function fixedShape(
  name: string,
  declared: readonly (number | null)[] | null,
  asked: readonly number[] | undefined,
): Shape {
  const shape = declared
    ? fixed(
        name,
        declared.map((size) => (size === -1 ? null : size)),
        asked,
      )
    : ranked(name, asked);
  if (shape.reduce((product, size) => product * size, 1) <= maxElements) return shape;
  throw new FlotillaError("FORMAT_LIMIT", `Input "${name}" of the shape [${shape.join(", ")}] is too large.`, {
    details: { input: name, shape },
  });
}

function ranked(name: string, asked: readonly number[] | undefined): Shape {
  if (asked?.every((size) => Number.isSafeInteger(size) && size > 0)) return [...asked];
  throw new FlotillaError(
    "CONFIG_INVALID",
    `Input "${name}" has an unknown number of axes. Say its shape, e.g. --input ${name}=1x224x224x3.`,
    { details: { input: name, declared: null } },
  );
}

function fixed(name: string, declared: readonly (number | null)[], asked: readonly number[] | undefined): Shape {
  const shown = `[${declared.map((size) => size ?? "?").join(", ")}]`;
  if (asked) {
    const fits =
      asked.length === declared.length && declared.every((size, axis) => size === null || size === asked[axis]);
    if (fits && asked.every((size) => Number.isSafeInteger(size) && size > 0)) return [...asked];
    throw new FlotillaError("CONFIG_INVALID", `Input "${name}" is ${shown}; it cannot be [${asked.join(", ")}].`, {
      details: { input: name, declared, asked },
    });
  }
  const shape = declared.map((size, axis) => size ?? (axis === 0 ? 1 : -1));
  if (!shape.includes(-1)) return shape;
  throw new FlotillaError(
    "CONFIG_INVALID",
    `Input "${name}" has dynamic sizes: ${shown}. Say which they shall be, e.g. --input ${name}=${declared
      .map((size, axis) => size ?? (axis === 0 ? 1 : 224))
      .join("x")}.`,
    { details: { input: name, declared } },
  );
}

/**
 * The shapes asked for, by input. A map, as names of inputs come out of files: one called "constructor" must find nothing.
 * @throws CONFIG_INVALID for an input that there is not
 */
export function askedShapes(
  names: readonly string[],
  asked: Readonly<Record<string, readonly number[]>> = {},
): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map(Object.entries(asked));
  for (const name of shapes.keys()) {
    if (!names.includes(name)) {
      throw new FlotillaError("CONFIG_INVALID", `The model has no input "${name}"; its inputs: ${names.join(", ")}.`);
    }
  }
  return shapes;
}
