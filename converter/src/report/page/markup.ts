/** HTML that cannot be broken by what stands in it: everything put into a template is escaped, unless it is markup itself. */

export interface Markup {
  readonly html: string;
}

type Part = Markup | string | number | null | undefined | readonly Part[];

/** Names in files may be of any length. */
const longest = 300;

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Also control characters and those that turn the direction of text: a name must not rearrange the page. */
export const escapeHtml = (text: string): string =>
  text
    .replaceAll(/[&<>"']/g, (found) => escapes[found] ?? "")
    .replaceAll(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");

/** A name out of a file, cut in its middle where it is too long. */
export const shownName = (name: string): string => {
  const characters = Array.from(
    name.length > 4 * longest ? `${name.slice(0, 2 * longest)}${name.slice(-longest)}` : name,
  );
  if (characters.length <= longest) return name;
  return `${characters.slice(0, longest / 2).join("")}…${characters.slice(-longest / 2).join("")}`;
};

function render(part: Part): string {
  if (part === null || part === undefined) return "";
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return escapeHtml(String(part));
  return "html" in part ? part.html : part.map(render).join("");
}

/** Attributes are always quoted in our templates. */
export const html = (texts: TemplateStringsArray, ...parts: readonly Part[]): Markup => ({
  html: texts.map((text, at) => `${text}${at < parts.length ? render(parts[at]) : ""}`).join(""),
});
