/** The pages under docs/ that are printed from code, in one list: `npm run docs` writes them, `npm run check` compares. */
import { renderErrors } from "./print-errors.ts";

export const printedDocuments: readonly { readonly file: string; readonly render: () => string | Promise<string> }[] = [
  { file: "docs/errors.md", render: renderErrors },
];
