/** The time, as the server's shell sees it; pure code gets it with its events. */
export interface Clock {
  /** Unix time in milliseconds. */
  nowMs(): number;
}
