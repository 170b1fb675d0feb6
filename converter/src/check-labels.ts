/** Names of classes against the model they are for: as many as its first output has, and a place to put them. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { metadataName } from "@flotilla/protocol/tflite/metadata-schema";
import { type Model, tensorOf } from "./ir/graph.ts";

/** As the release document bounds them. */
const maxLabels = 100_000;

/** @throws CONFIG_INVALID */
export function checkLabels(model: Model, labels: readonly string[] | undefined): void {
  if (labels === undefined) return;
  const [graph] = model.graphs;
  const [output] = graph?.outputs ?? [];
  if (!graph || output === undefined) throw refused("The labels are for an output, and the model has none.", labels);
  const { name, shape } = tensorOf(graph, output);
  const classes = shape.at(-1) ?? 1;
  if (labels.length > maxLabels) throw refused(`${labels.length} labels; ${maxLabels} at most are kept.`, labels);
  if (classes !== -1 && classes !== labels.length) {
    throw refused(
      `There are ${labels.length} labels; the output "${name}" of [${shape.join(", ")}] has ${classes} classes.`,
      labels,
      classes,
    );
  }
  const bad = labels.findIndex((label) => /[\p{Cc}]/u.test(label));
  if (bad >= 0) throw refused(`Label ${bad + 1} holds a control character.`, labels);
}

/** Labels for files that are to be written. @throws CONFIG_INVALID also for a model whose maker described it already */
export function checkLabelsToWrite(model: Model, labels: readonly string[] | undefined): void {
  checkLabels(model, labels);
  if (labels !== undefined && model.metadata.some((entry) => entry.name === metadataName)) {
    throw refused("The model has metadata already, which stays as its maker wrote it. Leave out the labels.", labels);
  }
}

const refused = (problem: string, labels: readonly string[], expected?: number): FlotillaError =>
  new FlotillaError("CONFIG_INVALID", problem, {
    details: { option: "labels", found: labels.length, ...(expected === undefined ? {} : { expected }) },
  });
