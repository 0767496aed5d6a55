import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Answer, Challenge, WidgetFamily } from '../../../src/base/challenge.js'
import { SITE_FAMILIES } from '../../../src/testing/site/families.js'
import type { SiteVendors } from '../../../src/testing/site/index.js'
import { answerAsVendor, type VendorReply, type VendorRequest } from '../../../src/testing/vendors/route.js'
import { type StartedVendors, VENDOR_STARTERS } from '../../../src/testing/vendors/starters.js'
import { testAnswer } from '../../../src/widgets/test-keys.js'
import { bundle } from '../npm/bundle.js'
import type { CorpusPage } from './format.js'

/** All vendors of the corpus, at their own addresses. */
export interface Vendors {
  readonly byFamily: SiteVendors
  /** What the vendor's verify endpoint accepts: a published test key's answer, or what a solver sells. */
  issue(challenge: Pick<Challenge, 'family' | 'sitekey' | 'action' | 'cData' | 'challenge'>): Answer
  /** Sets how the vendor of a page's first widget behaves to it. */
  prepare(page: CorpusPage): void
  /** The reply to a request that a page makes; undefined where no vendor does. */
  answer(request: VendorRequest): Promise<VendorReply | undefined>
  close(): Promise<void>
}

const packages = createRequire(import.meta.url)
const packageFile = async (file: string) => readFile(packages.resolve(file), 'utf8')

/** Scripts that pages load from public networks, by the beginning of their address. */
const LIBRARIES: readonly (readonly [start: string, text: () => Promise<string>])[] = [
  ['https://cdn.jsdelivr.net/npm/altcha', () => bundle('altcha.ts')],
  ['https://cdn.jsdelivr.net/npm/@cap.js/widget', () => bundle('cap.ts')],
  ['https://unpkg.com/vue@3', () => packageFile('vue/dist/vue.global.prod.js')],
]

/** Starts every vendor's stand-in. */
export async function startVendors(): Promise<Vendors> {
  const started = Object.entries(VENDOR_STARTERS).map(async ([family, start]) => [family, await start()])
  const byFamily = Object.fromEntries(await Promise.all(started)) as StartedVendors
  const { altcha: _altcha, cap: _cap, ...solvable } = byFamily
  const routed = Object.values(solvable).filter((vendor) => 'vendorAddresses' in vendor)
  const isSolvable = (family: WidgetFamily): family is keyof typeof solvable => Object.hasOwn(solvable, family)

  async function library(url: string): Promise<VendorReply | undefined> {
    const [, text] = LIBRARIES.find(([start]) => url.startsWith(start)) ?? []
    return text && script(await text())
  }

  return {
    byFamily,
    issue({ family, sitekey, action, cData: cdata, challenge }) {
      const known = testAnswer({ family, sitekey })
      if (known) return known
      if (!isSolvable(family)) throw new Error(`No service solves ${family}.`)
      const issued = solvable[family].issue({ sitekey, action, cdata, challenge, score: 0.9 })
      return typeof issued === 'string' ? { token: issued } : issued
    },
    prepare({ widgets: [first], behavior }) {
      if (first && behavior && isSolvable(first.family)) solvable[first.family].setBehavior(first.sitekey, behavior)
    },
    async answer(request) {
      const { host, pathname } = new URL(request.url)
      // The stand-ins of these two name themselves in all further addresses.
      if (host.endsWith('.captcha-sdk.awswaf.com')) return copyOf(`${solvable['aws-waf'].url}/jsapi.js`)
      if (host.endsWith('.mtcaptcha.com')) return copyOf(solvable.mtcaptcha.url + pathname)
      return (await answerAsVendor(request, ...routed)) ?? library(request.url)
    },
    async close() {
      await Promise.all(Object.values(byFamily).map((vendor) => vendor.close()))
    },
  }
}

/** Asks the vendor whether it accepts what a request of a page has. */
export function verifyAt(
  { byFamily }: Vendors,
  family: WidgetFamily,
  sitekey: string,
  form: URLSearchParams,
  headers: Record<string, string>,
) {
  const vendor = byFamily[family]
  if (!vendor) throw new Error(`No stand-in of ${family}.`)
  return SITE_FAMILIES[family].verify(form, vendor, sitekey, headers)
}

async function copyOf(url: string): Promise<VendorReply> {
  return script(await (await fetch(url)).text())
}

function script(text: string): VendorReply {
  const headers = { 'content-type': 'text/javascript; charset=utf-8', 'access-control-allow-origin': '*' }
  return { status: 200, headers, body: Buffer.from(text) }
}
