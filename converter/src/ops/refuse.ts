/** How operators refuse operands and attributes that cannot be. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { OperandFacts, Operands, ResultFacts } from "./define-op.ts";

/** GRAPH_INVALID; a reader that meets it in a file turns it into FORMAT_CORRUPT. */
export const refuse = (problem: string): FlotillaError => new FlotillaError("GRAPH_INVALID", problem);

/** The operand at `position`, which must be there. */
export function need(inputs: Operands, position: number, name: string): OperandFacts {
  const operand = inputs[position];
  if (!operand) throw refuse(`The operand ${position} ("${name}") is missing.`);
  return operand;
}

/** The operand at `position`, which must be there and have this rank. */
export function needRank(inputs: Operands, position: number, name: string, rank: number): OperandFacts {
  const operand = need(inputs, position, name);
  if (operand.shape.length !== rank)
    throw refuse(`"${name}" must have rank ${rank} and has the shape [${operand.shape.join(", ")}].`);
  return operand;
}

const mostParts = 65_536;

/** Asserts, before anything is made of it, that a number of parts is within reason and the number of results there are. */
export function checkParts(parts: number, stored: readonly ResultFacts[] | undefined): void {
  if (parts < 1 || parts > mostParts || (stored && stored.length !== parts))
    throw refuse(`It says ${parts} parts${stored ? ` and has ${stored.length} results` : ""}.`);
}
