/**
 * One agent per folder: a lock file with the owner's process id. A lock whose process is gone is taken over; a process
 * id that was given to another program since is told apart by the time of that program's start (fault G6).
 */
import { mkdir, open, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { FlotillaError } from "@flotilla/protocol/errors";

export interface FolderLock {
  release(): Promise<void>;
}

/** How often a stale lock is removed and tried again: two starters may race for it. */
const attempts = 3;

/** @throws IO_EXISTS if a living agent has the folder */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, "agent.lock");
  const own = `${process.pid} ${await startOf(process.pid)}\n`;
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      const handle = await open(file, "wx", 0o600);
      await handle.writeFile(own);
      await handle.close();
      return { release: () => releaseLock(file, own) };
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) {
        throw new FlotillaError("IO_FAILED", `The folder ${folder} cannot be locked.`, { cause });
      }
    }
    const holder = await readFile(file, "utf8").catch(() => "");
    if (await isAlive(holder)) {
      throw new FlotillaError("IO_EXISTS", `An agent with process id ${Number.parseInt(holder, 10)} has ${folder}.`);
    }
    await rm(file, { force: true });
  }
  throw new FlotillaError("IO_EXISTS", `Another agent is starting on ${folder}.`);
}

async function releaseLock(file: string, own: string): Promise<void> {
  if ((await readFile(file, "utf8").catch(() => "")) === own) await rm(file, { force: true });
}

async function isAlive(holder: string): Promise<boolean> {
  const [pidText = "", start = ""] = holder.trim().split(" ");
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to someone else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return start === (await startOf(pid));
}

/** When a process started, as the system counts it; "-" where it does not tell. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; the 22nd field counts from behind it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "-";
  } catch {
    return "-";
  }
}
