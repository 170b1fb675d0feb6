/**
 * Runs `work` at most once at a time. Calls made while it runs share one more run after it, and wait for that one:
 * whoever calls can rely on a whole run that began after the call.
 */
export function singleFlight(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let again = false;
  async function loop(): Promise<void> {
    try {
      do {
        again = false;
        await work();
      } while (again);
    } finally {
      running = null;
    }
  }
  return () => {
    if (running === null) running = loop();
    else again = true;
    return running;
  };
}
