/**
 * An operator's attributes are the fields of its options table: names, types and defaults come from the schema,
 * and an operator's file changes only the defaults that would make no sense (a stride of 0).
 */
import { absent } from "@flotilla/protocol/flatbuffer/decode-flatbuffer";
import { type OptionsName, type OptionsOf, optionTables } from "@flotilla/protocol/tflite/options";

/** The attributes of the options table `name`, with the schema's defaults except for `changes`. */
export function optionsOf<N extends OptionsName>(name: N, changes: Partial<OptionsOf<N>> = {}): OptionsOf<N> {
  const defaults = Object.fromEntries(optionTables[name].slots.map((slot) => [slot.name, absent(slot.field)]));
  return Object.freeze({ ...defaults, ...changes }) as OptionsOf<N>; // the table's slots are the type's keys
}
