import { form, type Page, page, type SitePageContext } from '../../shared/pages.js'

const ACTION = '/aws-waf/login'
const SCRIPT = '/jsapi.js'
const HERE = '<div id="here"></div>'

const signIn = (widget: string, button?: string) => form(widget, button, ACTION)

const loaded = (run: string) => `addEventListener('load',function(){${run}});`

/** The page's own call of the API. */
const drawn = ({ sitekey }: SitePageContext, container: string, more = 'onSuccess:answered') =>
  `AwsWafCaptcha.renderCaptcha(${container},{apiKey:${JSON.stringify(sitekey)},${more},
onError:function(error){window.failed=error}});`

const here = "document.getElementById('here')"
const SUBMITS = `onSuccess:function(token){calls.push(token);document.getElementById('login').submit()}`

/** As in AWS's own example: once the puzzle is solved, the page repeats the request that the firewall has rejected. */
const FETCHES = `onSuccess:function(token){calls.push(token);AwsWafIntegration.fetch('${ACTION}',{method:'POST',body:new URLSearchParams()})
.then(function(reply){return reply.text()}).then(function(html){var heading=document.createElement('h1');
heading.className=html.indexOf('class="good"')<0?'bad':'good';
heading.textContent=new DOMParser().parseFromString(html,'text/html').querySelector('h1').textContent;
document.body.replaceChildren(heading)})}`

const three = [1, 2, 3].map(
  (n) => `<form method="post" action="${ACTION}"><div id="w${n}"></div><button>${n}</button></form>`,
)

/** The stand-in site's pages with Amazon WAF's CAPTCHA, by path. The server verifies the cookie of their forms. */
export const AWS_WAF_PAGES: Readonly<Record<string, Page>> = {
  '/aws-waf': (at) => page(signIn(HERE), at, SCRIPT, loaded(drawn(at, here))),
  '/aws-waf/submits': (at) =>
    page(signIn(HERE, '<button type="button">Sign in</button>'), at, SCRIPT, loaded(drawn(at, here, SUBMITS))),
  '/aws-waf/fetches': (at) =>
    page(signIn(HERE, '<button type="button">Sign in</button>'), at, SCRIPT, loaded(drawn(at, here, FETCHES))),
  '/aws-waf/several': (at) =>
    page(
      three.join('\n'),
      at,
      SCRIPT,
      loaded([1, 2, 3].map((n) => drawn(at, `document.getElementById('w${n}')`)).join('')),
    ),
  '/aws-waf/shadow': (at) =>
    page(
      signIn('<div id="host"></div>'),
      at,
      SCRIPT,
      loaded(`var el=document.createElement('div');document.getElementById('host').attachShadow({mode:'closed'}).append(el);
${drawn(at, 'el')}`),
    ),
  '/aws-waf/object': (at) =>
    page(
      signIn(HERE),
      at,
      SCRIPT,
      `class Settings{constructor(key){this.apiKey=key;this.got=[]}get onError(){return function(){}}
onSuccess(token){this.got.push(token);calls.push(token)}}
${loaded(`window.settings=Object.freeze(new Settings(${JSON.stringify(at.sitekey)}));
AwsWafCaptcha.renderCaptcha(${here},settings);`)}`,
    ),
  '/aws-waf/late': (at) =>
    page(
      signIn('<div id="app"></div>'),
      at,
      SCRIPT,
      `window.draw=function(){var el=document.createElement('div');document.getElementById('app').replaceChildren(el);${drawn(at, 'el')}};
window.again=function(){${drawn(at, "document.getElementById('app').firstChild")}};`,
    ),
}
