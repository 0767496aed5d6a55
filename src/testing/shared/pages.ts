import { escapeHtml } from './text.js'

/** What a page of the stand-in site is made with. */
export interface PageContext {
  /** Where the vendor's stand-in is. */
  readonly vendor: string
  readonly sitekey: string
  /** The site under its other name, which is another origin. */
  readonly otherOrigin: string
  readonly nonce: string
}

/** A page of the stand-in site. */
export type Page = (context: PageContext) => string

const STYLE = `*{box-sizing:border-box}
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

/** A whole document with the site's looks. */
export function documentOf(title: string, body: string, nonce = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style nonce="${nonce}">${STYLE}</style></head><body><main>${body}</main></body></html>`
}

/** Told to every page that has a callback, so that tests can see what it was called with. */
const RECORDER = `window.calls=[];window.answered=function(token){calls.push(token)};
window.app={auth:{token:'',onCaptcha:function(token){calls.push(token);this.token=token}}};`

/** A login with a widget. */
export function form(widget: string, button = '<button type="submit">Sign in</button>', action = '/login'): string {
  return `<span class="stage">STAGING</span><h1>Sign in</h1><p>Please show that you are not a robot.</p>
<form id="login" method="post" action="${action}">
<label>E-mail<input name="user" type="email" value="tester@example.com"></label>
<label>Password<input name="password" type="password" value="correct horse"></label>
<div class="widget">${widget}</div>${button}</form>`
}

/** A whole page with the vendor's script, and one of its own before it. */
export function page(body: string, { vendor, nonce }: PageContext, script = '/recaptcha/api.js', more = ''): string {
  return documentOf(
    'Staging · Sign in',
    `${body}<script nonce="${nonce}">${RECORDER}${more}</script>
<script nonce="${nonce}" src="${escapeHtml(vendor + script)}" async defer></script>`,
    nonce,
  )
}

const box = (sitekey: string, more = '') =>
  `<div class="g-recaptcha" data-sitekey="${escapeHtml(sitekey)}" ${more}></div>`

/** An explicit rendering, with a callback that only its closure knows. */
const explicit = (api: string, container: string, params: string) =>
  `(function(){var got;window.gotToken=function(){return got};window.begin=function(){
window.widget=${api}.render(${container},{${params},callback:function(token){got=token;calls.push(token)}})}})();`

const submitFirst = `window.submitLogin=function(token){calls.push(token);document.getElementById('login').submit()};`

