/**
 * Classes that are not Keras' own get names that say so ("my_package>Dense"), since a registered class may have the name of
 * a layer and mean another thing. Nothing foreign is ever run; the lowering then refuses it by that name.
 * Rules: keras `saving/serialization_lib.py` (module, registered_name), `object_registration.py` ("package>name").
 */
import { isJsonObject, type JsonObject, type JsonValue } from "@flotilla/protocol/json-value";

/** Nesting is bounded by the parser that made the value. */
export function nameForeignClasses(config: JsonObject): JsonObject {
  const entries = Object.entries(config).map(([key, value]): [string, JsonValue] => [key, visit(value)]);
  const foreign = foreignName(config);
  return Object.fromEntries(foreign === undefined ? entries : [...entries, ["class_name", foreign]]);
}

function visit(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(visit);
  return isJsonObject(value) ? nameForeignClasses(value) : value;
}

function foreignName({ class_name: name, module, registered_name: registered }: JsonObject): string | undefined {
  if (typeof name !== "string" || name.startsWith("__")) return undefined;
  if (typeof registered === "string" && registered.includes(">")) return registered;
  if (name.includes(">") || typeof module !== "string" || /^(keras|tf_keras|builtins)(\.|$)/.test(module)) {
    return undefined;
  }
  return `${module}>${name}`;
}
