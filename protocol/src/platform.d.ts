/**
 * The few globals that pure code may use: those that Node, browsers and React Native all have.
 * The pure packages compile with `lib: [ES2023]` and `types: []`, so anything not named here does not compile there.
 * Under the full compiler settings Node's own declarations take precedence; the shapes here are a subset of them.
 */

interface TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
}
declare var TextEncoder: { new (): TextEncoder };

interface TextDecoder {
  decode(input?: Uint8Array | ArrayBuffer): string;
}
declare var TextDecoder: { new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder };
