/** A layer with all that is known of it, folded until it is asked for. */
import type { LayerReport } from "../report.ts";
import type { WeightReport } from "../weight-report.ts";
import { channelBars, histogram } from "./charts.ts";
import { bytes, count, decibels, interval, number, percent } from "./figures.ts";
import { html, type Markup, shownName } from "./markup.ts";

export const ownDb = ({ error }: LayerReport): number | null | undefined => (error?.own ? error.own.sqnrDb : undefined);
export const totalDb = ({ error }: LayerReport): number | null | undefined => (error ? error.sqnrDb : undefined);
export const inheritedDb = ({ error }: LayerReport): number | null | undefined =>
  error?.inherited ? error.inherited.sqnrDb : undefined;

export function layerSection(
  layers: readonly LayerReport[],
  place: number,
  anchor: (place: number) => string,
): Markup | null {
  const layer = layers[place];
  if (!layer) return null;
  const { spread, error } = layer;
  const link = (other: number) =>
    html`<a href="#${anchor(other)}">${shownName(layers[other]?.node ?? "")}</a> (${decibels(totalDb(layers[other] ?? layer))}) `;
  const facts: [string, Markup | string | null][] = [
    ["tensor", `${shownName(layer.tensor)}: ${layer.dtype}[${layer.shape.join(", ")}]`],
    ["precision", layer.precision],
    ["error of its own", error ? decibels(ownDb(layer)) : null],
    ["error that it inherits", error ? decibels(inheritedDb(layer)) : null],
    ["both together", error ? decibels(error.sqnrDb) : null],
    ["most of what it inherits starts in", layer.origin === null ? null : link(layer.origin)],
    ["reads", layer.inputs.length === 0 ? null : html`${layer.inputs.map(link)}`],
    ["scale, zero point", layer.scale === null ? null : `${number(layer.scale)}, ${layer.zeroPoint ?? 0}`],
    ["range in calibration", layer.calibrated && interval(layer.calibrated)],
    ["range of its integers", layer.representable && interval(layer.representable)],
    ["values in these samples", spread?.seen ? interval(spread.seen) : null],
    ["99.9 % of them", spread?.central ? interval(spread.central) : null],
    ["clipped", spread?.clippedShare === null || !spread ? null : `${percent(spread.clippedShare)} of values`],
    ["of its range used", layer.coverage === null ? null : percent(layer.coverage)],
    ["integers used", layer.levelsUsed === null ? null : count(layer.levelsUsed)],
    ["not finite", spread && spread.nonFinite > 0 ? count(spread.nonFinite) : null],
    ["multiply-accumulates", layer.macs === 0 ? null : count(layer.macs)],
    [
      "constants",
      layer.constantBytes === 0 ? null : `${bytes(layer.constantBytes)}, ${percent(layer.share)} of the file`,
    ],
  ];
  const rows = facts.flatMap(([name, value]) => (value === null ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`]));
  return html`<details id="${anchor(place)}"><summary>${place + 1}. ${layer.operator ?? "input"} ${shownName(layer.node)} – own ${decibels(ownDb(layer))}</summary>
${layer.causes.map(({ text }) => html`<p>${text}</p>`)}
<dl>${rows}</dl>
<div class="figures">${spread?.histogram ? histogram(spread.histogram, layer.representable, "Its float values") : null}${layer.weights.map(weightFigures)}</div>
</details>
`;
}

function weightFigures(weight: WeightReport): Markup {
  const { tensor, dtype, shape, scales, channels, error, lostShare, levelsUsed } = weight;
  const said = [
    `${dtype}[${shape.join(", ")}], ${bytes(weight.bytes)}`,
    scales === 0 ? "float" : scales === 1 ? "one scale" : `${count(scales)} scales`,
    error ? `${decibels(error.sqnrDb)} from float` : null,
    lostShare === null ? null : `${percent(lostShare)} became 0`,
    levelsUsed === null ? null : `${count(levelsUsed)} integers used`,
  ].filter((one) => one !== null);
  return html`<div><h4 class="wrap">Weights ${shownName(tensor)}</h4><p class="soft">${said.join(" · ")}</p>${weight.histogram ? histogram(weight.histogram, null, "Values") : null}${channels ? channelBars(channels.bounds, `Largest magnitudes of ${count(channels.count)} channels, in order of size: the largest is ${number(channels.ratio)} times the median`) : null}</div>`;
}
