/**
 * A report as one HTML page that asks nobody for anything: style and script stand in it, named by their digests in a content
 * security policy that allows nothing else; every name that came from a file is escaped (`markup.ts`).
 */
import { createHash } from "node:crypto";
import type { Report, VariantReport } from "../report.ts";
import { bytes, classOf, count, decibels, points } from "./figures.ts";
import { html, type Markup, shownName } from "./markup.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";
import { variantSection } from "./variant-section.ts";

const digest = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const raw = (text: string): Markup => ({ html: text });

export function renderPage({ source, variants }: Report): string {
  const policy = `default-src 'none'; style-src ${digest(style)}; script-src ${digest(script)}; img-src data:; base-uri 'none'; form-action 'none'`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${shownName(source.name)}: where precision goes</title>
<link rel="icon" href="data:,">
<style>${raw(style)}</style>
</head>
<body>
<header><h1 class="wrap">${shownName(source.name)}</h1>
<p class="soft wrap">${source.format}, ${count(source.parameters)} parameters, SHA-256 ${source.sha256}</p></header>
<main>
${variants.length > 1 ? overview(variants) : null}
${variants.map(variantSection)}
</main>
<script>${raw(script)}</script>
</body>
</html>
`;
  return page.html;
}

function overview(variants: readonly VariantReport[]): Markup {
  const rows = variants.map(({ name, recipe, bytes: size, accuracy, parity, worst, layers }, at) => {
    const layer = layers[worst[0] ?? -1];
    const own = layer?.error?.own?.sqnrDb;
    return html`<tr><td class="name"><a href="#v${at}">${shownName(name)}</a></td><td>${recipe ?? "–"}</td><td class="n">${bytes(size)}</td><td class="n">${accuracy ? points(accuracy.variant) : "–"}</td><td class="n">${accuracy ? points(accuracy.drop) : "–"}</td><td class="n">${parity ? decibels(parity.sqnrDb) : "–"}</td><td class="name">${layer ? html`<svg class="tag" width="12" height="12" aria-hidden="true"><rect class="${classOf(own)}" width="12" height="12"/></svg> ${shownName(layer.node)}, ${decibels(own)}` : "–"}</td></tr>`;
  });
  return html`<div class="scroll"><table><thead><tr><th scope="col">variant</th><th scope="col">recipe</th><th scope="col" class="n">size</th><th scope="col" class="n">accuracy</th><th scope="col" class="n">drop</th><th scope="col" class="n">SQNR</th><th scope="col">worst layer of its own</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}
