import { documentOf, form, type Page, page, type SitePageContext } from '../../shared/pages.js'
import { escapeHtml } from '../../shared/text.js'

const ACTION = '/arkose/login'
const TOKEN = '<input type="hidden" name="token">'
const GO = '<button type="button" id="go">Sign in</button>'

const signIn = (widget: string, button?: string) => form(widget + TOKEN, button, ACTION)

const KEEPS = 'calls.push(response.token);document.forms[0].elements.token.value=response.token;'
const SENDS = `${KEEPS}document.forms[0].submit()`

/** The page's script for its enforcement: keeps it in `window.enforcement`, for tests, and configures it. */
const setUp = (settings: string, done = SENDS) =>
  `window.enforcement=enforcement;enforcement.setConfig({${settings},
onCompleted:function(response){${done}},onShown:function(){window.shown=(window.shown||0)+1}});`

const declared = (settings: string, done?: string) => `function setupEnforcement(enforcement){${setUp(settings, done)}}`

/** A page with the vendor's script, and a script of its own after it. */
const enforced = (at: SitePageContext, body: string, more: string, after = '', key = at.sitekey) =>
  documentOf(
    'Staging · Sign in',
    `${body}<script>window.calls=[];</script>
<script src="${escapeHtml(`${at.vendor}/v2/${key}/api.js`)}" data-callback="setupEnforcement"></script>
<script>${more}</script>${after}`,
  )

const box = (key: string, callback = '') =>
  `<div class="funcaptcha" data-pkey="${escapeHtml(key)}" ${callback && `data-callback="${callback}"`}></div>`

/** The stand-in site's pages with an Arkose, by path. */
export const ARKOSE_PAGES: Readonly<Record<string, Page>> = {
  '/arkose': (at) => enforced(at, signIn('', GO), declared("selector:'#go'")),
  '/arkose/runs': (at) =>
    enforced(
      at,
      signIn('', GO),
      `${declared("data:{blob:'one-time-blob'}")}document.getElementById('go').onclick=function(){enforcement.run()};`,
    ),
  '/arkose/inline': (at) =>
    enforced(
      at,
      signIn('<div id="here"></div>'),
      declared("selector:'#here',mode:'inline',data:{blob:'inline-blob'}", KEEPS),
    ),
  // The page assigns the callback in the script's load event, as components of frameworks do.
  '/arkose/assigned': (at) =>
    documentOf(
      'Staging · Sign in',
      `${signIn('<div id="here"></div>')}<script>window.calls=[];window.draw=function(key){
var script=document.createElement('script');script.src=${JSON.stringify(`${at.vendor}/v2/`)}+(key||${JSON.stringify(at.sitekey)})+'/api.js';
script.setAttribute('data-callback','setupEnforcement');script.async=true;
script.onload=function(){window.setupEnforcement=function(enforcement){${setUp("selector:'#here',mode:'inline'", KEEPS)}}};
document.body.append(script)}</script>`,
    ),
  '/arkose/declared-before': (at) =>
    documentOf(
      'Staging · Sign in',
      `${signIn('<div id="here"></div>')}<script>window.calls=[];${declared("selector:'#here',mode:'inline'", KEEPS)}</script>
<script src="${escapeHtml(`${at.vendor}/v2/${at.sitekey}/api.js`)}" data-callback="setupEnforcement" async defer></script>`,
    ),
  '/arkose/several': (at) =>
    enforced(
      at,
      `<form method="post" action="${ACTION}"><div id="here-0"></div>${TOKEN}<button>One</button></form>
<form method="post" action="${ACTION}"><div id="here-1"></div>${TOKEN}<button>Two</button></form>`,
      `window.made=[];function setupEnforcement(enforcement){var n=made.push(enforcement)-1;enforcement.setConfig({mode:'inline',
selector:'#here-'+n,onCompleted:function(response){calls[n]=response.token;document.forms[n].elements.token.value=response.token}})}`,
      `<script src="${escapeHtml(`${at.vendor}/v2/${SECOND_KEY}/api.js`)}" data-callback="setupEnforcement"></script>`,
    ),
  '/arkose/box': (at) => page(form(box(at.sitekey, 'answered'), undefined, ACTION), at, '/fc/api/?onload=none'),
  '/arkose/boxes': (at) =>
    page(
      `<form method="post" action="${ACTION}">${box(at.sitekey)}<button>One</button></form>
<form method="post" action="${ACTION}">${box(at.sitekey)}<button>Two</button></form>`,
      at,
      '/fc/api/',
    ),
  '/arkose/frame': ({ otherOrigin }) =>
    documentOf(
      'Staging · Frame',
      `<iframe id="inner" src="${otherOrigin}/arkose/inline" width="600" height="700"></iframe>`,
    ),
}

/** The public key of the second enforcement of the page that has two. */
const SECOND_KEY = '5A1C0000-0000-4000-8000-0000000000B2'
