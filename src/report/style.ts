/**
 * The page's only style. Colors differ without red or green alone (after Okabe and Ito, darkened for contrast
 * on white), follow the reader's scheme, and are the light ones on paper.
 */
const LIGHT = `--paper:#fff;--panel:#f6f8fa;--ink:#1c2128;--soft:#57606a;--line:#e1e5ea;--axis:#8c959f;--bad:#b3261e;
--good:#0a6b50;--warn:#8a5a00;--c1:#0b63a5;--c2:#c4570a;--c3:#0a7c5f;--c4:#93418a;--c5:#8a7000;--c6:#3f8fb5;--c7:#6b7580`
const DARK = `--paper:#0f1419;--panel:#182028;--ink:#e8edf2;--soft:#a3b0bd;--line:#2b3640;--axis:#6d7a87;--bad:#ff8a80;
--good:#5fd3ad;--warn:#f0b95a;--c1:#58b0f0;--c2:#f2955b;--c3:#4cc9a2;--c4:#d592cd;--c5:#e0c752;--c6:#9bd3ee;--c7:#94a1ad`

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
@media print{:root{color-scheme:light;${LIGHT}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
header,main,footer{max-width:1040px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:24px;line-height:1.25;margin:0}
h2{font-size:18px;margin:40px 0 4px}
h3{font-size:15px;margin:0 0 6px}
p{margin:4px 0}
h1,p,figcaption,caption,.legend li{overflow-wrap:anywhere}
.soft,figcaption,caption,footer{color:var(--soft)}
.answers{display:grid;grid-template-columns:repeat(3,1fr);gap:14px;margin:20px 0 0;padding:0;list-style:none}
.answers li{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:14px 16px}
.answers h2{font-size:13px;font-weight:600;margin:0;color:var(--soft)}
.answers .value{font-size:28px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums;margin:2px 0 4px}
.answers p{font-size:13.5px}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
figure{margin:8px 0 0}
figcaption{font-size:13.5px;margin-bottom:4px}
svg.chart{display:block;width:100%;height:auto}
svg.narrow{display:none}
.two{display:grid;grid-template-columns:1fr 1fr;gap:28px 36px;margin-top:14px}
.two>div{min-width:0}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:2px 0 4px;padding:0;list-style:none;font-size:13px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}
.legend i.line{height:0;width:16px;border-radius:0;border-top:2px dotted var(--ink);vertical-align:middle}
${[1, 2, 3, 4, 5, 6, 7].map((n) => `.s${n}{background:var(--c${n})}`).join('')}
.figures{display:flex;flex-wrap:wrap;gap:4px 32px;margin:6px 0;padding:0;list-style:none}
.figures b{font-size:19px;font-weight:650;font-variant-numeric:tabular-nums;margin-right:6px}
details{margin:8px 0 0;font-size:13.5px}
summary{cursor:pointer;color:var(--soft)}
summary:hover{color:var(--ink)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:6px 0 0;font-size:13.5px}
caption{text-align:left;padding:2px 0 4px}
th,td{text-align:right;padding:4px 0 4px 14px;border-bottom:1px solid var(--line);vertical-align:top;
font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft);white-space:nowrap}
tbody th{min-width:11em;font-weight:400;color:var(--ink);white-space:normal;overflow-wrap:anywhere}
th:first-child,td.text,th.text{text-align:left}
th:first-child,td:first-child{padding-left:0}
td{white-space:nowrap}
td.text{min-width:9em;white-space:normal;overflow-wrap:anywhere}
td.none{color:var(--soft)}
.empty{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:14px 16px;color:var(--soft)}
footer{margin-top:44px;padding-bottom:32px;font-size:13px}
@media (max-width:760px){
header,main,footer{padding-left:16px;padding-right:16px}
.answers,.two{grid-template-columns:1fr}
svg.wide{display:none}svg.narrow{display:block}
}
@media print{
@page{margin:14mm}
body{font-size:11px}
header,main,footer{max-width:none;padding:0}
svg.wide{display:block}svg.narrow{display:none}
.answers{grid-template-columns:repeat(3,1fr)}.two{grid-template-columns:1fr}.two figure{max-width:420px}
.legend i{print-color-adjust:exact}
figure,.answers li,tr,h2,h3{break-inside:avoid}
h2,h3,figcaption{break-after:avoid}
.answers .value{font-size:20px}
details,table,caption,figcaption,.legend{font-size:9.5px}
td,th{padding-top:1px;padding-bottom:1px}
td.text{min-width:0}
summary{list-style:none;font-weight:600}
details::details-content{content-visibility:visible;display:block;height:auto}
.scroll{overflow:visible}
}
`
