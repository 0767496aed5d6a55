import { isDrawn } from '../families/aws-waf/page/index.js'
import type { Root } from '../page-kit/dom.js'
import type { PageContext } from '../page-kit/family.js'
import { includes, type List, list, push } from '../page-kit/primordials.js'
import { own } from '../page-kit/safe-read.js'
import { has, hostOf, json, slice, trimmed } from '../page-kit/text.js'

/** A vendor of no known family. Its row is removed when the family is added. */
interface UnknownVendor {
  readonly vendor: string
  /** Hosts of its scripts and frames, subdomains included. */
  readonly hosts: readonly string[]
  readonly elements?: string
  /** Whether one of these elements belongs to a widget of a known family. */
  readonly known?: (context: PageContext, element: Element) => boolean
}

export const UNKNOWN_VENDORS: readonly UnknownVendor[] = [
  { vendor: 'aliyun', hosts: ['captcha-open.aliyuncs.com', 'captcha-open-southeast.aliyuncs.com'] },
  // The page that AWS shows before a whole site, or a widget that was drawn before the API was watched.
  { vendor: 'amazon-waf', hosts: ['captcha.awswaf.com'], elements: 'awswaf-captcha', known: isDrawn },
  { vendor: 'botdetect', hosts: [], elements: '.BDC_CaptchaDiv' },
  { vendor: 'capy', hosts: ['capy.me'] },
  { vendor: 'cybersiara', hosts: ['mycybersiara.com'] },
  { vendor: 'datadome', hosts: ['captcha-delivery.com'] },
  { vendor: 'keycaptcha', hosts: ['keycaptcha.com'], elements: '#div_for_keycaptcha' },
  { vendor: 'lemin', hosts: ['leminnow.com'], elements: '#lemin-cropped-captcha' },
  { vendor: 'netease', hosts: ['dun.163.com', 'dun.163yun.com', 'cstaticdun.126.net'], elements: '.yidun' },
  { vendor: 'perimeterx', hosts: ['captcha.px-cdn.net', 'captcha.px-cloud.net'], elements: '#px-captcha' },
  { vendor: 'prosopo', hosts: ['prosopo.io'], elements: '.procaptcha' },
  { vendor: 'tencent', hosts: ['captcha.qcloud.com', 'captcha.gtimg.com', 'captcha.qq.com'] },
]

/** Hosts of known vendors: what is not recognized there is not reported as unknown. */
const KNOWN_HOSTS = [
  'arkoselabs.com',
  'funcaptcha.com',
  'geetest.com',
  'captcha-sdk.awswaf.com',
  'hcaptcha.com',
  'recaptcha.net',
  'friendlycaptcha.com',
  'friendlycaptcha.eu',
  'mtcaptcha.com',
  'mtcaptcha.org',
  'captchafox.com',
  'smartcaptcha.yandexcloud.net',
  'smartcaptcha.cloud.yandex.ru',
  'captcha-api.yandex.ru',
]

/** Pictures that are named so. A person may have to read them: no widget, but the caller can pass their locator. */
const PICTURES = 'img[src*="captcha" i],img[id*="captcha" i],img[class*="captcha" i],canvas[id*="captcha" i]'

const MAX_SIGNS = 20
const MAX_ELEMENTS = 500
const MAX_STRING_LENGTH = 260

/**
 * What looks like a CAPTCHA of no known family, as the text of a JSON list: `{ kind, what, vendor, sitekey, visible }`.
 *
 * @param sitekeys those of the widgets that were found; undefined if some were left out
 */
export function unknownWidgets(context: PageContext, sitekeys: List<string> | undefined): string {
  try {
    return signsIn(context, sitekeys)
  } catch {
    // A page that makes the search throw shows nothing.
    return '[]'
  }
}

