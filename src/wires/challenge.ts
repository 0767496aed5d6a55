import type { AnyChallenge, Challenge, Family, PictureChallenge, TextHints, Variant } from '../base/challenge.js'
import { parseObject, type TaskRequest } from './wire.js'

type Fields = TaskRequest['fields']

/**
 * The challenge that a client's task means. Reads the named fields of both wire families and nothing else: what other
 * fields a client sends is dropped. The result is not checked: the guard does that, as with every challenge.
 *
 * @param pageUrl the page of a task that names none, as tasks about pictures usually do not
 * @returns undefined for a task of no known family
 */
export function challengeOf(task: TaskRequest, pageUrl = task.pageUrl): AnyChallenge | undefined {
  const { family, fields, pictures } = task
  if (!family) return undefined
  if (family === 'image' || family === 'bls') return picture(task, family, pictures ?? [], pageUrl)
  const { variant, ...rest } = READERS[family]?.(fields) ?? {}
  return { family, variant: variant ?? family, sitekey: task.sitekey, pageUrl, ...rest } as Challenge
}

interface Read extends Partial<Omit<Challenge, 'family' | 'variant'>> {
  readonly variant: Variant
}

/** What each family reads besides the sitekey and the page. */
const READERS: { readonly [family in Family]?: (fields: Fields) => Read } = {
  recaptcha: (fields) => {
    const type = fields.type ?? ''
    const enterprise = isSet(fields.enterprise) || isSet(fields.isEnterprise) || /enterprise/i.test(type)
    const isScore = fields.version === 'v3' || /^recaptchav3/i.test(type)
    const invisible = isInvisible(fields)
    const host = fields.domain ?? fields.apiDomain ?? ''
    return {
      variant: isScore
        ? enterprise
          ? 'enterprise-score'
          : 'v3'
        : `${enterprise ? 'enterprise' : 'v2'}-${invisible ? 'invisible' : 'checkbox'}`,
      action: fields.action ?? fields.pageAction,
      minScore: minScore(fields.min_score ?? fields.minScore),
      dataS: fields['data-s'] ?? fields.recaptchaDataSValue ?? nested(fields, 'enterprisePayload', 's'),
      apiHost: /(?:^|\/\/|\.)recaptcha\.net(?:\/|$)/i.test(host) ? 'www.recaptcha.net' : undefined,
    }
  },
  turnstile: (fields) => ({
    variant: 'turnstile',
    action: fields.action ?? fields.pageAction ?? nested(fields, 'metadata', 'action'),
    cData: fields.cData ?? fields.turnstileCData ?? fields.data ?? nested(fields, 'metadata', 'cdata'),
    pageData: fields.pagedata ?? fields.pageData ?? fields.chlPageData,
  }),
  hcaptcha: (fields) => ({
    variant: isInvisible(fields) ? 'invisible' : 'checkbox',
    rqdata: fields.data ?? nested(fields, 'enterprisePayload', 'rqdata'),
  }),
  friendly: (fields) => {
    const scriptUrl = fields.module_script ?? fields.moduleScript ?? nested(fields, 'metadata', 'apiGetLib')
    const isV2 = fields.version === undefined ? /[@/.-](?:v?2|0\.2)\b/.test(scriptUrl ?? '') : fields.version === 'v2'
    return { variant: isV2 ? 'v2' : 'v1', scriptUrl }
  },
  geetest: (fields) => {
    const captchaId = fields.captcha_id ?? fields.captchaId ?? nested(fields, 'initParameters', 'captcha_id')
    const isV4 = captchaId !== undefined || fields.version === '4' || fields.method === 'geetest_v4'
    return {
      variant: isV4 ? 'v4' : 'v3',
      ...(captchaId !== undefined && { sitekey: captchaId }),
      challenge: isV4 ? undefined : fields.challenge,
      apiHost: hostOf(fields.api_server ?? fields.geetestApiServerSubdomain),
    }
  },
  arkose: (fields) => ({
    variant: 'arkose',
    apiHost: hostOf(fields.surl ?? fields.funcaptchaApiJSSubdomain),
    blob: fields['data[blob]'] ?? nested(fields, 'data', 'blob'),
  }),
  yandex: (fields) => ({ variant: isInvisible(fields) ? 'invisible' : 'checkbox' }),
  mtcaptcha: (fields) => ({ variant: 'mtcaptcha', action: fields.action ?? fields.pageAction }),
  captchafox: (fields) => ({
    variant: 'captchafox',
    userAgent: fields.userAgent ?? fields.user_agent ?? fields.useragent,
  }),
  'aws-waf': (fields) => {
    const scriptUrl = fields.awsApiJs ?? fields.jsapiScript ?? fields.captchaScript
    // CapSolver takes no key of the page: the script's address has one.
    return { variant: 'widget', scriptUrl, ...(fields.websiteKey === undefined && { sitekey: 'none' }) }
  },
}

function picture(
  { fields, instruction }: TaskRequest,
  family: PictureChallenge['family'],
  pictures: readonly string[],
  pageUrl: string,
): PictureChallenge {
  const [image = Buffer.alloc(0), ...others] = pictures.map((base64) => Buffer.from(base64, 'base64'))
  if (family === 'image') return { family, variant: 'text', pageUrl, image, ...hints(fields) }
  return { family, variant: 'grid', pageUrl, images: [image, ...others], instruction: instruction ?? '' }
}

/** Hints that no service documents are dropped, and so are values that are none. */
function hints(fields: Fields): TextHints {
  const comment = fields.textinstructions ?? fields.comment
  return {
    numeric: [0, 1, 2, 3, 4].includes(Number(fields.numeric)) ? (Number(fields.numeric) as 0) : undefined,
    minLength: length(fields.min_len ?? fields.minLen ?? fields.minLength),
    maxLength: length(fields.max_len ?? fields.maxLen ?? fields.maxLength),
    phrase: flag(fields.phrase),
    case: flag(fields.regsense ?? fields.caseSensitive ?? fields.case),
    math: flag(fields.calc ?? fields.math),
    comment: comment === undefined || comment === '' ? undefined : comment,
  }
}

function length(value: string | undefined): number | undefined {
  const number = Number(value)
  return Number.isInteger(number) && number >= 1 && number <= 100 ? number : undefined
}

function flag(value: string | undefined): boolean | undefined {
  return value === undefined ? undefined : isSet(value)
}

function isSet(value: string | undefined): boolean {
  return value === '1' || value === 'true'
}

function isInvisible(fields: Fields): boolean {
  return isSet(fields.invisible) || isSet(fields.isInvisible)
}

/** The lowest of the scores that can be asked for which is not below the wanted one. */
function minScore(value: string | undefined): Challenge['minScore'] {
  const wanted = Number(value)
  if (value === undefined || !Number.isFinite(wanted)) return undefined
  return wanted <= 0.3 ? 0.3 : wanted <= 0.7 ? 0.7 : 0.9
}

/** A host, from a host or an address. */
function hostOf(value: string | undefined): string | undefined {
  return value === undefined ? undefined : value.replace(/^https?:\/\//i, '').replace(/\/.*$/s, '')
}

/** A text in a field that is an object, which the wire has as JSON. */
function nested(fields: Fields, field: string, name: string): string | undefined {
  const value = parseObject(fields[field] ?? '')?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
