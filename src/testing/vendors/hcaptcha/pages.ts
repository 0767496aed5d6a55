import { form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { escapeHtml } from '../../shared/text.js'

const ACTION = '/hcaptcha/login'
const GO = '<button type="button" id="go">Sign in</button>'
const SUBMITS = `window.submitLogin=function(token){calls.push(token);document.getElementById('login').submit()};`

const box = (sitekey: string, more = '', kind = 'h-captcha') =>
  `<div class="${kind}" data-sitekey="${escapeHtml(sitekey)}" ${more}></div>`

const signIn = (widget: string, button?: string) => form(widget, button, ACTION)

const script = (query = '') => `/1/api.js${query}`
const EXPLICIT = script('?render=explicit&onload=begin')

/** An explicit rendering, with a callback in a closure. */
const explicit = (at: SitePageContext, container: string, params = '', api = 'hcaptcha') =>
  `(function(){var got;window.gotToken=function(){return got};window.begin=function(){
window.widget=${api}.render(${container},{sitekey:${JSON.stringify(at.sitekey)},${params}
callback:function(token){got=token;calls.push(token)}})}})();`

/** The stand-in site's pages with an hCaptcha, by path. */
export const HCAPTCHA_PAGES: Readonly<Record<string, Page>> = {
  '/hcaptcha': (at) => page(signIn(box(at.sitekey)), at, script()),
  '/hcaptcha/named': (at) => page(signIn(box(at.sitekey, 'data-callback="answered"')), at, script()),
  '/hcaptcha/plain': (at) => page(signIn(box(at.sitekey)), at, script('?recaptchacompat=off')),
  '/hcaptcha/explicit': (at) => page(signIn('<div id="here"></div>'), at, EXPLICIT, explicit(at, "'here'")),
  '/hcaptcha/compat': (at) => page(signIn(box(at.sitekey, 'data-callback="answered"', 'g-recaptcha')), at, script()),
  '/hcaptcha/compat-explicit': (at) =>
    page(signIn('<div id="here"></div>'), at, EXPLICIT, explicit(at, "'here'", '', 'grecaptcha')),
  '/hcaptcha/button': (at) =>
    page(
      signIn(
        '',
        `<button class="h-captcha" data-sitekey="${escapeHtml(at.sitekey)}" data-callback="submitLogin">Sign in</button>`,
      ),
      at,
      script(),
      SUBMITS,
    ),
  '/hcaptcha/invisible': (at) =>
    page(
      signIn(box(at.sitekey, 'data-size="invisible" data-callback="submitLogin"'), GO),
      at,
      script(),
      `${SUBMITS}document.getElementById('go').onclick=function(){hcaptcha.execute()};`,
    ),
  '/hcaptcha/async': (at) =>
    page(
      signIn('<div id="here"></div>', GO),
      at,
      EXPLICIT,
      `${explicit(at, "'here'", "size:'invisible',")}document.getElementById('go').onclick=function(){
hcaptcha.execute(widget,{async:true,rqdata:'one-time-rqdata'}).then(function(answer){window.promised=answer;
document.getElementById('login').submit()},function(error){window.refused=error})};`,
    ),
  '/hcaptcha/set-data': (at) =>
    page(
      signIn('<div id="here"></div>'),
      at,
      EXPLICIT,
      `${explicit(at, "'here'")}var first=begin;window.begin=function(){first();hcaptcha.setData(widget,{rqdata:'set-rqdata'})};`,
    ),
  '/hcaptcha/several': (at) =>
    page(
      `<form method="post" action="${ACTION}">${box(at.sitekey)}<button>One</button></form>
<form method="post" action="${ACTION}">${box(at.sitekey)}<button>Two</button></form>
<form method="post" action="${ACTION}"><div id="third"></div><button>Three</button></form>`,
      at,
      script('?onload=begin'),
      explicit(at, "'third'"),
    ),
  '/hcaptcha/shadow': (at) =>
    page(
      '<div id="host"></div>',
      at,
      EXPLICIT,
      `(function(){var root=document.getElementById('host').attachShadow({mode:'open'});
root.innerHTML='<form id="login" method="post" action="${ACTION}"><div id="here"></div><button>Sign in</button></form>';
${explicit(at, "root.getElementById('here')")}})();`,
    ),
  // The site's whole application, or its modal dialog, is what the challenge opens in.
  '/hcaptcha/in-application': (at) =>
    page(
      `<div id="root" style="position:relative">${signIn('<div id="here"></div>', GO)}</div>`,
      at,
      EXPLICIT,
      `${explicit(at, "'here'", "size:'invisible','challenge-container':'root',")}
document.getElementById('go').onclick=function(){hcaptcha.execute(widget)};`,
    ),
  '/hcaptcha/in-dialog': (at) =>
    page(
      `<div id="root"><dialog id="modal">${signIn('<div id="here"></div>', GO)}</dialog></div>`,
      at,
      EXPLICIT,
      `${explicit(at, "'here'", "size:'invisible','challenge-container':document.getElementById('modal'),")}
document.getElementById('modal').showModal();
document.getElementById('go').onclick=function(){hcaptcha.execute(widget)};`,
    ),
  '/hcaptcha/late': (at) =>
    page(
      signIn('<div id="app"></div>'),
      at,
      script('?render=explicit'),
      `window.draw=function(){var el=document.createElement('div');document.getElementById('app').replaceChildren(el);
window.widget=hcaptcha.render(el,{sitekey:${JSON.stringify(at.sitekey)},callback:function(token){calls.push(token)}})};`,
    ),
}
