/** The part of the WebAssembly JavaScript interface that the runtimes use; TypeScript has it only in its browser library. */
declare namespace WebAssembly {
  interface Module {
    readonly __webAssemblyModule: never;
  }
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  type Imports = Record<string, Record<string, unknown>>;
  /** A trap: memory out of bounds, unreachable code, stack overflow in the module. */
  class RuntimeError extends Error {}
  function validate(bytes: Uint8Array): boolean;
  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports: Imports): Promise<Instance>;
}
