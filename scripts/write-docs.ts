/** Writes the documents that are printed from code. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { printedDocuments } from "./documents.ts";

const root = path.resolve(import.meta.dirname, "..");
for (const { file, render } of printedDocuments) {
  writeFileSync(path.join(root, file), await render());
  console.log(file);
}
