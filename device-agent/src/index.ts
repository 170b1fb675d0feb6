/** The device agent for who embeds it in a Node program: start it, run models through it. */
export type { AgentHandle, AgentNote, AgentStatus, AgentTimings } from "./core/driver/agent-driver.ts";
export type { Baseline } from "./core/driver/baseline.ts";
export { type StartAgentOptions, startAgent } from "./node/start-agent.ts";
export { startVirtualAgents, type VirtualAgents, type VirtualAgentsOptions } from "./node/virtual-agents.ts";
