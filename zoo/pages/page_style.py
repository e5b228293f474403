"""How a report looks, in light and in dark."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfaf8; --card: #fff; --ink: #1d1f24; --soft: #676c78; --rule: #e4e2dd;
  --accent: #0f6b6b; --hover: #f1efea; --shadow: 0 1px 2px #0000000d, 0 4px 16px #0000000a;
  --s0: #0f6b6b; --s1: #c2541b; --s2: #5c4bb3; --s3: #9a7b00; --s4: #b32d62; --s5: #4d7a1f }
@media (prefers-color-scheme: dark) { :root {
  --paper: #131418; --card: #1b1d23; --ink: #e6e6e3; --soft: #989daa; --rule: #2d3038;
  --accent: #5fcfc6; --hover: #252830; --shadow: none;
  --s0: #5fcfc6; --s1: #f0955c; --s2: #a79bf0; --s3: #dcc04e; --s4: #ee7fa8; --s5: #a2cf6e } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100% }
main { max-width: 1120px; margin: 0 auto; padding: 3.2rem 1.5rem 5rem }
h1 { font-size: clamp(1.6rem, 4vw, 2.3rem); line-height: 1.15; letter-spacing: -.02em;
  font-weight: 680; margin: .3rem 0 .5rem; text-wrap: balance }
h2 { font-size: 1.22rem; letter-spacing: -.01em; font-weight: 640; margin: 0 0 .2rem }
h3 { font-size: .82rem; font-weight: 600; color: var(--soft); margin: 0 0 .6rem }
section { margin-top: 3.4rem }
section > * + * { margin-top: 1rem }
a { color: var(--accent); text-underline-offset: 2px }
.eyebrow { margin: 0; color: var(--accent); font-size: .8rem; font-weight: 600;
  letter-spacing: .04em }
.citation, .lead { color: var(--soft); margin: 0; max-width: 72ch }
.lead { font-size: .9rem } h2 + .lead { margin-top: 0 }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr));
  gap: 1.1rem 1.8rem; margin: 1.8rem 0 0; padding: 1.2rem 0 0; border-top: 1px solid var(--rule) }
dt { font-size: .78rem; color: var(--soft) } dd { margin: .1rem 0 0; font-weight: 560 }
dd small { display: block; font-weight: 400; line-height: 1.35; margin-top: .15rem }
sup { font-size: .62em; line-height: 0 }
.scroll { overflow: auto; max-height: 30rem; background: var(--card); border-radius: 10px;
  box-shadow: var(--shadow); border: 1px solid var(--rule) }
table { border-collapse: collapse; width: 100% }
th, td { padding: .5rem .95rem; text-align: left; vertical-align: top }
td { border-top: 1px solid var(--rule); overflow-wrap: anywhere }
th { font-size: .78rem; font-weight: 600; color: var(--soft); position: sticky; top: 0;
  background: var(--card); white-space: nowrap }
.n { text-align: right; white-space: nowrap } .sortable th { cursor: pointer }
tbody tr:hover { background: var(--hover) }
.notes { font-size: .9rem; max-width: 80ch; color: var(--soft) } .notes p { margin: .35rem 0 }
.notes b { color: var(--ink); font-weight: 600 }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr));
  gap: 1rem }
figure { margin: 0 }
.chart { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .8rem .9rem .4rem; box-shadow: var(--shadow) }
.chart figcaption { display: flex; flex-wrap: wrap; gap: .1rem .8rem; align-items: baseline;
  min-height: 1.6rem; font-size: .88rem }
.chart b { font-weight: 600 } .chart { display: flex; flex-direction: column }
.chart svg { margin-top: auto }
.chart output { margin-left: auto; font-size: .8rem; color: var(--soft) }
.legend { width: 100% } .legend em { font-style: normal; color: var(--ink) }
.legend i { font-style: normal; font-size: .8rem; margin-right: .9rem; color: var(--soft);
  display: inline-block }
.legend i::before { content: ""; display: inline-block; width: .9em; height: .22em;
  margin: 0 .35em .22em 0; border-radius: 2px; background: var(--c) }
svg { display: block; width: 100%; height: auto }
svg text { font-size: 11px; fill: var(--soft) }
.grid { stroke: var(--rule) } .hair { stroke: var(--soft); stroke-dasharray: 2 3 }
.line { fill: none; stroke: var(--c); stroke-width: 1.7; stroke-linejoin: round }
.band { fill: var(--c); opacity: .16 } .dot { fill: var(--c) }
.s0 { --c: var(--s0) } .s1 { --c: var(--s1) } .s2 { --c: var(--s2) }
.s3 { --c: var(--s3) } .s4 { --c: var(--s4) } .s5 { --c: var(--s5) }
button { font: inherit; line-height: 1; cursor: pointer; color: var(--ink); padding: 0;
  background: var(--card); border: 1px solid var(--rule) }
button:hover { background: var(--hover) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.face { position: relative; overflow: hidden; cursor: pointer }
.face img { display: block; width: 100% }
.cursor { position: absolute; top: 0; bottom: 0; width: 2px; left: 0; opacity: 0;
  background: #2fe0cf; pointer-events: none }
.steps { display: grid; gap: 1.1rem; overflow-x: auto; padding-bottom: .4rem;
  grid-template-columns: repeat(var(--columns), minmax(160px, 340px)) }
.steps .sound + .sound { margin-top: .9rem }
.steps .face, .track .face { border-radius: 6px; background: #000004 }
.steps img { height: 96px } .track img { height: 44px }
.sound figcaption { display: flex; align-items: center; gap: .6rem; margin-top: .4rem;
  font-size: .86rem } .sound small { margin-left: auto }
small { color: var(--soft); font-size: .8rem }
.sound button, .play { width: 2rem; height: 2rem; flex: none; border-radius: 50%;
  font-size: .72rem; color: var(--accent) }
.mixer { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .9rem 1rem; box-shadow: var(--shadow) }
.mixer header { display: flex; gap: .8rem; align-items: center; margin-bottom: .8rem }
.mixer header b { font-weight: 600; overflow-wrap: anywhere }
.mixer output { margin-left: auto; color: var(--soft); font-size: .86rem }
.track { display: grid; grid-template-columns: 9rem 1.8rem 1.8rem 1fr; gap: .45rem;
  align-items: center; padding: .2rem 0 }
.track > div:first-child { line-height: 1.2; overflow-wrap: anywhere }
.track small { display: block }
.track.mixture + .track, .estimated + .reference { margin-top: .6rem }
.track img, .track span { transition: opacity .15s }
.track.quiet img { opacity: .3 } .track.quiet span { opacity: .5 }
.track button { height: 1.8rem; border-radius: 6px; font-size: .75rem; font-weight: 600 }
.track button[aria-pressed=true] { background: var(--accent); color: var(--card);
  border-color: var(--accent) }
.plate { max-width: 900px } .plate p { font-size: .9rem; color: var(--soft); max-width: 80ch }
.plate img { background: #fff; border-radius: 10px; border: 1px solid var(--rule);
  max-width: 100% }
.plate .sound figcaption { margin: .7rem 0 }
.plate figcaption { font-weight: 600 } .plate p { margin: .2rem 0 1.6rem }
summary { cursor: pointer; color: var(--accent); font-size: .92rem; padding: .2rem 0 }
details > :not(summary) { margin-top: .6rem }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .8rem 1rem; overflow-x: auto; font-size: .86rem; margin-bottom: 0 }
.two { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr));
  align-items: start }
@media (max-width: 640px) { .track { grid-template-columns: 5rem 1.8rem 1.8rem 1fr }
  main { padding-top: 1.6rem } .charts { gap: .7rem } }
@media (min-width: 640px) { .facts > div:last-child { grid-column: span 2 } }
@media print { button, .cursor { display: none } section { break-inside: avoid } }
@media (prefers-color-scheme: dark) { .plate img { filter: brightness(.9) } }
"""
