import type { Family, PictureFamily } from '../base/challenge.js'
import {
  asTexts,
  isProxy,
  jsonFields,
  type Order,
  type RawRequest,
  type Understood,
  type Wire,
  type Words,
  word,
  wrongPicture,
} from './wire.js'

/** How a service says an answer of several values. */
export type Several = 'in-words' | 'as-objects'

/** The form family as a service hears and speaks it: `in.php` and `res.php`, in plain words and in JSON. */
export function formWire(several: Several): Wire {
  return (request) => hear(request, several)
}

function hear(request: RawRequest, several: Several): Understood | undefined {
  const { path, query, body } = request
  if (path !== '/in.php' && path !== '/res.php') return undefined
  // 2Captcha takes JSON in a body too: its own client sends pictures that way.
  const sent = body.startsWith('{') ? asTexts(jsonFields(body) ?? {}) : Object.fromEntries(new URLSearchParams(body))
  const { key, ...fields } = { ...query, ...sent } as Record<string, string>
  const asked = {
    key,
    keyInUrl: Object.hasOwn(query, 'key'),
    fields,
    speak: (words: readonly Words[]) => ({
      // Services of this family run on PHP, whose replies say text/html whatever they are.
      type: 'text/html; charset=UTF-8',
      text: spoken(words, fields, several),
    }),
  }
  if (path === '/in.php') return { ...asked, endpoint: 'in', order: orderOf(fields) }
  const { action, id = '', ids } = fields
  if (action === 'getbalance') return { ...asked, endpoint: 'balance' }
  if (action === 'reportgood' || action === 'reportbad') {
    return { ...asked, endpoint: 'report', ids: [id], good: action === 'reportgood' }
  }
  return { ...asked, endpoint: 'res', ids: ids === undefined ? [id] : ids.split(',').slice(0, 100) }
}

/** What each method is, the field that it names the sitekey in, and the error where that is missing. */
const METHODS = new Map<string, { family: Family; field: string; missing: string }>([
  ['userrecaptcha', { family: 'recaptcha', field: 'googlekey', missing: 'ERROR_GOOGLEKEY' }],
  ['turnstile', { family: 'turnstile', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['hcaptcha', { family: 'hcaptcha', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['friendly_captcha', { family: 'friendly', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['mt_captcha', { family: 'mtcaptcha', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['geetest', { family: 'geetest', field: 'gt', missing: 'ERROR_BAD_PARAMETERS' }],
  ['funcaptcha', { family: 'arkose', field: 'publickey', missing: 'ERROR_BAD_PARAMETERS' }],
  ['geetest_v4', { family: 'geetest', field: 'captcha_id', missing: 'ERROR_BAD_PARAMETERS' }],
])

/** The pictures of each method that is about pictures, in order. */
const PICTURES = new Map<string, { family: PictureFamily; fields: readonly string[] }>([
  ['base64', { family: 'image', fields: ['body'] }],
  ['bls', { family: 'bls', fields: Array.from({ length: 9 }, (_, at) => `image_base64_${at + 1}`) }],
])

function orderOf(fields: Readonly<Record<string, string>>): Order {
  const shown = PICTURES.get(fields.method ?? '')
  if (shown) {
    const pictures = shown.fields.map((name) =>
      (fields[name] ?? '').replace(/^data:image\/(?:png|jpeg|gif);base64,/, ''),
    )
    const wrong = shown.family === 'bls' && !fields.instructions ? 'ERROR_BAD_PARAMETERS' : wrongPicture(pictures)
    return { family: shown.family, sitekey: '', pageUrl: '', fields, pictures, instruction: fields.instructions, wrong }
  }
  const method = METHODS.get(fields.method ?? '')
  const sitekey = method ? (fields[method.field] ?? '') : ''
  const pageUrl = fields.pageurl ?? ''
  const proxy = fields.proxy === undefined ? undefined : `${fields.proxytype?.toLowerCase()}://${fields.proxy}`
  return { family: method?.family, sitekey, pageUrl, fields, proxy, wrong: wrongWith() }

  function wrongWith(): string | undefined {
    if (!method) return 'ERROR_BAD_PARAMETERS'
    if (proxy !== undefined && !isProxy(proxy)) return 'ERROR_PROXY_FORMAT'
    if (sitekey === '') return method.missing
    const oneTime = fields.method === 'geetest' && fields.version !== '4'
    if (oneTime && !fields.challenge) return 'ERROR_BAD_PARAMETERS'
    return URL.canParse(pageUrl) ? undefined : 'ERROR_PAGEURL'
  }
}

/** The words in the form that was asked for. */
function spoken(list: readonly Words[], fields: Readonly<Record<string, string>>, several: Several): string {
  const [words] = list
  const many = fields.ids !== undefined
  const said = many ? list.map(word).join('|') : word(words)
  const ok = many || (words !== undefined && 'ok' in words)
  const price = !many && fields.action === 'get2' && words && 'price' in words ? words.price : undefined
  const values = !many && words && 'task' in words && words.task?.family === 'geetest' ? jsonFields(said) : undefined
  if (fields.json === '1') {
    const request = values ? severally(values, several) : said
    return JSON.stringify({ status: ok ? 1 : 0, request, ...(price !== undefined && { price }) })
  }
  if (!ok || many || BARE.has(fields.action ?? '')) return said
  return price === undefined ? `OK|${said}` : `OK|${said}|${price}`
}

/** CaptchaAI says v3's in words, without what the vendor puts before their names. */
function severally(values: Readonly<Record<string, unknown>>, several: Several): string | object {
  if (several === 'as-objects' || !Object.hasOwn(values, 'geetest_challenge')) return values
  return Object.entries(values)
    .map(([name, value]) => `${name.replace(/^geetest_/, '')}:${value}`)
    .join(',')
}

/** Actions whose plain answer has no `OK|` before it. */
const BARE = new Set(['getbalance', 'reportgood', 'reportbad'])
