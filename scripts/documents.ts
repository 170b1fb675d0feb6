/** The pages under docs/ that are printed from code, in one list: `npm run docs` writes them, `npm run check` compares. */
import { renderCli } from "./print-cli.ts";
import { renderErrors } from "./print-errors.ts";
import { renderFormats } from "./print-formats.ts";
import { renderOps } from "./print-ops.ts";

export const printedDocuments: readonly { readonly file: string; readonly render: () => string | Promise<string> }[] = [
  { file: "docs/cli.md", render: renderCli },
  { file: "docs/errors.md", render: renderErrors },
  { file: "docs/formats.md", render: renderFormats },
  { file: "docs/ops.md", render: renderOps },
];
