import { form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { escapeHtml } from '../../shared/text.js'

const ACTION = '/turnstile/login'
const GO = '<button type="button" id="go">Sign in</button>'

const box = (sitekey: string, more = '', kind = 'cf-turnstile') =>
  `<div class="${kind}" data-sitekey="${escapeHtml(sitekey)}" ${more}></div>`

/** The server needs the sitekey to choose the secret. */
const key = (sitekey: string) => `<input type="hidden" name="sitekey" value="${escapeHtml(sitekey)}">`

const signIn = ({ sitekey }: SitePageContext, widget: string, button?: string) =>
  form(key(sitekey) + widget, button, ACTION)

const script = (query = '') => `/turnstile/v0/api.js${query}`

/** An explicit rendering, with a callback in a closure, which fills the site's own field. */
const explicit = (at: SitePageContext, container: string, params = '') =>
  `(function(){var got;window.gotToken=function(){return got};window.begin=function(){
window.widget=turnstile.render(${container},{sitekey:${JSON.stringify(at.sitekey)},${params}
callback:function(token){got=token;calls.push(token);var own=document.getElementById('token');if(own)own.value=token}})}})();`

const OWN_FIELD = '<input type="hidden" name="token" id="token">'
const EXPLICIT = script('?render=explicit&onload=begin')
const SUBMITS = `window.submitLogin=function(token){calls.push(token);document.getElementById('login').submit()};`

/** The stand-in site's pages with a Turnstile, by path. */
export const TURNSTILE_PAGES: Readonly<Record<string, Page>> = {
  '/turnstile': (at) => page(signIn(at, box(at.sitekey)), at, script()),
  '/turnstile/named': (at) =>
    page(
      signIn(at, box(at.sitekey, 'data-callback="answered" data-action="login" data-cdata="order-17"')),
      at,
      script(),
    ),
  '/turnstile/field': (at) => page(signIn(at, box(at.sitekey, 'data-response-field-name="token"')), at, script()),
  '/turnstile/fieldless': (at) =>
    page(
      signIn(at, box(at.sitekey, 'data-response-field="false" data-callback="keep"') + OWN_FIELD),
      at,
      script(),
      `window.keep=function(token){calls.push(token);document.getElementById('token').value=token};`,
    ),
  '/turnstile/explicit': (at) =>
    page(signIn(at, '<div id="here"></div>'), at, EXPLICIT, explicit(at, "'#here'", "action:'pay',cData:'order-18',")),
  '/turnstile/execute': (at) =>
    page(
      signIn(at, '<div id="here"></div>', GO),
      at,
      EXPLICIT,
      `${SUBMITS}window.begin=function(){window.widget=turnstile.render('#here',{sitekey:${JSON.stringify(at.sitekey)},
execution:'execute',appearance:'execute',callback:submitLogin})};
document.getElementById('go').onclick=function(){turnstile.execute('#here')};`,
    ),
  '/turnstile/executes': (at) =>
    page(
      signIn(at, box(at.sitekey, 'id="box" data-execution="execute" data-callback="submitLogin"'), GO),
      at,
      script(),
      `${SUBMITS}document.getElementById('go').onclick=function(){turnstile.execute(document.getElementById('box'))};`,
    ),
  '/turnstile/compat': (at) =>
    page(signIn(at, box(at.sitekey, 'data-callback="answered"', 'g-recaptcha')), at, script('?compat=recaptcha')),
  '/turnstile/compat-explicit': (at) =>
    page(
      signIn(at, '<div id="here"></div>'),
      at,
      script('?compat=recaptcha&render=explicit&onload=begin'),
      explicit(at, "document.getElementById('here')").replace('turnstile.render', 'grecaptcha.render'),
    ),
  '/turnstile/several': (at) =>
    page(
      `<form method="post" action="${ACTION}">${key(at.sitekey)}${box(at.sitekey, 'id="first"')}<button>One</button></form>
<form method="post" action="${ACTION}">${key(at.sitekey)}${box(at.sitekey, 'id="second"')}<button>Two</button></form>
<form method="post" action="${ACTION}">${key(at.sitekey)}<div id="third"></div><button>Three</button></form>`,
      at,
      script('?onload=begin'),
      explicit(at, "document.getElementById('third')"),
    ),
  '/turnstile/shadow': (at) => shadowPage(at, 'open'),
  '/turnstile/closed': (at) => shadowPage(at, 'closed'),
  '/turnstile/late': (at) =>
    page(
      signIn(at, '<div id="app"></div>'),
      at,
      script('?render=explicit'),
      `window.draw=function(){var el=document.createElement('div');document.getElementById('app').replaceChildren(el);
window.widget=turnstile.render(el,{sitekey:${JSON.stringify(at.sitekey)},callback:function(token){calls.push(token)}})};`,
    ),
}

/** In a shadow root, whose field the form does not send: the callback fills the site's own field. */
function shadowPage(at: SitePageContext, mode: 'open' | 'closed'): string {
  return page(
    signIn(at, `<div id="host"></div>${OWN_FIELD}`),
    at,
    EXPLICIT,
    `(function(){var here=document.createElement('div');
document.getElementById('host').attachShadow({mode:'${mode}'}).append(here);${explicit(at, 'here')}})();`,
  )
}
