import { escapeHtml } from './text.js'

/** The values that go into a page of the stand-in site. */
export interface SitePageContext {
  /** The URL of the vendor's stand-in. */
  readonly vendor: string
  readonly sitekey: string
  /** The site's other origin: the same pages under another host name. */
  readonly otherOrigin: string
  readonly nonce: string
}

/** A page of the stand-in site. */
export type Page = (context: SitePageContext) => string

/** The style sheet of the site. */
export const STYLE = `*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#eef1f6;color:#1c2733;font:16px/1.5 system-ui,sans-serif}
main{width:22rem;padding:2rem 2.25rem;background:#fff;border-radius:12px;box-shadow:0 10px 30px rgba(28,39,51,.12)}
h1{margin:0 0 .25rem;font-size:1.4rem}
p{margin:0 0 1.25rem;color:#5b6b7b}
label{display:block;margin-bottom:1rem;font-weight:600;font-size:.9rem}
label input{display:block;width:100%;margin-top:.3rem;padding:.55rem .7rem;border:1px solid #c6d0da;border-radius:8px;font:inherit}
.widget{margin:0 0 1.25rem}
button,.button{width:100%;padding:.65rem;border:0;border-radius:8px;background:#2457d6;color:#fff;font:600 1rem system-ui,sans-serif;cursor:pointer}
.stage{display:inline-block;margin-bottom:1rem;padding:.1rem .6rem;border-radius:99px;background:#fff3d6;color:#8a5a00;font-size:.75rem;font-weight:600}
.good{color:#0a7a3d}.bad{color:#b3261e}`

/** A whole document in the site's style. */
export function documentOf(title: string, body: string, nonce = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style nonce="${nonce}">${STYLE}</style></head><body><main>${body}</main></body></html>`
}

/** Callbacks for widgets, which record what they were called with, for tests to read. */
const RECORDER = `window.calls=[];window.answered=function(token){calls.push(token)};
window.app={auth:{token:'',onCaptcha:function(token){calls.push(token);this.token=token}}};`

/** A login form with a widget. */
export function form(widget: string, button = '<button type="submit">Sign in</button>', action = '/login'): string {
  return `<span class="stage">STAGING</span><h1>Sign in</h1><p>Please show that you are not a robot.</p>
<form id="login" method="post" action="${action}">
<label>E-mail<input name="user" type="email" value="tester@example.com"></label>
<label>Password<input name="password" type="password" value="correct horse"></label>
<div class="widget">${widget}</div>${button}</form>`
}

/**
 * A whole page with the vendor's script.
 *
 * @param script the path of the vendor's script
 * @param own a script of the page's own, which runs before it
 */
export function page(body: string, { vendor, nonce }: SitePageContext, script: string, own = ''): string {
  return documentOf(
    'Staging · Sign in',
    `${body}<script nonce="${nonce}">${RECORDER}${own}</script>
<script nonce="${nonce}" src="${escapeHtml(vendor + script)}" async defer></script>`,
    nonce,
  )
}
