/**
 * Holds one WebAssembly instance for a runtime's models. Emscripten's glue is compiled as a function whose free names are
 * given to it, so it neither needs nor leaves globals; compiled code is shared by all instances of the process.
 * An instance that trapped is never used again, and one that grew large is dropped when its last model is closed:
 * WebAssembly memory never shrinks.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { compileFunction } from "node:vm";
import { FlotillaError } from "@flotilla/protocol/errors";

/** What every Emscripten module has. Views are replaced when memory grows: never keep one. */
export interface WasmModule {
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
}

export interface WasmPackage {
  readonly packageName: string;
  /** Inside the package, without extension: a `.js` and a `.wasm` file. */
  readonly build: string;
  /** The factory that the glue declares. */
  readonly factory: string;
}

type Factory<M> = (settings: Record<string, unknown>) => Promise<M>;

const require = createRequire(import.meta.url);
const compiled = new Map<string, Promise<WebAssembly.Module>>();
/** Above this, an instance without models is not kept. */
const keptHeapBytes = 64 * 1024 * 1024;
/** Bytes of the log that one call may attach to its error. */
const maxLogLines = 50;

export class WasmHost<M extends WasmModule> {
  readonly version: string;
  readonly #files: { readonly glue: string; readonly wasm: string };
  readonly #factory: string;
  #instance: Promise<WasmInstance<M>> | undefined;

  constructor({ packageName, build, factory }: WasmPackage) {
    const manifestPath = require.resolve(`${packageName}/package.json`);
    const manifest: { version: string } = require(manifestPath);
    const base = join(dirname(manifestPath), ...build.split("/"));
    this.version = manifest.version;
    this.#files = { glue: `${base}.js`, wasm: `${base}.wasm` };
    this.#factory = factory;
  }

  /** The instance that new models go into; concurrent callers share one. */
  async acquire(): Promise<WasmInstance<M>> {
    const found = this.#instance;
    const current = await found;
    if (current?.usable) return current;
    if (this.#instance !== undefined && this.#instance !== found) return this.#instance;
    const created = this.#create();
    this.#instance = created;
    created.catch(() => {
      if (this.#instance === created) this.#instance = undefined;
    });
    return created;
  }

  async #create(): Promise<WasmInstance<M>> {
    const { glue, wasm } = this.#files;
    let module = compiled.get(wasm);
    if (module === undefined) {
      module = readFile(wasm).then((bytes) => WebAssembly.compile(bytes));
      compiled.set(wasm, module);
      module.catch(() => compiled.delete(wasm));
    }
    const log: string[] = [];
    const keep = (line: unknown) => {
      if (log.length < maxLogLines) log.push(String(line));
    };
    const ready = await module;
    const folder = `${dirname(glue)}/`;
    const page = { href: `file://${folder}`, origin: "" };
    const names = { require, __dirname: folder, __filename: glue, self: { location: page }, location: page };
    const source = `${await readFile(glue, "utf8")}\nreturn ${this.#factory};`;
    const factory: Factory<M> = compileFunction(source, Object.keys(names), { filename: glue })(
      ...Object.values(names),
    );
    const made = await factory({
      print: keep,
      printErr: keep,
      locateFile: (file: string) => join(folder, file),
      instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
        void WebAssembly.instantiate(ready, imports).then(done);
        return {};
      },
    });
    return new WasmInstance(made, log);
  }
}

export class WasmInstance<M extends WasmModule> {
  readonly module: M;
  readonly #log: string[];
  #models = 0;
  #trapped = false;

  constructor(module: M, log: string[]) {
    this.module = module;
    this.#log = log;
  }

  get usable(): boolean {
    return !this.#trapped && (this.#models > 0 || this.module.HEAPU8.length <= keptHeapBytes);
  }

  retain(): void {
    this.#models++;
  }

  /** Gives a model's memory back, unless the instance is lost as a whole. */
  release(free: () => void): void {
    this.#models--;
    if (!this.#trapped) this.call("closing the model", free);
  }

  /**
   * Runs synchronous work inside the instance. Lines that the runtime printed meanwhile come with the result;
   * whatever it throws becomes UNSUPPORTED_RUNTIME with those lines.
   */
  call<T>(what: string, work: (log: readonly string[]) => T): T {
    if (this.#trapped) throw runtimeError(`${what}: the runtime crashed earlier; load the model again`);
    this.#log.length = 0;
    try {
      return work(this.#log);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) this.#trapped = true;
      if (error instanceof FlotillaError) throw error;
      throw runtimeError(`${what}: ${error instanceof Error ? error.message : String(error)}`, this.#log, error);
    }
  }

  /** Copies bytes into the instance. The caller frees them. */
  place(bytes: Uint8Array): number {
    const pointer = this.module._malloc(Math.max(1, bytes.length));
    if (pointer === 0) throw runtimeError(`no memory for ${bytes.length} bytes`);
    this.module.HEAPU8.set(bytes, pointer);
    return pointer;
  }
}

/** UNSUPPORTED_RUNTIME with the runtime's own words: errors first, remarks of no interest left out. */
export function runtimeError(message: string, log: readonly string[] = [], cause?: unknown): FlotillaError {
  const lines = log.filter((line) => !/^(INFO|WARNING):/.test(line)).map((line) => line.trim());
  const said = lines.length > 0 ? ` The runtime says: ${lines.slice(0, 5).join(" | ")}` : "";
  return new FlotillaError("UNSUPPORTED_RUNTIME", `${message}.${said}`, {
    details: { log: lines },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Runtimes print failures that they do not report otherwise. */
export function printedErrors(log: readonly string[]): boolean {
  return log.some((line) => line.startsWith("ERROR"));
}
