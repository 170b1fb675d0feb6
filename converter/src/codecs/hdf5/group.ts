/**
 * A group of an HDF5 file: its links by name, and attributes. Objects are opened when asked for.
 * Soft and external links are known by name and refused when followed: no Keras writes one, and they lead anywhere.
 */
import type { Hdf5Attribute } from "./attribute.ts";
import type { Hdf5Dataset } from "./dataset.ts";
import type { Hdf5File } from "./hdf5-file.ts";
import type { Link } from "./link.ts";

export type Hdf5Object = Hdf5Group | Hdf5Dataset;

export class Hdf5Group {
  readonly kind = "group";
  /** From the root, with a slash in front; the root's is "/". */
  readonly path: string;
  readonly attributes: ReadonlyMap<string, Hdf5Attribute>;
  readonly #file: Hdf5File;
  readonly #links: ReadonlyMap<string, Link>;
  readonly #open: (address: number, path: string) => Hdf5Object;

  constructor(
    file: Hdf5File,
    path: string,
    attributes: ReadonlyMap<string, Hdf5Attribute>,
    links: readonly Link[],
    open: (address: number, path: string) => Hdf5Object,
  ) {
    this.path = path;
    this.attributes = attributes;
    this.#file = file;
    this.#links = new Map(links.map((link) => [link.name, link]));
    this.#open = open;
    if (this.#links.size !== links.length) throw file.fault("FORMAT_CORRUPT", `${path} has two links of one name`, 0);
  }

  /** Names of its links, in the file's order. */
  get names(): readonly string[] {
    return [...this.#links.keys()];
  }

  /**
   * What lies at a path below the group, or undefined.
   * @throws FORMAT_*, UNSUPPORTED_FORMAT (a soft or external link)
   */
  get(path: string): Hdf5Object | undefined {
    const [name = "", ...rest] = path.split("/");
    const link = this.#links.get(name);
    if (!link) return undefined;
    const whole = this.path === "/" ? `/${name}` : `${this.path}/${name}`;
    if (link.kind !== "hard") {
      const what = link.kind === "soft" ? "a soft link" : "a link into another file";
      throw this.#file.fault("UNSUPPORTED_FORMAT", `${whole} is ${what}, which is not followed`, 0);
    }
    const found = this.#open(link.address, whole);
    if (rest.length === 0) return found;
    return found.kind === "group" ? found.get(rest.join("/")) : undefined;
  }

  /** The group at a path, or undefined where there is none or a dataset. */
  group(path: string): Hdf5Group | undefined {
    const found = this.get(path);
    return found?.kind === "group" ? found : undefined;
  }

  /** The dataset at a path, or undefined where there is none or a group. */
  dataset(path: string): Hdf5Dataset | undefined {
    const found = this.get(path);
    return found?.kind === "dataset" ? found : undefined;
  }
}
