/**
 * Tensors that must share scale and zero point, joined by union-find, and what each group's parameters are.
 * A group may be pinned by a kernel's fixed parameters; else its range is the union of its members' ranges.
 * Knows nothing about graphs: members are numbers.
 */
import type { ValueDType } from "./precision.ts";
import {
  type AffineParameters,
  parametersFor,
  type Range,
  representable,
  sameParameters,
  unionOf,
  widthOf,
} from "./scales.ts";

interface Group {
  readonly dtype: ValueDType;
  readonly range: Range | null;
  readonly fixed: AffineParameters | null;
  readonly members: number;
}

/** A pinned group takes in values only if they fill at least this share of its range: else they lose 3 bits or more. */
const leastFill = 1 / 8;
/** Tensors that others read too are widened by a join at most to twice their range (1 bit lost). */
const leastShare = 1 / 2;

export class ParameterGroups {
  readonly #parents: number[] = [];
  readonly #groups = new Map<number, Group>();

  /** A new member, in a group of its own. */
  add(range: Range | null, fixed: AffineParameters | null = null, dtype: ValueDType = "int8"): number {
    const member = this.#parents.length;
    this.#parents.push(member);
    this.#groups.set(member, { dtype, range, fixed, members: 1 });
    return member;
  }

  /** Joins unconditionally: the kernel demands it. The caller sees to it that at most one side is pinned, and of one dtype. */
  join(a: number, b: number): void {
    const [first, second] = [this.#root(a), this.#root(b)];
    if (first === second) return;
    const [one, other] = [this.#group(first), this.#group(second)];
    this.#parents[second] = first;
    this.#groups.delete(second);
    this.#groups.set(first, {
      dtype: one.dtype,
      range: one.range && other.range ? unionOf(one.range, other.range) : (one.range ?? other.range),
      fixed: one.fixed ?? other.fixed,
      members: one.members + other.members,
    });
  }

  /**
   * May a tensor's group be joined with that of one of its readers, or should the value be requantized in between?
   * `soleReader`: the tensor has no other reader, so that widening it harms nobody else.
   * `soleOperand`: the reader's group takes its range from this tensor alone.
   */
  compatible(tensor: number, reader: number, facts: { soleReader: boolean; soleOperand: boolean }): boolean {
    const [first, second] = [this.#root(tensor), this.#root(reader)];
    if (first === second) return true;
    const [one, other] = [this.#group(first), this.#group(second)];
    if (one.fixed && other.fixed) return sameParameters(one.fixed, other.fixed);
    if (one.fixed) return fits(other.range, one.fixed, one.dtype);
    if (other.fixed) return fits(one.range, other.fixed, other.dtype);
    if (facts.soleOperand || !one.range || !other.range) return true;
    if (facts.soleReader && one.members === 1) return true;
    return widthOf(one.range) >= leastShare * widthOf(unionOf(one.range, other.range));
  }

  parametersOf(member: number): AffineParameters {
    const { fixed, range, dtype } = this.#group(this.#root(member));
    return fixed ?? parametersFor(dtype, range ?? { min: 0, max: 0 });
  }

  #root(member: number): number {
    let root = member;
    for (let parent = this.#parents[root]; parent !== undefined && parent !== root; parent = this.#parents[root]) {
      root = parent;
    }
    return root;
  }

  #group(root: number): Group {
    return this.#groups.get(root) ?? { dtype: "int8", range: null, fixed: null, members: 0 };
  }
}

function fits(range: Range | null, fixed: AffineParameters, dtype: ValueDType): boolean {
  if (!range) return true;
  const held = representable(fixed, dtype);
  const inside = range.min >= held.min - fixed.scale && range.max <= held.max + fixed.scale;
  return inside && widthOf(range) >= leastFill * (held.max - held.min);
}
