/** The page's style sheet. Its digest stands in the page's content security policy, so nothing may be added to it there. */
export const style = `
:root { color-scheme: light dark; --bg: #fff; --fg: #1b1f24; --soft: #57606a; --line: #d0d7de; --card: #f6f8fa; --link: #0757ba;
  --bar: #3f6fb0; --limit: #c2410c; --q0: #a50026; --q1: #e5632f; --q2: #d99a1c; --q3: #5b9bc4; --q4: #2f5aa8; --qn: #9aa4ae; }
@media (prefers-color-scheme: dark) { :root { --bg: #12161b; --fg: #e6edf3; --soft: #a3adb8; --line: #39424d; --card: #1b2128;
  --link: #79b8ff; --bar: #6ea3e0; --limit: #ff9460; --q0: #f0506a; --q1: #f58a5b; --q2: #f0c05a; --q3: #8cc3e6; --q4: #5f8fdd; --qn: #6b7580; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 82rem; padding: 1.5rem 1rem 5rem; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1.25rem; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; } h4 { font-size: .95rem; margin: 1rem 0 .25rem; }
a { color: var(--link); } a:focus-visible, button:focus-visible, summary:focus-visible, input:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
p { margin: .35rem 0; max-width: 62rem; } .soft, figcaption, .count { color: var(--soft); } .wrap { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .45rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } td.name { overflow-wrap: anywhere; min-width: 12rem; }
thead th { background: var(--card); position: sticky; top: 0; } th button { all: unset; cursor: pointer; font-weight: 600; }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
ol.worst { list-style: none; padding: 0; margin: 0; display: grid; gap: .6rem; }
ol.worst li { background: var(--card); border-left: 6px solid var(--qn); border-radius: 4px; padding: .6rem .9rem; }
ol.worst li.q0 { border-color: var(--q0); } ol.worst li.q1 { border-color: var(--q1); } ol.worst li.q2 { border-color: var(--q2); }
ol.worst li.q3 { border-color: var(--q3); } ol.worst li.q4 { border-color: var(--q4); }
ol.worst b { overflow-wrap: anywhere; } .verdict { font-size: 1.05rem; }
svg { max-width: 100%; height: auto; display: block; } svg text { font-size: 11px; fill: var(--soft); }
svg.strip { width: 100%; margin: .5rem 0; } .hit { fill: var(--card); } a:focus-visible .hit, a:hover .hit { fill: var(--line); }
rect.q0 { fill: var(--q0); } rect.q1 { fill: var(--q1); } rect.q2 { fill: var(--q2); } rect.q3 { fill: var(--q3); } rect.q4 { fill: var(--q4); } rect.qn { fill: var(--qn); }
.bar { fill: var(--bar); } .limit { stroke: var(--limit); stroke-width: 2; stroke-dasharray: 4 2; } .axis { stroke: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; margin: .25rem 0; list-style: none; font-size: .9rem; }
.legend svg { display: inline-block; vertical-align: -2px; margin-right: .35rem; }
figure { margin: .5rem 0; width: 27rem; max-width: 100%; } figcaption { font-size: .85rem; overflow-wrap: anywhere; } .figures { display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
details { border-bottom: 1px solid var(--line); padding: .35rem 0; } summary { cursor: pointer; overflow-wrap: anywhere; } details[open] > summary { font-weight: 600; }
details:target { background: var(--card); } dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
input { font: inherit; padding: .3rem .5rem; width: 22rem; max-width: 100%; background: var(--bg); color: var(--fg); border: 1px solid var(--soft); border-radius: 4px; }
.tag { display: inline-block; min-width: .8rem; height: .8rem; }
@media print { thead th { position: static; } input, .find { display: none; } }
`;
