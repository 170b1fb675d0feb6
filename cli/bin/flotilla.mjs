#!/usr/bin/env node
// Starts the command line. Plain JavaScript, so that an old Node says what is wrong instead of failing on types.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `flotilla needs Node 22.18 or newer, this is ${process.versions.node}. In a checkout, use \`npx flotilla\` or \`npm run flotilla --\`: they bring Node 24.\n`,
  );
  process.exit(2);
}
const { main } = await import("../src/main.ts");
await main(process.argv.slice(2));
