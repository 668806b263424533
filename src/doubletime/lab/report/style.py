"""The look of a report: light and dark, as the reader's system asks."""

from __future__ import annotations

from doubletime.lab.report.palette import DARK, LIGHT, variables

_LIGHT = (
    "--page:#f5f6f8;--card:#fff;--ink:#161b22;--soft:#57606c;--faint:#8a939e;--rule:#e1e5ea;--grid:#edf0f3;"
    "--accent:#0067a5;--best:#e3f3ea;--best-ink:#0b6b45;--decode:#5b7ca6;--prefill:#e2a458;--kv:#7d8ca0;"
    "--target:#b3261e;--shadow:0 1px 2px #0000000d;" + variables(LIGHT)
)
_DARK = (
    "--page:#0e1216;--card:#161b21;--ink:#e8edf2;--soft:#a4aeb9;--faint:#76818d;--rule:#2a323b;--grid:#222931;"
    "--accent:#5fb0f0;--best:#143527;--best-ink:#6fe0b0;--decode:#6d94c9;--prefill:#e0a050;--kv:#8595aa;"
    "--target:#ff8a80;--shadow:none;" + variables(DARK)
)

CSS = (
    f":root{{color-scheme:light dark;{_LIGHT}}}@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    """
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
 "Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1240px;margin:0 auto;padding:36px 24px 64px}
header .eyebrow{color:var(--accent);font-weight:600;font-size:13px;letter-spacing:.02em}
h1{font-size:27px;line-height:1.25;margin:4px 0 10px;letter-spacing:-.015em}
h2{font-size:16px;margin:0 0 2px;letter-spacing:-.005em}
.facts{display:flex;flex-wrap:wrap;gap:4px 22px;color:var(--soft);margin:0;padding:0;list-style:none}
.facts b{color:var(--ink);font-weight:600}
.note{color:var(--soft);font-size:13.5px;margin:0 0 10px;max-width:90ch}
.bar{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;gap:8px 26px;align-items:center;margin:20px -24px 0;
 padding:10px 24px;background:var(--page);border-bottom:1px solid var(--rule)}
.bar .name{color:var(--faint);font-size:13px;margin-right:8px}
button{font:inherit;color:inherit;cursor:pointer;background:none;border:0;padding:0}
button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;align-items:center}
.legend button{display:inline-flex;gap:7px;align-items:center;padding:2px 0}
.legend button[aria-pressed=false]{opacity:.38;text-decoration:line-through}
.swatch{flex:none;display:block}
.choice{display:inline-flex;border:1px solid var(--rule);border-radius:8px;background:var(--card);overflow:hidden}
.choice button{padding:3px 12px;font-size:13.5px;color:var(--soft);border-right:1px solid var(--rule)}
.choice button:last-child{border-right:0}
.choice button[aria-pressed=true]{background:var(--accent);color:var(--card);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:14px;margin:20px 0 0}
.card,.tile{background:var(--card);border:1px solid var(--rule);border-radius:12px;box-shadow:var(--shadow)}
.tile{padding:13px 16px}
.tile .what{color:var(--soft);font-size:13px}
.tile .figure{font-size:25px;font-weight:650;letter-spacing:-.02em;line-height:1.3}
.tile .who{display:flex;gap:7px;align-items:center;font-weight:600;font-size:14px}
.tile .next{color:var(--faint);font-size:12.5px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(480px,100%),1fr));gap:16px;margin-top:16px}
.card{padding:16px 18px 12px;min-width:0}
.card>.head>div:first-child{flex:1 1 340px}
.card>.head{display:flex;flex-wrap:wrap;justify-content:space-between;gap:6px 16px;align-items:flex-start}
.wide{margin-top:16px}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(400px,100%),1fr));gap:10px 22px}
.panel .who{display:flex;gap:7px;align-items:center;font-weight:600;font-size:14px;margin:6px 0 0}
.chart{display:block;width:100%;height:auto;overflow:visible}
.chart text{fill:var(--soft);font-size:12px}
.chart .axis-title{text-anchor:middle;fill:var(--soft);font-size:12.5px}
.grid-lines,.chart .grid{stroke:var(--grid);stroke-width:1}
.chart .axis{stroke:var(--faint);stroke-width:1}
.chart .line{fill:none;stroke-width:2.1;stroke-linejoin:round;stroke-linecap:round}
.chart .mark{stroke:var(--card);stroke-width:1.5}
.chart .frontier{fill:none;stroke:var(--faint);stroke-width:1.5;stroke-dasharray:3 4}
.chart .error-bar{stroke-width:5;opacity:.3}
.chart .band{opacity:.14}
.chart .way{fill:none;stroke-width:1.6;opacity:.4}
.chart .target{stroke:var(--target);stroke-width:1.3;stroke-dasharray:5 4}
.chart .target-text{fill:var(--target);font-size:12px}
.chart .area{stroke:none}
.area.kv{fill:var(--kv);opacity:.6}.area.decodes{fill:var(--decode)}.area.prefills{fill:var(--prefill)}
.chart .dim{opacity:.13}
.chart .finder{fill:none;stroke:var(--ink);stroke-width:1.6}
.chart .cross{stroke:var(--faint);stroke-width:1;stroke-dasharray:2 3}
.keys{display:flex;gap:16px;color:var(--soft);font-size:13px}
.keys i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px;vertical-align:-1px}
.keys .kv{background:var(--kv);opacity:.6}.keys .decodes{background:var(--decode)}
.keys .prefills{background:var(--prefill)}
.scroll{overflow-x:auto;margin:8px -18px 0;padding:0 18px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th,td{padding:6px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}
th{color:var(--soft);font-weight:600;white-space:normal;min-width:62px;border-bottom:1px solid var(--rule);
 vertical-align:bottom}
th button{font-weight:600;text-align:inherit}th[aria-sort=ascending] button::after{content:" ↑"}
th[aria-sort=descending] button::after{content:" ↓"}
td.word,th.word{text-align:left}td.word .swatch{display:inline-block;vertical-align:-2px;margin-right:7px}
td.best{background:var(--best);color:var(--best-ink);font-weight:650}
td.why{text-align:left;color:var(--soft);white-space:normal}
tr.start td{border-top:1px solid var(--rule)}
pre{margin:8px 0;padding:12px 14px;background:var(--page);border:1px solid var(--rule);border-radius:8px;
 overflow-x:auto;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;
 word-break:break-word}
.copy{border:1px solid var(--rule);border-radius:8px;padding:3px 12px;font-size:13.5px;color:var(--soft)}
details summary{cursor:pointer;color:var(--soft)}
.tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--page);border-radius:7px;
 padding:6px 10px;font-size:12.5px;line-height:1.45;max-width:340px;box-shadow:0 4px 14px #0003}
.tip b{display:block}
footer{color:var(--faint);font-size:13px;margin-top:28px}
@media print{.bar{position:static}.card,.tile{break-inside:avoid}}
"""
)
