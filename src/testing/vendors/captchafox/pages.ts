import { form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { escapeHtml } from '../../shared/text.js'

const ACTION = '/captchafox/login'
const SCRIPT = '/api.js'
const EXPLICIT = '/api.js?render=explicit&onload=begin'
const GO = '<button type="button" id="go">Sign in</button>'
const OWN_FIELD = '<input type="hidden" name="token" id="token">'

const box = (sitekey: string, more = '') =>
  `<div class="captchafox" data-sitekey="${escapeHtml(sitekey)}" ${more}></div>`

const signIn = (widget: string, button?: string) => form(widget, button, ACTION)

const render = ({ sitekey }: SitePageContext, container: string, params: string) =>
  `window.begin=function(){window.widget=captchafox.render(${container},{sitekey:${JSON.stringify(sitekey)},${params}})};`

/** The stand-in site's pages with a CaptchaFox, by path. */
export const CAPTCHAFOX_PAGES: Readonly<Record<string, Page>> = {
  '/captchafox': (at) => page(signIn(box(at.sitekey)), at, SCRIPT),
  '/captchafox/named': (at) =>
    page(
      signIn(box(at.sitekey, 'data-callback="answered" data-expired-callback="gone"')),
      at,
      SCRIPT,
      'window.gone=function(){calls.push(null)};',
    ),
  '/captchafox/explicit': (at) =>
    page(
      signIn('<div id="here"></div>'),
      at,
      EXPLICIT,
      render(at, "'#here'", 'onVerify:function(token){calls.push(token)},onExpire:function(){calls.push(null)}'),
    ),
  '/captchafox/hidden': (at) =>
    page(
      signIn(`<div id="here"></div>${OWN_FIELD}`, GO),
      at,
      EXPLICIT,
      `${render(at, "document.getElementById('here')", "mode:'hidden'")}
document.getElementById('go').onclick=function(){captchafox.execute(window.widget).then(function(token){
calls.push(token);document.getElementById('token').value=token;document.getElementById('login').submit()})};`,
    ),
  '/captchafox/several': (at) =>
    page(
      ['One', 'Two', 'Three']
        .map((name) => `<form method="post" action="${ACTION}">${box(at.sitekey)}<button>${name}</button></form>`)
        .join('\n'),
      at,
      SCRIPT,
    ),
  '/captchafox/late': (at) =>
    page(
      signIn('<div id="app"></div>'),
      at,
      '/api.js?render=explicit',
      `window.draw=function(){var el=document.createElement('div');document.getElementById('app').replaceChildren(el);
window.widget=captchafox.render(el,{sitekey:${JSON.stringify(at.sitekey)},
onVerify:function(token){calls.push(token)}})};`,
    ),
}
