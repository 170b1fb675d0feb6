// The little of pacote that scripts/fixtures.ts calls; the package ships no types.
declare module "pacote" {
  interface ExtractOptions {
    readonly integrity: string;
    readonly registry?: string;
    readonly ca?: string;
  }
  const pacote: {
    extract(spec: string, destination: string, options: ExtractOptions): Promise<{ readonly integrity: string }>;
  };
  export = pacote;
}
