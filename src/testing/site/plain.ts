import { type Page, STYLE } from '../shared/pages.js'

/** Pages without a widget, by path. */
export const PLAIN_PAGES: Readonly<Record<string, Page>> = {
  '/tiny': () => '<!doctype html><title>Tiny</title><p>Nothing to see here.</p>',
  '/ordinary': () => ordinaryPage(),
}

/** As much as a shop's page has: styles, a few scripts, some hundred elements, pictures. */
function ordinaryPage(): string {
  const items = Array.from(
    { length: 120 },
    (_, n) => `<li class="card"><img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" width="40" height="40">
<h3>Item ${n}</h3><p>Some words about it, as there always are.</p><button type="button">Add</button></li>`,
  ).join('')
  const scripts = Array.from({ length: 6 }, (_, n) => `<script src="/assets/${n}.js"></script>`).join('')
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><style>${STYLE}
.card{display:inline-block;width:12rem;margin:.5rem;padding:1rem;background:#fff;border-radius:8px}</style></head>
<body><ul>${items}</ul>${scripts}</body></html>`
}

/** A script of the ordinary page: defines some functions, changes some elements. */
export function assetScript(): string {
  const functions = Array.from({ length: 200 }, (_, n) => `function f${n}(a,b){return a*${n}+b}`).join('\n')
  return `(function(){${functions}\nvar sum=0;for(var i=0;i<2000;i++)sum+=f7(i,f9(i,1));
document.querySelectorAll('.card').forEach(function(el,n){el.dataset.n=n+sum%2})})()`
}
