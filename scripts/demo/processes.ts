/** The demo's child processes: started by this same Node, their logs in files, all of them gone when the demo ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { FlotillaError } from "@flotilla/protocol/errors";

const repository = path.resolve(import.meta.dirname, "..", "..");
const startLimitMs = 30_000;
const stopLimitMs = 5_000;

export interface RunningProcess {
  readonly name: string;
  readonly logFile: string;
  readonly child: ChildProcess;
}

export class ProcessScope {
  readonly #running: RunningProcess[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    // However the demo ends, it leaves no process behind.
    process.once("exit", () => this.#killAll());
  }

  /** Starts `flotilla …args` as its own process. */
  start(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningProcess {
    const logFile = path.join(this.#folder, `${name}.log`);
    const log = openSync(logFile, "a");
    const child = spawn(process.execPath, [path.join(repository, "cli", "bin", "flotilla.mjs"), ...args], {
      cwd: this.#folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const running = { name, logFile, child };
    this.#running.push(running);
    return running;
  }

  /** Waits for a JSON file that a process writes once it is ready. @throws INTERNAL with the end of its log if it dies first. */
  async ready<T>(running: RunningProcess, file: string): Promise<T> {
    const deadline = Date.now() + startLimitMs;
    while (!existsSync(file)) {
      const { exitCode, signalCode } = running.child;
      if (exitCode !== null || signalCode !== null || Date.now() > deadline) {
        const log = readFileSync(running.logFile, "utf8").slice(-2000);
        throw new FlotillaError("INTERNAL", `${running.name} did not start:\n${log}`);
      }
      await pause(25);
    }
    return JSON.parse(readFileSync(file, "utf8")) as T;
  }

  /** Asks every process to stop, and kills what does not. */
  async stopAll(): Promise<void> {
    await Promise.all(
      this.#running.map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, "exit");
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
        await gone;
        clearTimeout(timer);
      }),
    );
  }

  #killAll(): void {
    for (const { child } of this.#running) if (child.exitCode === null) child.kill("SIGKILL");
  }
}
