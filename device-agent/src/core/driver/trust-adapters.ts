/** The TUF client's two ports on top of the agent's own: metadata over HTTP, trusted files in the device's storage. */
import { FlotillaError } from "@flotilla/protocol/errors";
import type { DeviceStorage } from "../../ports/device-storage.ts";
import type { HttpTransport } from "../../ports/http-transport.ts";
import type { MetadataFetcher } from "../../ports/metadata-fetcher.ts";
import type { MetadataStore } from "../../ports/metadata-store.ts";
import { paths } from "./layout.ts";

export function metadataFetcher(http: HttpTransport): MetadataFetcher {
  return {
    async fetch(name, maxBytes) {
      const path = `/v1/tuf/metadata/${name}`;
      const answer = await http.send({ method: "GET", path, maxBytes });
      if (answer.status === 404 || answer.status === 403) return null;
      if (answer.status === 200) return answer.body;
      throw new FlotillaError("TRANSPORT_STATUS", `The server answered ${path} with status ${answer.status}.`, {
        details: { path, status: answer.status },
      });
    },
  };
}

export function metadataStore(storage: DeviceStorage): MetadataStore {
  return {
    read: (name) => storage.read(paths.trust(name)),
    write: (name, bytes) => storage.write(paths.trust(name), bytes),
    delete: (name) => storage.remove(paths.trust(name)),
  };
}
