import type { Family, PictureFamily } from '../base/challenge.js'
import {
  type DecodedRequest,
  formatCost,
  isProxy,
  parseObject,
  pictureError,
  type RawRequest,
  replyText,
  type TaskRequest,
  toStrings,
  type Wire,
  type WireReply,
  withoutEmpty,
} from './wire.js'

/** How a service writes an answer of several values: as `name:value,name:value`, or as a JSON object. */
export type MultiValueFormat = 'text' | 'object'

/** The server half of the form family's wire: `in.php` and `res.php`, in plain text and in JSON. */
export function formWire(multiValue: MultiValueFormat): Wire {
  return (request) => decode(request, multiValue)
}

function decode({ path, query, body, form }: RawRequest, multiValue: MultiValueFormat): DecodedRequest | undefined {
  if (path !== '/in.php' && path !== '/res.php') return undefined
  const { key, ...fields } = withFile({ ...query, ...(form ?? bodyFields(body)) })
  const request = {
    key,
    keyInUrl: Object.hasOwn(query, 'key'),
    fields,
    encode: (replies: readonly WireReply[]) => ({
      // Services of this family run on PHP, whose default content type is text/html.
      type: 'text/html; charset=UTF-8',
      text: encode(replies, fields, multiValue),
    }),
  }
  if (path === '/in.php') return { ...request, endpoint: 'in', task: readTask(withoutEmpty(fields)) }
  const { action, id = '', ids } = fields
  if (action === 'getbalance') return { ...request, endpoint: 'balance' }
  if (action === 'threadsinfo') return { ...request, endpoint: 'threads' }
  if (action === 'reportgood' || action === 'reportbad') {
    return { ...request, endpoint: 'report', ids: [id], good: action === 'reportgood' }
  }
  return { ...request, endpoint: 'res', ids: ids === undefined ? [id] : ids.split(',').slice(0, MAX_IDS) }
}

/**
 * The fields of a body, whatever its content type says: some clients send none. 2Captcha accepts JSON too: its own
 * client sends pictures that way.
 */
function bodyFields(body: string): Record<string, string> {
  return body.startsWith('{') ? toStrings(parseObject(body) ?? {}) : Object.fromEntries(new URLSearchParams(body))
}

/** `method=post` has the picture as a file (https://2captcha.com/2captcha-api#solving_normal_captcha). */
function withFile(fields: Record<string, string>): Record<string, string> {
  if (fields.method !== 'post' || fields.file === undefined) return fields
  const { file, ...rest } = fields
  return { ...rest, method: 'base64', body: file }
}

/** How many tasks one poll may ask for. */
const MAX_IDS = 100

/** For each method: the family, the field with the sitekey, and the error code if that field is missing. */
const METHODS = new Map<string, { family: Family; field: string; missing: string }>([
  ['userrecaptcha', { family: 'recaptcha', field: 'googlekey', missing: 'ERROR_GOOGLEKEY' }],
  ['turnstile', { family: 'turnstile', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['hcaptcha', { family: 'hcaptcha', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['friendly_captcha', { family: 'friendly', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['captchafox', { family: 'captchafox', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['yandex', { family: 'yandex', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['mt_captcha', { family: 'mtcaptcha', field: 'sitekey', missing: 'ERROR_SITEKEY' }],
  ['geetest', { family: 'geetest', field: 'gt', missing: 'ERROR_BAD_PARAMETERS' }],
  ['funcaptcha', { family: 'arkose', field: 'publickey', missing: 'ERROR_BAD_PARAMETERS' }],
  ['geetest_v4', { family: 'geetest', field: 'captcha_id', missing: 'ERROR_BAD_PARAMETERS' }],
])

/** For each method about pictures: the fields with the pictures, in order. */
const PICTURES = new Map<string, { family: PictureFamily; fields: readonly string[] }>([
  ['base64', { family: 'image', fields: ['body'] }],
  ['bls', { family: 'bls', fields: Array.from({ length: 9 }, (_, at) => `image_base64_${at + 1}`) }],
])

function readTask(fields: Readonly<Record<string, string>>): TaskRequest {
  const picture = PICTURES.get(fields.method ?? '')
  if (picture) {
    const pictures = picture.fields.map((name) =>
      (fields[name] ?? '').replace(/^data:image\/(?:png|jpeg|gif);base64,/, ''),
    )
    const error = picture.family === 'bls' && !fields.instructions ? 'ERROR_BAD_PARAMETERS' : pictureError(pictures)
    const { instructions: instruction } = fields
    return { family: picture.family, sitekey: '', pageUrl: '', fields, pictures, instruction, error }
  }
  const method = METHODS.get(fields.method ?? '')
  const sitekey = method ? (fields[method.field] ?? '') : ''
  const pageUrl = fields.pageurl ?? ''
  const proxy = fields.proxy === undefined ? undefined : `${fields.proxytype?.toLowerCase()}://${fields.proxy}`
  return { family: method?.family, sitekey, pageUrl, fields, proxy, error: error() }

  function error(): string | undefined {
    if (!method) return 'ERROR_BAD_PARAMETERS'
    if (proxy !== undefined && !isProxy(proxy)) return 'ERROR_PROXY_FORMAT'
    if (sitekey === '') return method.missing
    const oneTime = fields.method === 'geetest' && fields.version !== '4'
    if (oneTime && !fields.challenge) return 'ERROR_BAD_PARAMETERS'
    return URL.canParse(pageUrl) ? undefined : 'ERROR_PAGEURL'
  }
}

function encode(
  replies: readonly WireReply[],
  fields: Readonly<Record<string, string>>,
  multiValue: MultiValueFormat,
): string {
  const [reply] = replies
  const batch = fields.ids !== undefined
  const text = batch ? replies.map(replyText).join('|') : replyText(reply)
  const ok = batch || (reply !== undefined && 'value' in reply)
  const answer = !batch && reply && 'value' in reply ? reply : undefined
  const price = fields.action === 'get2' && answer?.cost !== undefined ? formatCost(answer.cost) : undefined
  // Its reply is an object of its own, whatever form was asked for.
  if (answer && fields.action === 'threadsinfo') return answer.value
  const values = answer?.task?.family === 'geetest' ? parseObject(text) : undefined
  if (fields.json === '1') {
    const request = values ? encodeValues(values, multiValue) : text
    const description = reply && !batch && 'error' in reply ? reply.description : undefined
    const { userAgent: useragent, respKey } = answer?.extra ?? {}
    return JSON.stringify({
      status: ok ? 1 : 0,
      request,
      ...(price !== undefined && { price }),
      ...(description !== undefined && { error_text: description }),
      ...(useragent !== undefined && { useragent }),
      ...(respKey !== undefined && { respKey }),
    })
  }
  if (!ok || batch || WITHOUT_OK.has(fields.action ?? '')) return text
  return price === undefined ? `OK|${text}` : `OK|${text}|${price}`
}

/** CaptchaAI writes GeeTest v3's values as text, and without the `geetest_` that the vendor's names begin with. */
function encodeValues(values: Readonly<Record<string, unknown>>, multiValue: MultiValueFormat): string | object {
  if (multiValue === 'object' || !Object.hasOwn(values, 'geetest_challenge')) return values
  return Object.entries(values)
    .map(([name, value]) => `${name.replace(/^geetest_/, '')}:${value}`)
    .join(',')
}

/** Actions whose plain reply has no `OK|` before it. */
const WITHOUT_OK = new Set(['getbalance', 'reportgood', 'reportbad'])
