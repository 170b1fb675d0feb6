/**
 * Selectors of operators, as in `--override` and in recipe files: `/regex/` on the names of a node and of its results,
 * `op:CONV_2D`, `index:17` (place in the float graph). Expressions are bounded so that none takes long: no
 * back-references, no look-around, no repeated groups, few open repetitions, and names are looked at up to a length.
 */
import { FlotillaError } from "@flotilla/protocol/errors";
import { type Graph, type Node, tensorOf } from "../ir/graph.ts";
import { operators, opOf } from "../ops/registry.ts";

export type Selector =
  | { readonly by: "name"; readonly text: string; readonly pattern: RegExp }
  | { readonly by: "operator"; readonly text: string; readonly operator: string }
  | { readonly by: "index"; readonly text: string; readonly index: number };

const longestPattern = 256;
const longestName = 256;
/** Time grows with the length of a name to the power of open repetitions: 256³ steps at most. */
const mostRepetitions = 3;

/** @throws QUANT_SELECTOR */
export function parseSelector(text: string): Selector {
  if (/^\/.+\/$/su.test(text)) return { by: "name", text, pattern: boundedPattern(text) };
  const operator = /^op:(.+)$/su.exec(text)?.[1];
  if (operator !== undefined) {
    if (opOf(operator)) return { by: "operator", text, operator };
    const close = nearest(
      operator.toUpperCase(),
      operators.map(({ kind }) => kind),
    );
    throw refused(text, `There is no operator "${operator}".`, close ? [`op:${close}`] : []);
  }
  const index = /^index:(\d{1,9})$/.exec(text)?.[1];
  if (index !== undefined) return { by: "index", text, index: Number(index) };
  throw refused(text, "A selector is /regex/ on names, op:CONV_2D, or index:17.", []);
}

function boundedPattern(text: string): RegExp {
  const source = text.slice(1, -1);
  if (source.length > longestPattern)
    throw refused(text, `The expression is longer than ${longestPattern} characters.`, []);
  const plain = source.replace(/\\./gsu, "_").replace(/\[[^\]]*\]/gu, "_");
  if (/\\[1-9k]/u.test(source)) throw refused(text, "Back-references are not taken.", []);
  if (/\(\?(?!:)/u.test(plain)) throw refused(text, "Only (…) and (?:…) groups are taken.", []);
  if (/\)[*+?{]/u.test(plain)) throw refused(text, "A group may not be repeated.", []);
  if ((plain.match(/[*+{]/gu) ?? []).length > mostRepetitions)
    throw refused(text, `At most ${mostRepetitions} repetitions (*, +, {n}) are taken.`, []);
  try {
    return new RegExp(source, "u");
  } catch (cause) {
    throw refused(text, `The expression does not parse: ${cause instanceof Error ? cause.message : "?"}.`, [], cause);
  }
}

/** Places of the nodes that a selector means. @throws QUANT_SELECTOR when there is none, with what there is instead */
export function selectNodes(graph: Graph, selector: Selector): readonly number[] {
  const found = graph.nodes.flatMap((node, at) => (means(graph, selector, node, at) ? [at] : []));
  if (found.length > 0) return found;
  throw refused(selector.text, `It selects no operator of "${graph.name}".`, suggestions(graph, selector));
}

function means(graph: Graph, selector: Selector, node: Node, at: number): boolean {
  switch (selector.by) {
    case "name":
      return namesOf(graph, node).some((name) => selector.pattern.test(name));
    case "operator":
      return node.kind === selector.operator;
    case "index":
      return selector.index === at;
  }
}

const namesOf = (graph: Graph, node: Node): string[] =>
  [node.name, ...node.outputs.map((id) => tensorOf(graph, id).name)].map((name) => name.slice(0, longestName));

function suggestions(graph: Graph, selector: Selector): readonly string[] {
  switch (selector.by) {
    case "operator":
      return [...new Set(graph.nodes.map(({ kind }) => kind))].sort().map((kind) => `op:${kind}`);
    case "index":
      return [`index:0 to index:${graph.nodes.length - 1}`];
    case "name": {
      const wanted = selector.text.slice(1, -1).replace(/[\\^$.*+?()[\]{}|]/gu, "");
      const close = nearest(
        wanted,
        graph.nodes.flatMap((node) => namesOf(graph, node)),
      );
      return close === null ? [] : [`/${close.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&")}/`];
    }
  }
}

/** Of these words the one that takes the fewest edits from `wanted`; null when there are none. */
function nearest(wanted: string, words: readonly string[]): string | null {
  let best: { readonly word: string; readonly edits: number } | null = null;
  for (const word of new Set(words)) {
    const edits = editDistance(wanted.slice(0, longestName), word.slice(0, longestName));
    if (!best || edits < best.edits) best = { word, edits };
  }
  return best?.word ?? null;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function refused(text: string, why: string, instead: readonly string[], cause?: unknown): FlotillaError {
  const hint = instead.length === 0 ? "" : ` There is ${instead.slice(0, 12).join(", ")}.`;
  return new FlotillaError("QUANT_SELECTOR", `The selector ${text} cannot be used. ${why}${hint}`, {
    details: { selector: text, suggestions: instead.slice(0, 100) },
    cause,
  });
}
