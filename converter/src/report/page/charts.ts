/** Drawings as inline SVG: histograms with the integers' range on them, spreads of channels, the strip of all layers. */
import type { Range } from "../../quantize/scales.ts";
import type { LayerReport } from "../report.ts";
import type { Bars } from "../value-spread.ts";
import { classOf, decibels, interval, noiseHeight, number } from "./figures.ts";
import { html, type Markup, shownName } from "./markup.ts";

const width = 420;
const height = 90;

/** Bars are on a logarithmic scale: a single outlier must be seen beside a million ordinary values. */
export function histogram(bars: Bars, range: Range | null, label: string): Markup {
  const low = Math.min(bars.from, range?.min ?? bars.from);
  const high = Math.max(bars.to, range?.max ?? bars.to);
  const span = high - low || 1;
  const x = (value: number) => ((value - low) / span) * width;
  const most = Math.log1p(Math.max(1, ...bars.counts));
  const step = (bars.to - bars.from) / bars.counts.length;
  const drawn = bars.counts.flatMap((value, at) => {
    if (value === 0) return [];
    const tall = Math.max(1, (Math.log1p(value) / most) * (height - 6));
    const from = x(bars.from + at * step);
    const wide = Math.max(0.8, x(bars.from + (at + 1) * step) - from - 0.3);
    return [
      html`<rect class="bar" x="${from.toFixed(1)}" y="${(height - tall).toFixed(1)}" width="${wide.toFixed(1)}" height="${tall.toFixed(1)}"/>`,
    ];
  });
  const limit = (value: number) =>
    html`<line class="limit" x1="${x(value).toFixed(1)}" x2="${x(value).toFixed(1)}" y1="0" y2="${height}"/>`;
  const said = `${label}: ${interval({ min: bars.from, max: bars.to })}${range ? `; integers hold ${interval(range)}` : ""}`;
  return html`<figure><svg viewBox="-2 0 ${width + 4} ${height + 14}" role="img" aria-label="${said}">${drawn}${range ? [limit(range.min), limit(range.max)] : []}<line class="axis" x1="0" x2="${width}" y1="${height}" y2="${height}"/><text x="0" y="${height + 12}">${number(low)}</text><text x="${width}" y="${height + 12}" text-anchor="end">${number(high)}</text></svg><figcaption>${said}. Logarithmic counts.</figcaption></figure>`;
}

/** Largest magnitudes of channels, from the smallest to the largest. */
export function channelBars(bounds: readonly number[], label: string): Markup {
  const largest = Math.max(...bounds, Number.MIN_VALUE);
  const wide = width / bounds.length;
  const drawn = bounds.map((bound, at) => {
    const tall = Math.max(0.8, (bound / largest) * (height - 6));
    return html`<rect class="bar" x="${(at * wide).toFixed(1)}" y="${(height - tall).toFixed(1)}" width="${Math.max(0.8, wide - 0.6).toFixed(1)}" height="${tall.toFixed(1)}"/>`;
  });
  return html`<figure><svg viewBox="-2 0 ${width + 4} ${height + 2}" role="img" aria-label="${label}">${drawn}<line class="axis" x1="0" x2="${width}" y1="${height}" y2="${height}"/></svg><figcaption>${label}</figcaption></figure>`;
}

const rowHeight = 46;
const perRow = 100;

/** Own error above, the whole graph's below; in rows of a hundred layers. Every bar leads to its layer. */
export function strip(layers: readonly LayerReport[], anchor: (place: number) => string): Markup {
  const columns = Math.min(perRow, Math.max(layers.length, 24));
  const wide = 1000 / columns;
  const rows = Math.ceil(layers.length / columns);
  const total = rows * (2 * rowHeight + 14);
  const bars = layers.map((layer, place) => {
    const x = (place % columns) * wide;
    const top = Math.floor(place / columns) * (2 * rowHeight + 14);
    const own = layer.error ? (layer.error.own ? layer.error.own.sqnrDb : undefined) : undefined;
    const all = layer.error ? layer.error.sqnrDb : undefined;
    const up = noiseHeight(own) * (rowHeight - 2);
    const down = noiseHeight(all) * (rowHeight - 2);
    const size = (wide - 1).toFixed(1);
    const title = `${layer.operator ?? "input"} ${shownName(layer.node)}: own ${decibels(own)}, up to here ${decibels(all)}`;
    return html`<a href="#${anchor(place)}" aria-label="${title}"><title>${title}</title><rect class="hit" x="${x.toFixed(1)}" y="${top}" width="${size}" height="${2 * rowHeight}"/><rect class="${classOf(own)}" x="${x.toFixed(1)}" y="${(top + rowHeight - up - 1).toFixed(1)}" width="${size}" height="${up.toFixed(1)}"/><rect class="${classOf(all)}" x="${x.toFixed(1)}" y="${top + rowHeight + 1}" width="${size}" height="${down.toFixed(1)}"/></a>`;
  });
  return html`<svg class="strip" viewBox="0 0 1000 ${total}" role="group" aria-label="Every layer, in order">${bars}</svg>`;
}
