/** How operators refuse operands and attributes that cannot be. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { OperandFacts, Operands } from "./define-op.ts";

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
