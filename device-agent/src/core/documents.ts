/**
 * Taking in control documents whose signatures have been verified: right fleet, right device, sequence never below the
 * floor (design: formats.md; faults M9, G3). What fails leaves the state as it was. Expiry is not asked here: an expired
 * document still says what runs, it only allows nothing new (select.ts). Pure.
 */
import type { DeviceDocument, Directive, FleetIndex } from "@flotilla/protocol/documents/control";
import type { AgentState, Floors } from "./state.ts";

/** Why a document was not taken. */
export type Refused = "other-fleet" | "other-device" | "unknown-cohort" | "sequence" | "not-newer";
export type Intake = { readonly state: AgentState } | { readonly refused: Refused };

/**
 * Other keys sign the control documents from now on. What the old ones signed commands nothing any more, and their
 * sequences are void, or a stolen key that signed the highest one would be obeyed for ever (as TUF 5.3.11 has it for
 * its own roles). What runs goes on running until the new keys have spoken.
 */
export function takeControlKeys(state: AgentState, keys: string): AgentState {
  const { floors } = state;
  if (floors.controlKeys === keys) return state;
  if (floors.controlKeys === "") return { ...state, floors: { ...floors, controlKeys: keys } };
  const renewed: Floors = { ...floors, controlKeys: keys, index: 0, document: 0, directives: {} };
  return { ...state, index: null, directives: {}, document: null, floors: renewed };
}

export function takeIndex(state: AgentState, index: FleetIndex): Intake {
  if (index.fleet !== state.fleet) return { refused: "other-fleet" };
  const known = compare(index.sequence, state.floors.index, state.index?.sequence);
  if (known !== null) return { refused: known };
  // Directives of cohorts that are no more are forgotten; their floors stay.
  const ids = new Set(index.cohorts.map(({ id }) => id));
  const directives = Object.fromEntries(Object.entries(state.directives).filter(([cohort]) => ids.has(cohort)));
  return { state: { ...state, index, directives, floors: raise(state.floors, index, { index: index.sequence }) } };
}

export function takeDirective(state: AgentState, directive: Directive): Intake {
  const { cohort, sequence } = directive;
  if (directive.fleet !== state.fleet) return { refused: "other-fleet" };
  if (!state.index?.cohorts.some(({ id }) => id === cohort)) return { refused: "unknown-cohort" };
  const known = compare(sequence, state.floors.directives[cohort] ?? 0, state.directives[cohort]?.sequence);
  if (known !== null) return { refused: known };
  const floors = raise(state.floors, directive, { directives: { ...state.floors.directives, [cohort]: sequence } });
  return { state: { ...state, directives: { ...state.directives, [cohort]: directive }, floors } };
}

export function takeDocument(state: AgentState, document: DeviceDocument): Intake {
  if (document.fleet !== state.fleet) return { refused: "other-fleet" };
  if (document.device !== state.device) return { refused: "other-device" };
  const known = compare(document.sequence, state.floors.document, state.document?.sequence);
  if (known !== null) return { refused: known };
  return { state: { ...state, document, floors: raise(state.floors, document, { document: document.sequence }) } };
}

/** Raises a model's counter floor to the `minCounter` seen; never lowers it. */
export function raiseCounter(floors: Floors, model: string, minCounter: number): Floors {
  if (minCounter <= (floors.counters[model] ?? 0)) return floors;
  return { ...floors, counters: { ...floors.counters, [model]: minCounter } };
}

/** Below the floor is a replay. At the floor it is taken only if the document itself was lost (a state set aside). */
function compare(sequence: number, floor: number, have: number | undefined): Refused | null {
  if (sequence < floor) return "sequence";
  return have !== undefined && sequence <= have ? "not-newer" : null;
}

function raise(floors: Floors, signed: { readonly issuedAtMs: number }, change: Partial<Floors>): Floors {
  return { ...floors, ...change, timeMs: Math.max(floors.timeMs, signed.issuedAtMs) };
}
