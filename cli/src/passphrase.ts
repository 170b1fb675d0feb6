/** Where key passphrases come from: the environment, never an argument (arguments show in process lists). */

import type { KeyProtection } from "@flotilla/fleet-server/trust/key-file";
import { FlotillaError } from "@flotilla/protocol/errors";

export const passphraseVariable = "FLOTILLA_KEY_PASSPHRASE";

export const passphrase = (): string | null => process.env[passphraseVariable] ?? null;

/** How a new key is to be protected. @throws CONFIG_INVALID when no passphrase is set and plain storage was not asked for. */
export function protectionFor(options: { readonly unencrypted?: unknown }): KeyProtection {
  if (options.unencrypted === true) return { encryption: "none" };
  const words = passphrase();
  if (words === null || words === "") {
    throw new FlotillaError(
      "CONFIG_INVALID",
      `A new key needs a passphrase in ${passphraseVariable}, or --unencrypted to store it in the clear.`,
    );
  }
  return { encryption: "passphrase", passphrase: words };
}
