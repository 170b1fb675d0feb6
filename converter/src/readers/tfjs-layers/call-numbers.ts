/**
 * References to calls, counted from 0 for every member of a model, whatever the writer counted from.
 * Rules: Keras 3 `models/functional.py` (serialize_node, get_config): calls refer to nested models from 0, the list of
 * outputs refers to Functional models from 1, Sequential ones from 0. Keras 2 `engine/functional.py`
 * (_should_skip_first_node): from 1 where a nested model was built with an input, since its own definition is call 0; from
 * 0 where it was built later, and in what tfjs itself writes.
 */
import type { CallRef, Member } from "./layer-spec.ts";

interface Numbered {
  readonly members: ReadonlyMap<string, Member>;
  readonly outputs: readonly CallRef[];
}

/** `keras3`: calls are written as {args, kwargs}. */
export function countFromZero({ members, outputs }: Numbered, keras3: boolean): Numbered {
  const firstInCalls = keras3 ? new Map<string, number>() : firstByUse(members, outputs);
  const firstInOutputs = keras3 ? functionalOnes(members) : firstInCalls;
  if (firstInOutputs.size === 0) return { members, outputs };
  const from = (first: ReadonlyMap<string, number>) => (ref: CallRef) => ({
    ...ref,
    call: Math.max(0, ref.call - (first.get(ref.layer) ?? 0)),
  });
  const renumbered = [...members].map(([name, member]): [string, Member] => [
    name,
    { ...member, calls: member.calls.map((call) => ({ ...call, tensors: call.tensors.map(from(firstInCalls)) })) },
  ]);
  return { members: new Map(renumbered), outputs: outputs.map(from(firstInOutputs)) };
}

const functionalOnes = (members: ReadonlyMap<string, Member>): ReadonlyMap<string, number> =>
  new Map([...members].filter(([, { spec }]) => spec.kind === "functional").map(([name]) => [name, 1]));

/** All calls of a member are needed by something, so a reference to call N of N calls tells. */
function firstByUse(members: ReadonlyMap<string, Member>, outputs: readonly CallRef[]): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  const refs = [...members.values()].flatMap(({ calls }) => calls.flatMap((call) => call.tensors)).concat(outputs);
  for (const { layer, call } of refs) {
    const member = members.get(layer);
    if (member && member.spec.kind !== "layer" && call === member.calls.length && call > 0) first.set(layer, 1);
  }
  return first;
}