function signsIn(context: PageContext, sitekeys: List<string> | undefined): string {
  const { p, dom } = context
  const signs = list<string>()
  const reported = list<Element>()
  const roots = dom.roots()
  // Cloudflare's own page, shown before a whole site, is no widget of the site.
  if (own(p, window, '_cf_chl_opt') !== undefined) {
    add('element', 'html', 'cloudflare-challenge-page', undefined, true)
    return `[${signs[0]}]`
  }
  // In a vendor's own document its scripts are no evidence.
  const here = addressVendor(context.observer.origin) === undefined
  for (let index = 0; index < roots.size; index++) {
    const root = roots[index] as Root
    for (let row = 0; row < UNKNOWN_VENDORS.length; row++) {
      const { vendor, elements, known } = UNKNOWN_VENDORS[row] as UnknownVendor
      if (!elements) continue
      each(root, elements, (element) => {
        if (!known?.(context, element)) addElement(element, vendor)
      })
    }
    if (sitekeys) {
      each(root, '[data-sitekey],[data-site-key]', (element) => {
        const key = trimmed(p, dom.attribute(element, 'data-sitekey') ?? dom.attribute(element, 'data-site-key'))
        if (key && !includes(sitekeys, key)) addElement(element, undefined, key)
      })
    }
    if (here) {
      each(root, 'iframe[src],script[src]', (element) => {
        const address = dom.attribute(element, 'src') ?? ''
        const vendor = addressVendor(address)
        const frame = dom.tag(element) === 'iframe'
        if (vendor !== undefined) {
          add(
            frame ? 'frame' : 'script',
            hostOf(p, address),
            vendor || undefined,
            undefined,
            frame && dom.seen(element),
          )
        }
      })
    }
    each(root, PICTURES, (element) => {
      if (dom.seen(element)) add('picture', nameOf(element), undefined, undefined, true)
    })
  }
  let written = ''
  for (let index = 0; index < signs.size; index++) written += `${written && ','}${signs[index]}`
  return `[${written}]`

  function each(root: Root, selector: string, onElement: (element: Element) => void): void {
    const found = dom.all(root, selector)
    const count = found.length
    for (let at = 0; at < count && at < MAX_ELEMENTS; at++) onElement(found[at] as Element)
  }

  /** An element is reported once, whatever it was recognized by. */
  function addElement(element: Element, vendor: string | undefined, sitekey?: string): void {
    if (includes(reported, element)) return
    push(reported, element)
    add('element', nameOf(element), vendor, sitekey ?? dom.attribute(element, 'data-sitekey'), dom.seen(element))
  }

  function add(kind: string, what: string, vendor?: string, sitekey?: string, visible?: boolean): void {
    const sign = json(p, { kind, what, vendor, sitekey, visible: visible === true }, MAX_STRING_LENGTH)
    if (signs.size < MAX_SIGNS && !includes(signs, sign)) push(signs, sign)
  }

  /** The vendor of an address; an empty text if the address only contains `captcha`, undefined if it does not. */
  function addressVendor(address: string): string | undefined {
    const host = hostOf(p, address)
    if (host === '') return undefined
    for (let row = 0; row < UNKNOWN_VENDORS.length; row++) {
      const { vendor, hosts } = UNKNOWN_VENDORS[row] as UnknownVendor
      for (let at = 0; at < hosts.length; at++) if (isBelow(host, hosts[at] as string)) return vendor
    }
    for (let at = 0; at < KNOWN_HOSTS.length; at++) if (isBelow(host, KNOWN_HOSTS[at] as string)) return undefined
    return has(p, host, 'captcha') ? '' : undefined
  }

  function isBelow(host: string, domain: string): boolean {
    if (host === domain) return true
    return host.length > domain.length && slice(p, host, host.length - domain.length - 1) === `.${domain}`
  }

  /** `div#id.class`, with the first class only. */
  function nameOf(element: Element): string {
    const id = dom.attribute(element, 'id')
    const classes = dom.attribute(element, 'class') ?? ''
    let end = 0
    while (end < classes.length && classes[end] !== ' ' && end < 60) end++
    const first = slice(p, classes, 0, end)
    return `${dom.tag(element)}${id ? `#${slice(p, id, 0, 60)}` : ''}${first && `.${first}`}`
  }
}
