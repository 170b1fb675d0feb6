/**
 * Which channel of the input each element of a weight multiplies. Weights whose channel axis is the last one lie
 * [.., channel · multiplier] (depthwise); all others end in the input channels of their group (convolution, matrix).
 */
import type { ChannelView } from "./weights.ts";

/**
 * (output channel, element index) → input channel, for weights of `shape` with the channels of `view` along `axis` and an
 * input of `inputs` channels; null where the axes do not line up.
 */
export function inputChannelOf(
  shape: readonly number[],
  axis: number,
  view: ChannelView,
  inputs: number,
): ((channel: number, index: number) => number) | null {
  if (axis === shape.length - 1) {
    const multiplier = view.channels / inputs;
    if (!Number.isInteger(multiplier) || multiplier < 1) return null;
    return (channel) => Math.floor(channel / multiplier);
  }
  const last = shape.at(-1) ?? 1;
  const groups = inputs / last;
  if (!Number.isInteger(groups) || groups < 1) return null;
  const perGroup = view.channels / groups;
  return (channel, index) => Math.floor(channel / perGroup) * last + (index % last);
}
