import { form, type Page, page, type SitePageContext } from '../../shared/pages.js'

const ACTION = '/mtcaptcha/login'
const SCRIPT = '/mtcv1/client/mtcaptcha.min.js'
const BOX = '<div class="mtcaptcha"></div>'

const signIn = (widget: string, button?: string) => form(widget, button, ACTION)

/** The page's configuration for the vendor's script. */
const config = ({ sitekey }: SitePageContext, more = '') =>
  `window.mtcaptchaConfig={sitekey:${JSON.stringify(sitekey)},${more}};`

/** A callback that records the token, for tests. */
const KEEPS = 'window.keep=function(state){calls.push(state.verifiedToken)};'

const submitForm = (id: string, n: number) =>
  `<form method="post" action="${ACTION}"><div id="${id}"></div><button>${n}</button></form>`

/** The stand-in site's pages with an MTCaptcha, by path. */
export const MTCAPTCHA_PAGES: Readonly<Record<string, Page>> = {
  '/mtcaptcha': (at) => page(signIn(BOX), at, SCRIPT, config(at)),
  '/mtcaptcha/named': (at) =>
    page(
      signIn(BOX),
      at,
      SCRIPT,
      `${KEEPS}${config(at, `action:'login','verified-callback':'keep','verifyexpired-callback':'keep'`)}`,
    ),
  '/mtcaptcha/submits': (at) =>
    page(
      signIn(BOX, '<button type="button">Sign in</button>'),
      at,
      SCRIPT,
      config(at, `'verified-callback':function(){document.getElementById('login').submit()}`),
    ),
  '/mtcaptcha/asks': (at) =>
    page(
      signIn(`${BOX}<input type="hidden" name="own" id="own">`),
      at,
      SCRIPT,
      `${config(at)}addEventListener('submit',function(){if(mtcaptcha.getStatus().isVerified)
document.getElementById('own').value=mtcaptcha.getVerifiedToken();
document.querySelector('.mtcaptcha input').remove()});`,
    ),
  '/mtcaptcha/several': (at) =>
    page(
      ['mtcaptcha-1', 'mtcaptcha-2', 'mtcaptcha-3'].map((id, n) => submitForm(id, n + 1)).join('\n'),
      at,
      SCRIPT,
      `${KEEPS}${config(at, `renderQueue:['mtcaptcha-1','mtcaptcha-2','mtcaptcha-3'],'verified-callback':'keep'`)}`,
    ),
  '/mtcaptcha/explicit': (at) =>
    page(
      signIn('<div id="app"></div>'),
      at,
      SCRIPT,
      `${KEEPS}${config(at, `render:'explicit','verified-callback':keep`)}
window.draw=function(){var el=document.createElement('div');el.className='mtcaptcha';
document.getElementById('app').replaceChildren(el);mtcaptcha.destroyUI();mtcaptcha.renderUI()};`,
    ),
  '/mtcaptcha/shadow': (at) =>
    page(
      '<div id="host"></div>',
      at,
      SCRIPT,
      `${config(at)}addEventListener('load',function(){
var root=document.getElementById('host').attachShadow({mode:'open'}),form=document.createElement('form');
form.method='post';form.action='${ACTION}';form.id='login';var el=document.querySelector('.mtcaptcha');
var button=document.createElement('button');button.textContent='Sign in';form.append(el,button);root.append(form)});`,
    ).replace('<div id="host"></div>', `<div id="host"></div>${BOX}`),
}
