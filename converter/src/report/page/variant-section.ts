/** A variant: its worst layers on top, with the likely cause in words; then every layer, and the file as a whole. */
import type { LayerReport, VariantReport } from "../report.ts";
import { strip } from "./charts.ts";
import { bytes, classOf, count, decibels, legend, percent } from "./figures.ts";
import { inheritedDb, layerSection, ownDb, totalDb } from "./layer-section.ts";
import { html, type Markup, shownName } from "./markup.ts";
import { wholeSections } from "./whole-sections.ts";

/** Layers told in words at the top. */
const toldLayers = 5;
/** An output like that is fine for most uses; above, nothing is called wrong. */
const fineDb = 30;

export function variantSection(variant: VariantReport, at: number): Markup {
  const anchor = (place: number) => `v${at}-layer-${place + 1}`;
  const { layers } = variant;
  return html`<section aria-labelledby="v${at}"><h2 id="v${at}" class="wrap">${shownName(variant.name)}</h2>
<p class="soft">${[variant.recipe, variant.format, bytes(variant.bytes)].filter((one) => one !== null).join(" · ")}${variant.measured ? `. Layers measured on ${variant.measured.samples} samples of ${shownName(variant.measured.data)} in ${variant.measured.runtime}` : ""}.</p>
${variant.unmeasured === null ? null : html`<p><b>Layers were not measured.</b> ${variant.unmeasured}</p>`}
${variant.measured ? worstSection(variant, anchor) : null}
${layers.length > 0 ? layerTable(layers, at, anchor) : null}
${wholeSections(variant)}
${layers.length > 0 ? html`<h3>Layer by layer</h3>${layers.map((_, place) => layerSection(layers, place, anchor))}` : null}
</section>`;
}

function worstSection({ layers, worst }: VariantReport, anchor: (place: number) => string): Markup {
  const told = worst.slice(0, toldLayers).flatMap((place) => (layers[place] ? [{ place, layer: layers[place] }] : []));
  const swatches = legend.map(
    ({ name, label }) =>
      html`<li><svg width="12" height="12" aria-hidden="true"><rect class="${name}" width="12" height="12"/></svg>${label}</li>`,
  );
  return html`<h3>Where the error starts</h3>
<p>Signal to noise of each layer's <b>own</b> error: what it adds when its inputs are flawless. What it merely passes on is not counted against it.</p>
${told.length === 0 ? html`<p class="verdict">No layer adds any error: the variant computes what the float model computes.</p>` : verdict(layers, worst)}
<ol class="worst">${told.map(({ place, layer }) => worstItem(layer, place, anchor))}</ol>
<h3>The graph</h3>
<p class="soft">In the order of computation, a bar for each layer. Above the line its own error, below it the error of the whole graph up to there; taller is worse.</p>
<ul class="legend">${swatches}</ul>
${strip(layers, anchor)}`;
}

/** One sentence for who has one minute. */
function verdict(layers: readonly LayerReport[], worst: readonly number[]): Markup | null {
  const [first, second] = worst.map((place) => layers[place]?.error?.own?.sqnrDb ?? null);
  const name = layers[worst[0] ?? -1]?.node;
  if (first === undefined || first === null || name === undefined) return null;
  if (first >= fineDb)
    return html`<p class="verdict">No layer stands out: the worst, ${shownName(name)}, has ${decibels(first)} of its own.</p>`;
  const gap = second === undefined || second === null ? Number.POSITIVE_INFINITY : second - first;
  return gap >= 6
    ? html`<p class="verdict"><b class="wrap">${shownName(name)}</b> stands out: ${Number.isFinite(gap) ? `${gap.toFixed(1)} dB worse than the next` : "no other layer adds any error"}. Look there first.</p>`
    : html`<p class="verdict">Several layers share the error; the worst has ${decibels(first)} of its own.</p>`;
}

function worstItem(layer: LayerReport, place: number, anchor: (place: number) => string): Markup {
  return html`<li class="${classOf(ownDb(layer))}"><a href="#${anchor(place)}"><b>${shownName(layer.node)}</b></a> <span class="soft">${layer.operator ?? "input"}, ${layer.precision}</span><br>own <b>${decibels(ownDb(layer))}</b>, inherited ${decibels(inheritedDb(layer))}, both ${decibels(totalDb(layer))}${layer.causes.map(({ text }) => html`<br>${text}`)}</li>`;
}

const key = (value: number | null | undefined): string =>
  value === undefined ? "1e9" : value === null ? "1e8" : String(value);

function layerTable(layers: readonly LayerReport[], at: number, anchor: (place: number) => string): Markup {
  const id = `v${at}-layers`;
  const columns = [["#", "n"], ["operator", ""], ["layer", ""], ["precision", ""], ["own", "n"], ["inherited", "n"], ["both", "n"], ["clipped", "n"], ["range used", "n"], ["constants", "n"], ["of file", "n"], ["MACs", "n"]] as const; // biome-ignore format: a table
  const headers = columns.map(
    ([name, kind]) => html`<th scope="col" class="${kind}"><button type="button">${name}</button></th>`,
  );
  const rows = layers.map((layer, place) => {
    const clipped = layer.spread?.clippedShare ?? null;
    return html`<tr><td class="n" data-key="${place}">${place + 1}</td><td>${layer.operator ?? "input"}</td><td class="name"><a href="#${anchor(place)}">${shownName(layer.node)}</a></td><td>${layer.precision}</td><td class="n" data-key="${key(ownDb(layer))}"><svg class="tag" width="12" height="12" aria-hidden="true"><rect class="${classOf(ownDb(layer))}" width="12" height="12"/></svg> ${decibels(ownDb(layer))}</td><td class="n" data-key="${key(inheritedDb(layer))}">${decibels(inheritedDb(layer))}</td><td class="n" data-key="${key(totalDb(layer))}">${decibels(totalDb(layer))}</td><td class="n" data-key="${clipped ?? -1}">${clipped === null ? "–" : percent(clipped)}</td><td class="n" data-key="${layer.coverage ?? 9}">${layer.coverage === null ? "–" : percent(layer.coverage)}</td><td class="n" data-key="${layer.constantBytes}">${bytes(layer.constantBytes)}</td><td class="n" data-key="${layer.share}">${percent(layer.share)}</td><td class="n" data-key="${layer.macs}">${count(layer.macs)}</td></tr>
`;
  });
  return html`<h3 id="${id}-title">All layers</h3>
<p class="find"><label>Only with <input type="search" data-filters="${id}" placeholder="a word of name, operator, precision"></label> <span class="count" id="${id}-count" aria-live="polite">${layers.length} layers</span></p>
<div class="scroll"><table id="${id}" data-sorts aria-labelledby="${id}-title"><thead><tr>${headers}</tr></thead><tbody>${rows}</tbody></table></div>`;
}
