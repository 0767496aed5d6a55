import { form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { escapeHtml } from '../../shared/text.js'

const ACTION = '/yandex/login'
const SCRIPT = '/captcha.js'
const EXPLICIT = '/captcha.js?render=onload&onload=begin'
const GO = '<button type="button" id="go">Sign in</button>'

const box = (sitekey: string, more = '') =>
  `<div class="smart-captcha" data-sitekey="${escapeHtml(sitekey)}" ${more}></div>`

const signIn = (widget: string, button?: string) => form(widget, button, ACTION)

const KEEPS = 'callback:function(token){calls.push(token)}'

const render = ({ sitekey }: SitePageContext, container: string, params: string) =>
  `window.widget=smartCaptcha.render(${container},{sitekey:${JSON.stringify(sitekey)},${params}})`

/** The stand-in site's pages with a Yandex SmartCaptcha, by path. */
export const YANDEX_PAGES: Readonly<Record<string, Page>> = {
  '/yandex': (at) => page(signIn(box(at.sitekey)), at, SCRIPT),
  '/yandex/named': (at) => page(signIn(box(at.sitekey, 'data-callback="answered"')), at, SCRIPT),
  '/yandex/explicit': (at) =>
    page(signIn('<div id="here"></div>'), at, EXPLICIT, `window.begin=function(){${render(at, "'here'", KEEPS)}};`),
  '/yandex/subscribed': (at) =>
    page(
      signIn('<div id="here"></div>'),
      at,
      EXPLICIT,
      `window.begin=function(){${render(at, "document.getElementById('here')", '')};
smartCaptcha.subscribe(widget,'success',function(){calls.push('an old listener')})();
smartCaptcha.subscribe(widget,'success',function(token){calls.push(token)})};`,
    ),
  '/yandex/invisible': (at) =>
    page(
      signIn('<div id="here"></div>', GO),
      at,
      EXPLICIT,
      `window.begin=function(){${render(
        at,
        "'here'",
        "invisible:true,callback:function(token){calls.push(token);document.getElementById('login').submit()}",
      )}};
document.getElementById('go').onclick=function(){smartCaptcha.execute(widget)};`,
    ),
  '/yandex/several': (at) =>
    page(
      ['One', 'Two', 'Three']
        .map((name) => `<form method="post" action="${ACTION}">${box(at.sitekey)}<button>${name}</button></form>`)
        .join('\n'),
      at,
      SCRIPT,
    ),
  '/yandex/late': (at) =>
    page(
      signIn('<div id="app"></div>'),
      at,
      '/captcha.js?render=onload',
      `window.draw=function(){var el=document.createElement('div');document.getElementById('app').replaceChildren(el);
${render(at, 'el', KEEPS)}};`,
    ),
}
