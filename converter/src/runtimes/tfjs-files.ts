/** TFJS files in memory, as just written, in the form in which the tfjs runtimes take them. */
import { FlotillaError } from "@flotilla/protocol/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";

export interface TfjsArtifacts {
  readonly modelTopology: JsonObject;
  readonly signature?: JsonObject;
  readonly weightSpecs: readonly object[];
  readonly weightData: readonly ArrayBuffer[];
}

/** `files`: `model.json` and the weight files that it names. */
export function tfjsArtifacts(files: ReadonlyMap<string, Uint8Array>): TfjsArtifacts {
  const json: JsonValue = JSON.parse(new TextDecoder().decode(bytesOf(files, "model.json")));
  if (!isJsonObject(json) || !isJsonObject(json.modelTopology)) throw invalid("model.json has no modelTopology");
  const groups = Array.isArray(json.weightsManifest) ? json.weightsManifest.filter(isJsonObject) : [];
  return {
    modelTopology: json.modelTopology,
    ...(isJsonObject(json.signature) ? { signature: json.signature } : {}),
    weightSpecs: groups.flatMap(({ weights }) => (Array.isArray(weights) ? weights.filter(isJsonObject) : [])),
    weightData: groups.flatMap(({ paths }) =>
      (Array.isArray(paths) ? paths : []).map((path) => Uint8Array.from(bytesOf(files, String(path))).buffer),
    ),
  };
}

function bytesOf(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw invalid(`there is no ${name}`);
  return bytes;
}

const invalid = (problem: string): FlotillaError => new FlotillaError("GRAPH_INVALID", `A TFJS variant: ${problem}.`);
