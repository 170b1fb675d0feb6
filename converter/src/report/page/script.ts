/**
 * The page's few lines of script: a link to a layer opens it, tables sort by a column and filter by a word. All is there to
 * be read without. Its digest stands in the page's content security policy.
 */
export const script = `
"use strict";
const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  }
};
addEventListener("hashchange", openTarget);
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[href^='#']");
  if (link && link.getAttribute("href") === location.hash) openTarget();
});
for (const table of document.querySelectorAll("table[data-sorts]")) {
  const body = table.tBodies[0];
  for (const [column, header] of [...table.tHead.rows[0].cells].entries()) {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => {
      const down = header.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        const numbers = x !== "" && y !== "" && !Number.isNaN(Number(x)) && !Number.isNaN(Number(y));
        return numbers ? Number(x) - Number(y) : x.localeCompare(y);
      };
      body.append(...[...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b))));
    });
  }
}
for (const field of document.querySelectorAll("input[data-filters]")) {
  const table = document.getElementById(field.dataset.filters);
  const told = document.getElementById(field.dataset.filters + "-count");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\\s+/);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      if (!row.hidden) shown++;
    }
    told.textContent = shown + " of " + table.tBodies[0].rows.length + " layers";
  });
}
openTarget();
`;