/** The pages of the stand-in site, by path. */
export const PAGES: Readonly<Record<string, Page>> = {
  '/login': (at) => page(form(box(at.sitekey)), at),
  '/named': (at) => page(form(box(at.sitekey, 'data-callback="answered"')), at),
  '/dotted': (at) => page(form(box(at.sitekey, 'data-callback="app.auth.onCaptcha"')), at),
  '/data-s': (at) => page(form(box(at.sitekey, 'data-s="one-time-value" data-action="login"')), at),
  '/submits': (at) => page(form(box(at.sitekey, 'data-callback="submitLogin"')), at, undefined, submitFirst),
  '/explicit': (at) =>
    page(
      form('<div id="here"></div>'),
      at,
      '/recaptcha/api.js?render=explicit&onload=begin',
      explicit('grecaptcha', "'here'", `sitekey:${JSON.stringify(at.sitekey)}`),
    ),
  '/invisible': (at) =>
    page(
      form(
        '',
        `<button class="g-recaptcha" data-sitekey="${escapeHtml(at.sitekey)}" data-callback="submitLogin">Sign in</button>`,
      ),
      at,
      undefined,
      submitFirst,
    ),
  '/invisible-execute': (at) =>
    page(
      form(
        box(at.sitekey, 'data-size="invisible" data-callback="submitLogin"'),
        '<button type="button" id="go">Sign in</button>',
      ),
      at,
      undefined,
      `${submitFirst}document.getElementById('go').onclick=function(){grecaptcha.execute().then(function(token){window.promised=token})};`,
    ),
  '/v3': (at) => scorePage(at, 'api.js', 'grecaptcha'),
  '/enterprise': (at) => page(form(box(at.sitekey, 'data-action="login"')), at, '/recaptcha/enterprise.js'),
  '/enterprise-invisible': (at) =>
    page(
      form('<div id="here"></div>', '<button type="button" id="go">Sign in</button>'),
      at,
      '/recaptcha/enterprise.js?render=explicit&onload=begin',
      `window.begin=function(){window.widget=grecaptcha.enterprise.render('here',{sitekey:${JSON.stringify(at.sitekey)},
size:'invisible',callback:function(token){calls.push(token);document.getElementById('login').submit()}})};
document.getElementById('go').onclick=function(){grecaptcha.enterprise.execute(window.widget)};`,
    ),
  '/enterprise-score': (at) => scorePage(at, 'enterprise.js', 'grecaptcha.enterprise'),
  '/several': (at) =>
    page(
      `<form method="post" action="/login">${box(at.sitekey, 'data-callback="answered"')}<button>One</button></form>
<form method="post" action="/login">${box(at.sitekey)}<button>Two</button></form>
<form method="post" action="/login"><div id="third"></div><button>Three</button></form>`,
      at,
      '/recaptcha/api.js?onload=begin',
      explicit('grecaptcha', "document.getElementById('third')", `sitekey:${JSON.stringify(`${at.sitekey}.third`)}`),
    ),
  '/frame': () => documentOf('Staging · Frame', '<iframe id="inner" src="/login" width="500" height="600"></iframe>'),
  '/cross-frame': ({ otherOrigin }) =>
    documentOf('Staging · Frame', `<iframe id="inner" src="${otherOrigin}/login" width="500" height="600"></iframe>`),
  '/srcdoc': (at) =>
    documentOf(
      'Staging · Frame',
      `<iframe id="inner" srcdoc="${escapeHtml(page(form(box(at.sitekey)), at))}" width="500" height="600"></iframe>`,
    ),
  '/sandboxed': (at) =>
    documentOf(
      'Staging · Frame',
      `<iframe sandbox="allow-scripts" srcdoc="${escapeHtml(page(form(box(at.sitekey)), at))}"></iframe>`,
    ),
  '/shadow': (at) =>
    page(
      '<form id="login" method="post" action="/login"><div id="host"></div></form>',
      at,
      '/recaptcha/api.js?render=explicit&onload=begin',
      `${explicit('grecaptcha', 'document.getElementById("host").shadowRoot.getElementById("here")', `sitekey:${JSON.stringify(at.sitekey)}`)}
var root=document.getElementById('host').attachShadow({mode:'open'}),here=document.createElement('div');here.id='here';root.append(here);`,
    ),
  '/late': (at) =>
    page(
      form('<div id="app"></div>'),
      at,
      '/recaptcha/api.js?render=explicit',
      `window.draw=function(){grecaptcha.ready(function(){var el=document.createElement('div');document.getElementById('app').replaceChildren(el);
window.widget=grecaptcha.render(el,{sitekey:${JSON.stringify(at.sitekey)},callback:function(token){calls.push(token)}})})};`,
    ),
  '/test-key': (at) => page(form(box('6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI')), at),
  '/tiny': () => '<!doctype html><title>Tiny</title><p>Nothing to see here.</p>',
  '/ordinary': () => ordinaryPage(),
}

function scorePage(at: PageContext, script: string, api: string): string {
  const key = JSON.stringify(at.sitekey)
  return page(
    form(
      '<input type="hidden" name="g-recaptcha-response" id="token">',
      '<button type="button" id="go">Sign in</button>',
    ),
    at,
    `/recaptcha/${script}?render=${encodeURIComponent(at.sitekey)}`,
    `document.getElementById('go').onclick=function(){${api}.ready(function(){${api}.execute(${key},{action:'login'}).then(function(token){
calls.push(token);document.getElementById('token').value=token;document.getElementById('login').submit()})})};`,
  )
}

/** About what a page of a shop has: styles, a few scripts, some hundred elements, pictures. */
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

/** A script such as the ordinary page has: defines some functions, touches some elements. */
export function assetScript(): string {
  const functions = Array.from({ length: 200 }, (_, n) => `function f${n}(a,b){return a*${n}+b}`).join('\n')
  return `(function(){${functions}\nvar sum=0;for(var i=0;i<2000;i++)sum+=f7(i,f9(i,1));
document.querySelectorAll('.card').forEach(function(el,n){el.dataset.n=n+sum%2})})()`
}
