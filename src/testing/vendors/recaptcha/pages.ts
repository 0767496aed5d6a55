import { documentOf, form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { escapeHtml } from '../../shared/text.js'
import { TEST_SITEKEY } from './index.js'

const SCRIPT = '/recaptcha/api.js'

const box = (sitekey: string, more = '') =>
  `<div class="g-recaptcha" data-sitekey="${escapeHtml(sitekey)}" ${more}></div>`

/** An explicit rendering, with a callback in a closure. */
const explicit = (api: string, container: string, params: string) =>
  `(function(){var got;window.gotToken=function(){return got};window.begin=function(){
window.widget=${api}.render(${container},{${params},callback:function(token){got=token;calls.push(token)}})}})();`

const SUBMITS = `window.submitLogin=function(token){calls.push(token);document.getElementById('login').submit()};`

/** The stand-in site's pages with a reCAPTCHA, by path. */
export const RECAPTCHA_PAGES: Readonly<Record<string, Page>> = {
  '/login': (at) => page(form(box(at.sitekey)), at, SCRIPT),
  '/named': (at) => page(form(box(at.sitekey, 'data-callback="answered"')), at, SCRIPT),
  '/dotted': (at) => page(form(box(at.sitekey, 'data-callback="app.auth.onCaptcha"')), at, SCRIPT),
  '/data-s': (at) => page(form(box(at.sitekey, 'data-s="one-time-value" data-action="login"')), at, SCRIPT),
  '/submits': (at) => page(form(box(at.sitekey, 'data-callback="submitLogin"')), at, SCRIPT, SUBMITS),
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
      SCRIPT,
      SUBMITS,
    ),
  '/invisible-execute': (at) =>
    page(
      form(
        box(at.sitekey, 'data-size="invisible" data-callback="submitLogin"'),
        '<button type="button" id="go">Sign in</button>',
      ),
      at,
      SCRIPT,
      `${SUBMITS}document.getElementById('go').onclick=function(){grecaptcha.execute().then(function(token){window.promised=token})};`,
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
      `<iframe id="inner" srcdoc="${escapeHtml(page(form(box(at.sitekey)), at, SCRIPT))}" width="500" height="600"></iframe>`,
    ),
  '/sandboxed': (at) =>
    documentOf(
      'Staging · Frame',
      `<iframe sandbox="allow-scripts" srcdoc="${escapeHtml(page(form(box(at.sitekey)), at, SCRIPT))}"></iframe>`,
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
  '/test-key': (at) => page(form(box(TEST_SITEKEY)), at, SCRIPT),
}

function scorePage(at: SitePageContext, script: string, api: string): string {
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
