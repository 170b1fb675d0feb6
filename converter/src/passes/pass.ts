/** What a pass is: a name and one rewrite, made in place on a {@link GraphRewrite}. It decides by facets of operators. */
import type { GraphRewrite } from "./graph-rewrite.ts";

export interface Pass {
  readonly name: string;
  readonly run: (graph: GraphRewrite) => void;
}
