/**
 * TFLITE_METADATA for a model: normalization and colours from its preprocessing, class names as an attached file, in the
 * form that phone libraries read (tflite-support `metadata_schema.fbs`). What that form cannot say is left out of it.
 */
import type { PreprocessingStep } from "@flotilla/protocol/documents/preprocessing";
import {
  type EncodableTensorMetadata,
  metadataIdentifier,
  metadataName,
  modelMetadataTable,
} from "@flotilla/protocol/tflite/metadata-schema";
import { encodeFlatbuffer } from "../../codecs/flatbuffer/encode-flatbuffer.ts";
import { type Model, type TensorId, tensorOf } from "../../ir/graph.ts";

export interface Description {
  readonly name: string;
  /** Input name → steps from a decoded picture to what the model takes. */
  readonly preprocessing: Readonly<Record<string, readonly PreprocessingStep[]>>;
  /** Names of the classes of the first output. */
  readonly labels?: readonly string[];
}

/** The oldest parser that knows every field written here. */
const minParserVersion = "1.0.0";
const labelsFile = "labels.txt";

/** The model with metadata; the model itself when there is nothing to say, or its maker has said it already. */
export function describeModel(model: Model, { name, preprocessing, labels }: Description): Model {
  const [graph] = model.graphs;
  if (model.metadata.some((entry) => entry.name === metadataName)) return model;
  if (!graph || (Object.keys(preprocessing).length === 0 && labels === undefined)) return model;
  const nameOf = (id: TensorId): string => tensorOf(graph, id).name;
  const bytes = encodeFlatbuffer(
    {
      name,
      minParserVersion,
      subgraphMetadata: [
        {
          name: graph.name,
          inputTensorMetadata: graph.inputs.map((id) => inputMetadata(nameOf(id), preprocessing[nameOf(id)] ?? [])),
          outputTensorMetadata: graph.outputs.map((id, place) => ({
            name: nameOf(id),
            ...(labels && place === 0
              ? { associatedFiles: [{ name: labelsFile, type: "TENSOR_AXIS_LABELS" as const }] }
              : {}),
          })),
        },
      ],
    },
    modelMetadataTable,
    metadataIdentifier,
  );
  return {
    ...model,
    metadata: [...model.metadata, { name: metadataName, bytes }],
    ...(labels ? { files: new Map([[labelsFile, new TextEncoder().encode(`${labels.join("\n")}\n`)]]) } : {}),
  };
}

function inputMetadata(name: string, steps: readonly PreprocessingStep[]): EncodableTensorMetadata {
  const colorSpace = colorSpaceOf(steps);
  const normalization = normalizationOf(steps);
  const size = steps.find((step) => step.kind === "resize");
  const image = {
    type: "ImageProperties",
    value: { colorSpace, ...(size ? { defaultSize: { width: size.width, height: size.height } } : {}) },
  };
  return {
    name,
    ...(colorSpace ? { content: { contentProperties: image } } : {}),
    ...(normalization ? { processUnits: [{ options: { type: "NormalizationOptions", value: normalization } }] } : {}),
  };
}

/** BGR has no word in the schema: no image properties then, rather than wrong ones. */
function colorSpaceOf(steps: readonly PreprocessingStep[]): "RGB" | "GRAYSCALE" | null {
  let space: "RGB" | "GRAYSCALE" | null = null;
  for (const step of steps) {
    if (step.kind === "decode") space = step.channels === 1 ? "GRAYSCALE" : "RGB";
    if (step.kind === "colour") space = step.order === "gray" ? "GRAYSCALE" : step.order === "rgb" ? "RGB" : null;
  }
  return space;
}

/** All scalings in one, as (x − mean) / std per channel; null where there are none, or a channel is flattened to 0. */
function normalizationOf(steps: readonly PreprocessingStep[]): { mean: number[]; std: number[] } | null {
  let factors = [1];
  let offsets = [0];
  let found = false;
  const apply = (by: readonly number[], plus: readonly number[]): void => {
    const channels = Math.max(factors.length, by.length, plus.length);
    const at = (values: readonly number[], channel: number): number => values[values.length === 1 ? 0 : channel] ?? 0;
    const all = Array.from({ length: channels }, (_, channel) => channel);
    offsets = all.map((channel) => at(offsets, channel) * at(by, channel) + at(plus, channel));
    factors = all.map((channel) => at(factors, channel) * at(by, channel));
    found = true;
  };
  for (const step of steps) {
    if (step.kind === "scale") apply([step.by], [step.offset]);
    if (step.kind === "normalize")
      apply(
        step.std.map((std) => 1 / std),
        step.std.length >= step.mean.length
          ? step.std.map((std, channel) => -(step.mean[step.mean.length === 1 ? 0 : channel] ?? 0) / std)
          : step.mean.map((mean) => -mean / (step.std[0] ?? 1)),
      );
  }
  if (!found || factors.some((factor) => factor === 0 || !Number.isFinite(factor))) return null;
  return {
    mean: factors.map((factor, channel) => -(offsets[channel] ?? 0) / factor + 0),
    std: factors.map((factor) => 1 / factor),
  };
}
