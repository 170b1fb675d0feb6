/** What is to be said of a variant's file as a whole: accuracy, calibration, islands, operators, memory, work. */
import type { Accuracy } from "../../prove/measure-accuracy.ts";
import type { VariantReport } from "../report.ts";
import { bytes, count, decibels, number, percent, points } from "./figures.ts";
import { html, type Markup, shownName } from "./markup.ts";

export function wholeSections(variant: VariantReport): Markup {
  const { parity, accuracy, calibration, arena, macs, size, minRuntimeVersion } = variant;
  const facts: [string, string | null][] = [
    ["parity", parity && `${decibels(parity.sqnrDb)}, largest relative difference ${number(parity.maxRel)}, against ${parity.against} on ${parity.samples} samples${parity.top1Agreement === null ? "" : `; the same top class on ${percent(parity.top1Agreement)}`}`],
    ["accuracy", accuracy && accuracyText(accuracy)],
    ["calibration", calibration && `${calibration.method} on ${calibration.samples} samples of ${shownName(calibration.data)}${calibration.digest === "" ? "" : `, SHA-256 ${calibration.digest}`}`],
    ["size", `${bytes(variant.bytes)}: ${bytes(size.constants)} constants of layers, ${bytes(size.rest)} the rest`],
    ["multiply-accumulates", `${count(macs.total)}${Object.entries(macs.byPrecision).map(([precision, sum], at) => `${at === 0 ? ": " : ", "}${count(sum)} in ${precision}`).join("")}`],
    ["needs TensorFlow Lite", minRuntimeVersion],
    ["SHA-256", variant.sha256],
  ]; // biome-ignore format: a table
  const rows = facts.flatMap(([name, value]) => (value === null ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`]));
  const operators = Object.entries(variant.operators).map(
    ([operator, found]) =>
      html`<tr><td>${operator}</td><td class="n">${found.count}</td><td class="n">${found.version ?? "–"}</td></tr>`,
  );
  return html`<h3>The file</h3><dl>${rows}</dl>
${islandSection(variant)}
${arena ? html`<h3>Memory</h3><p>The arena takes ${bytes(arena.bytes)}. Most is alive at ${arena.operator} <span class="wrap">${shownName(arena.node)}</span>: ${bytes(arena.aliveBytes)}.</p><div class="scroll"><table><thead><tr><th scope="col">tensor alive there</th><th scope="col" class="n">size</th></tr></thead><tbody>${arena.alive.map((one) => html`<tr><td class="name">${shownName(one.tensor)}</td><td class="n">${bytes(one.bytes)}</td></tr>`)}${arena.others.count > 0 ? html`<tr><td>${count(arena.others.count)} others</td><td class="n">${bytes(arena.others.bytes)}</td></tr>` : null}</tbody></table></div>` : null}
<h3>Operators</h3><div class="scroll"><table><thead><tr><th scope="col">operator</th><th scope="col" class="n">count</th><th scope="col" class="n">version</th></tr></thead><tbody>${operators}</tbody></table></div>`;
}

function accuracyText({
  metric,
  variant,
  low,
  high,
  source,
  sourceInterval,
  drop,
  dropInterval,
  samples,
}: Accuracy): string {
  return (
    `${metric} ${points(variant)} (95 %: ${points(low)} to ${points(high)}), source ${points(source)} ` +
    `(${points(sourceInterval.low)} to ${points(sourceInterval.high)}); drop ${points(drop)} (paired, 95 %: ` +
    `${points(dropInterval.low)} to ${points(dropInterval.high)}) on ${count(samples)} samples`
  );
}

function islandSection({ islands }: VariantReport): Markup | null {
  if (islands.length === 0) return null;
  const rows = islands.flatMap(({ operators }, island) =>
    operators.map(
      ({ node, operator, reason }) =>
        html`<tr><td class="n">${island + 1}</td><td>${operator}</td><td class="name">${shownName(node)}</td><td>${reason ?? "the file does not say"}</td></tr>`,
    ),
  );
  return html`<h3>Float islands</h3><p class="soft">Operators that compute in float among integer ones. Each island costs a way out of the integers and back.</p>
<div class="scroll"><table><thead><tr><th scope="col" class="n">island</th><th scope="col">operator</th><th scope="col">node</th><th scope="col">why</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}
