/** A fleet server as a process of its own, to be killed: options as JSON in the first argument, one line when it listens. */
import { type ServerOptions, startServer } from "../../src/main.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as ServerOptions;
const { url, mqttUrl, operatorToken } = await startServer(options);
process.stdout.write(`${JSON.stringify({ url, mqttUrl, operatorToken })}\n`);
