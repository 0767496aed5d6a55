import { documentOf, form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { escapeHtml } from '../../shared/text.js'

const ACTION = '/friendly/login'
const V1 = '/npm/friendly-challenge/widget.module.min.js'
const V2 = '/npm/@friendlycaptcha/sdk/site.min.js'

const v1Box = ({ sitekey, vendor }: SitePageContext, more = '') =>
  `<div class="frc-captcha" data-sitekey="${escapeHtml(sitekey)}" data-puzzle-endpoint="${vendor}/api/v1/puzzle" ${more}></div>`

const v2Box = ({ sitekey, vendor }: SitePageContext, more = '') =>
  `<div class="frc-captcha" data-sitekey="${escapeHtml(sitekey)}" data-api-endpoint="${vendor}" ${more}></div>`

const signIn = (widget: string, button?: string) => form(widget, button, ACTION)

/** Runs once the vendor's script is loaded. */
const loaded = (run: string) => `addEventListener('load',function(){${run}});`

const v1Made = (at: SitePageContext, element: string, more = '') =>
  `window.widget=new friendlyChallenge.WidgetInstance(${element},{sitekey:${JSON.stringify(at.sitekey)},${more}
puzzleEndpoint:${JSON.stringify(`${at.vendor}/api/v1/puzzle`)},doneCallback:function(token){calls.push(token)}});`

const v2Made = (at: SitePageContext, element: string, more = '') =>
  `window.widget=frcaptcha.createWidget({element:${element},sitekey:${JSON.stringify(at.sitekey)},${more}
apiEndpoint:${JSON.stringify(at.vendor)}});
widget.addEventListener('frc:widget.complete',function(event){calls.push(event.detail.response)});`

/** Records every event of the page's widgets. */
const EVENTS = `window.events=[];['statechange','complete','expire','reset','error'].forEach(function(name){
document.addEventListener('frc:widget.'+name,function(event){events.push(name+' '+event.detail.state);
if(name==='complete')calls.push(event.detail.response)})});`

const HERE = '<div id="here"></div>'
const here = "document.getElementById('here')"

/** In a shadow root, with a form of its own: a form outside would not send the widget's field. */
const inShadow = (at: SitePageContext, script: string, made: string) =>
  page(
    '<div id="host"></div>',
    at,
    script,
    loaded(`var root=document.getElementById('host').attachShadow({mode:'open'});
var form=document.createElement('form');form.method='post';form.action='${ACTION}';form.id='login';
var el=document.createElement('div');el.className='frc-captcha';var button=document.createElement('button');
button.textContent='Sign in';form.append(el,button);root.append(form);${made}`),
  )

const three = (box: (more?: string) => string) =>
  [1, 2, 3]
    .map((n) => `<form method="post" action="${ACTION}">${box(`id="w${n}"`)}<button>${n}</button></form>`)
    .join('\n')

const drawn = (made: string) =>
  `window.draw=function(){var el=document.createElement('div');el.className='frc-captcha';document.getElementById('app').replaceChildren(el);${made}};`

/** The stand-in site's pages with a Friendly Captcha, by path: version 1 is below `/friendly/v1`. */
export const FRIENDLY_PAGES: Readonly<Record<string, Page>> = {
  '/friendly/v1': (at) => page(signIn(v1Box(at)), at, V1),
  '/friendly/v1/named': (at) => page(signIn(v1Box(at, 'data-callback="answered"')), at, V1),
  '/friendly/v1/auto': (at) => page(signIn(v1Box(at, 'data-start="auto" data-callback="answered"')), at, V1),
  '/friendly/v1/field': (at) => page(signIn(v1Box(at, 'data-solution-field-name="token"')), at, V1),
  '/friendly/v1/made': (at) => page(signIn(HERE), at, V1, loaded(v1Made(at, here))),
  '/friendly/v1/fieldless': (at) =>
    page(
      signIn(`${HERE}<input type="hidden" name="token" id="token">`),
      at,
      V1,
      loaded(
        `${v1Made(at, here, "solutionFieldName:'-',")}widget.opts.doneCallback=function(token){document.getElementById('token').value=token};`,
      ),
    ),
  '/friendly/v1/several': (at) =>
    page(
      three((more) => v1Box(at, more)),
      at,
      V1,
    ),
  '/friendly/v1/shadow': (at) => inShadow(at, V1, v1Made(at, 'el')),
  '/friendly/v1/late': (at) => page(signIn('<div id="app"></div>'), at, V1, drawn(v1Made(at, 'el'))),
  '/friendly': (at) => page(signIn(v2Box(at)), at, V2, EVENTS),
  '/friendly/auto': (at) => page(signIn(v2Box(at, 'data-start="auto"')), at, V2, EVENTS),
  '/friendly/field': (at) => page(signIn(v2Box(at, 'data-form-field-name="token"')), at, V2, EVENTS),
  '/friendly/made': (at) => page(signIn(HERE), at, V2, loaded(v2Made(at, here))),
  '/friendly/fieldless': (at) =>
    page(
      signIn(`${HERE}<input type="hidden" name="token" id="token">`),
      at,
      V2,
      loaded(
        `${v2Made(at, here, 'formFieldName:null,')}widget.addEventListener('frc:widget.complete',function(event){
document.getElementById('token').value=event.detail.response});`,
      ),
    ),
  '/friendly/submits': (at) =>
    page(
      signIn(v2Box(at), '<button type="button" id="go">Sign in</button>'),
      at,
      V2,
      `${EVENTS}document.addEventListener('frc:widget.complete',function(){document.getElementById('login').submit()});`,
    ),
  '/friendly/several': (at) =>
    page(
      three((more) => v2Box(at, more)),
      at,
      V2,
      EVENTS,
    ),
  '/friendly/shadow': (at) => inShadow(at, V2, v2Made(at, 'el')),
  '/friendly/late': (at) => page(signIn('<div id="app"></div>'), at, V2, drawn(v2Made(at, 'el'))),
  '/friendly/frame': () => documentOf('Staging · Frame', '<iframe src="/friendly" width="500" height="600"></iframe>'),
}
