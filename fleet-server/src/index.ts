/** The fleet server for who embeds it: start it, and talk to one. */
export { createFleetClient, type FleetClient } from "./client/fleet-client.ts";
export { type RunningServer, type ServerOptions, startServer } from "./main.ts";
