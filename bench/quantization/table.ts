/** The results of the comparison as tables in markdown, and what they come to. */

export interface ToolResult {
  readonly bytes: number;
  readonly floatOperators: readonly string[];
  readonly outputs: readonly { readonly name: string; readonly sqnrDb: number }[];
  readonly worstDb: number;
  readonly meanDb: number;
}

export type ToolName = "ours" | "edge-quantizer" | "tensorflow";

export interface JobResult {
  readonly floatBytes: number;
  readonly samples: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly tools: Readonly<Partial<Record<ToolName, ToolResult | { readonly error: string }>>>;
}

export interface Row {
  readonly model: string;
  readonly format: string;
  /** A sentence where there is no result. */
  readonly result: JobResult | string;
}

const peers: readonly ToolName[] = ["edge-quantizer", "tensorflow"];
const tolerance = 0.5;

export const header = [
  "| model | worst output, dB: ours, AEQ, TF | mean, dB | float operators | kB | held-out | behind |",
  "|---|---|---|---|---|---|---|",
].join("\n");

export function printRow({ model, result }: Row): string {
  if (typeof result === "string") return `| ${model} | ${result} | | | | | |`;
  const tools = (["ours", ...peers] as const).map((name) => toolOf(result, name));
  const join = (value: (tool: ToolResult) => string): string =>
    tools.map((tool) => (tool ? value(tool) : "–")).join(", ");
  const cells = [
    model,
    join(({ worstDb }) => worstDb.toFixed(1)),
    join(({ meanDb }) => meanDb.toFixed(1)),
    join(({ floatOperators }) => `${floatOperators.length}`),
    join(({ bytes }) => (bytes / 1000).toFixed(1)),
    `${result.samples}`,
    behind(result).join(", "),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** In what ours is worse than a peer. */
function behind(result: JobResult): string[] {
  const ours = toolOf(result, "ours");
  if (!ours) return ["failed"];
  return peers.flatMap((name) => {
    const peer = toolOf(result, name);
    if (!peer) return [];
    const short = name === "tensorflow" ? "TF" : "AEQ";
    return [
      ...(ours.worstDb < peer.worstDb ? [`${short} ${(ours.worstDb - peer.worstDb).toFixed(1)} dB`] : []),
      ...(ours.floatOperators.length > peer.floatOperators.length ? [`${short} float operators`] : []),
      ...(ours.bytes > peer.bytes ? [`${short} ${ours.bytes - peer.bytes} bytes`] : []),
    ];
  });
}

/** One line for each peer: on how many models ours is at least as good. */
export function summary(rows: readonly Row[]): string {
  return peers
    .map((name) => {
      const pairs = rows.flatMap(({ model, result }) => {
        if (typeof result === "string") return [];
        const [ours, peer] = [toolOf(result, "ours"), toolOf(result, name)];
        return ours && peer ? [{ model, ours, peer }] : [];
      });
      const least = pairs.filter(({ ours, peer }) => ours.worstDb >= peer.worstDb).length;
      const far = pairs.filter(({ ours, peer }) => ours.worstDb < peer.worstDb - tolerance);
      const floats = pairs.filter(({ ours, peer }) => ours.floatOperators.length > peer.floatOperators.length);
      const larger = pairs.filter(({ ours, peer }) => ours.bytes > peer.bytes);
      const names = (found: typeof pairs) => (found.length === 0 ? "none" : found.map(({ model }) => model).join(", "));
      return (
        `- **${name}**, ${pairs.length} models: SQNR of the worst output higher or equal on ${least} ` +
        `(${((100 * least) / Math.max(1, pairs.length)).toFixed(0)} %); worse by more than ${tolerance} dB: ${names(far)}; ` +
        `more float operators: ${names(floats)}; larger file: ${names(larger)}.`
      );
    })
    .join("\n");
}

function toolOf({ tools }: JobResult, name: ToolName): ToolResult | undefined {
  const found = tools[name];
  return found && "bytes" in found ? found : undefined;
}
