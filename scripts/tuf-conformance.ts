/**
 * Runs the tuf-conformance suite against the agent's TUF client: `npx node scripts/tuf-conformance.ts SUITE [PYTHON]`,
 * where SUITE is a checkout of theupdateframework/tuf-conformance and PYTHON an interpreter that has its requirements
 * (tuf, securesystemslib[crypto], pytest, pytest-json-report; `faketime` for three tests). Not part of `npm test`.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Expected to fail: the client verifies Ed25519 and ECDSA P-256 only; an RSA key never counts towards a threshold. */
const expectedFailures = ["test_keytype_and_scheme[rsa/rsassa-pss-sha256]"];

const [suite, python = "python3", ...pytestOptions] = process.argv.slice(2);
if (suite === undefined) {
  process.stderr.write("usage: npx node scripts/tuf-conformance.ts SUITE [PYTHON] [pytest options]\n");
  process.exit(2);
}
const folder = mkdtempSync(path.join(tmpdir(), "flotilla-conformance-"));
try {
  const entrypoint = path.join(folder, "client");
  const script = path.resolve(import.meta.dirname, "tuf-conformance-client.ts");
  writeFileSync(entrypoint, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
  chmodSync(entrypoint, 0o755);
  writeFileSync(`${entrypoint}.xfails`, `${expectedFailures.join("\n")}\n`);
  const options = ["-q", "-p", "no:cacheprovider", "--entrypoint", entrypoint, ...pytestOptions];
  const run = spawnSync(python, ["-m", "pytest", "tuf_conformance", ...options], { cwd: suite, stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
