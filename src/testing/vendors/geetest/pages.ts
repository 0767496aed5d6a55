import { documentOf, form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { callScript } from '../../shared/text.js'
import { loader } from './script.js'

const ACTION = '/geetest/login'
const GO = '<button type="button" id="go">Sign in</button>'
const HERE = '<div id="here"></div>'

const V3 = '/static/tools/gt.js'
const V4 = '/v4/gt4.js'

const signIn = (widget: string, button?: string) => form(widget, button, ACTION)

/** The page's script for its object: keeps it in `window.captcha`, for tests, and records its answers. */
const KEPT = 'window.captcha=captcha;captcha.onSuccess(function(){calls.push(captcha.getValidate())});'
/** Sends the answer, as a page does whose form has no fields for it. */
const SENT = `captcha.onSuccess(function(){var form=document.getElementById('login'),values=captcha.getValidate();
for(var name in values){var field=document.createElement('input');field.type='hidden';field.name=name;field.value=values[name];form.append(field)}
form.submit()});`
const HERE_PUT = "captcha.appendTo('#here');"

/** Begins once the loader is loaded. v3's page first requests a challenge from the site's server. */
const begin3 = (made: string, more = '') =>
  `window.register=function(){return fetch('/geetest/register').then(function(response){return response.json()})};
window.begin=function(){register().then(function(reply){initGeetest({gt:reply.gt,challenge:reply.challenge,
offline:!reply.success,new_captcha:reply.new_captcha,${more}},function(captcha){${KEPT}${made}})})};`
const begin4 = (at: SitePageContext, made: string, more = '') =>
  `window.begin=function(){initGeetest4({captchaId:${JSON.stringify(at.sitekey)},${more}},function(captcha){${KEPT}${made}})};`

/** A page with the loader. The loader has no callback, so the page begins at the script's load event. */
const loading = (at: SitePageContext, body: string, script: string, more: string) =>
  page(
    body,
    at,
    script,
    `${more}document.addEventListener('load',function(event){if(event.target.src===${JSON.stringify(at.vendor + script)})begin()},true);`,
  )

const goes = (what: string) => `document.getElementById('go').onclick=function(){${what}};`

/** The stand-in site's pages with a GeeTest, by path. */
export const GEETEST_PAGES: Readonly<Record<string, Page>> = {
  '/geetest': (at) => loading(at, signIn(HERE), V3, begin3(HERE_PUT, "product:'popup'")),
  '/geetest/server': (at) =>
    loading(at, signIn(HERE), V3, begin3(HERE_PUT, `api_server:'api-na.geetest.com',product:'float'`)),
  '/geetest/bind-form': (at) =>
    loading(
      at,
      `${signIn('')}<div id="here"></div>`,
      V3,
      begin3("captcha.appendTo(document.getElementById('here'));captcha.bindForm('#login');", "product:'float'"),
    ),
  '/geetest/sends': (at) =>
    loading(at, `<div id="here"></div>${signIn('')}`, V3, begin3(`${HERE_PUT}${SENT}`, "product:'custom'")),
  '/geetest/bind': (at) =>
    loading(at, signIn('', GO), V3, `${begin3(SENT, "product:'bind'")}${goes('captcha.verify()')}`),
  '/geetest/offline': (at) =>
    loading(
      at,
      signIn(HERE),
      V3,
      `window.begin=function(){initGeetest({gt:${JSON.stringify(at.sitekey)},challenge:'made-up',offline:true},
function(captcha){${KEPT}${HERE_PUT}})};`,
    ),
  // The site has the loader in its own bundle: the first script from the vendor's origin is the main script.
  '/geetest/bundled': (at) =>
    documentOf(
      'Staging · Sign in',
      `${signIn(HERE)}<script>window.calls=[];(function(){${callScript(loader, { base: at.vendor, v4: false })};
var init=window.initGeetest;delete window.initGeetest;window.initGeetest=undefined;
fetch('/geetest/register').then(function(response){return response.json()}).then(function(reply){init({gt:reply.gt,challenge:reply.challenge,
offline:false},function(captcha){${KEPT}${HERE_PUT}})})})()</script>`,
    ),
  '/geetest/v4': (at) => loading(at, signIn(HERE), V4, begin4(at, HERE_PUT, "product:'popup'")),
  '/geetest/v4/sends': (at) => loading(at, `<div id="here"></div>${signIn('')}`, V4, begin4(at, `${HERE_PUT}${SENT}`)),
  '/geetest/v4/bind': (at) =>
    loading(at, signIn('', GO), V4, `${begin4(at, SENT, "product:'bind'")}${goes('captcha.showCaptcha()')}`),
  '/geetest/v4/shadow': (at) =>
    loading(
      at,
      '<div id="host"></div>',
      V4,
      `var root=document.getElementById('host').attachShadow({mode:'open'});
root.innerHTML='<form id="login" method="post" action="${ACTION}"><div id="here"></div><button>Sign in</button></form>';
${begin4(at, "captcha.appendTo(root.getElementById('here'));")}`,
    ),
  '/geetest/v4/late': (at) =>
    loading(
      at,
      signIn('<div id="app"></div>'),
      V4,
      `window.begin=function(){window.ready=true};
window.draw=function(){initGeetest4({captchaId:${JSON.stringify(at.sitekey)}},function(captcha){
var el=document.createElement('div');document.getElementById('app').replaceChildren(el);${KEPT}captcha.appendTo(el)})};`,
    ),
  '/geetest/several': (at) =>
    page(
      `<form method="post" action="${ACTION}"><div id="first"></div><button>One</button></form>
<form method="post" action="${ACTION}"><div id="second"></div><button>Two</button></form>
<form method="post" action="${ACTION}"><div id="third"></div><button>Three</button></form>`,
      at,
      V3,
      `window.made={};document.addEventListener('load',function(event){
if(event.target.src===${JSON.stringify(at.vendor + V3)}){var next=document.createElement('script');next.src=${JSON.stringify(at.vendor + V4)};document.head.append(next)}
if(event.target.src!==${JSON.stringify(at.vendor + V4)})return;
fetch('/geetest/register').then(function(response){return response.json()}).then(function(reply){initGeetest({gt:reply.gt,challenge:reply.challenge,offline:false},
function(captcha){made.first=captcha;captcha.appendTo('#first')})});
['second','third'].forEach(function(name){initGeetest4({captchaId:${JSON.stringify(at.sitekey)}},function(captcha){
made[name]=captcha;captcha.appendTo('#'+name)})})},true);`,
    ),
}
