import type { WidgetFamily } from '../../base/challenge.js'
import { SolveguardError } from '../../base/errors.js'
import type { ServiceName } from '../../wires/services.js'
import { type RoutedVendor, VENDOR_ADDRESSES } from '../shared/vendor-addresses.js'
import type { VendorUrls } from '../vendors/route.js'

/** The variable with the address of the suite's stand-ins. */
export const STAND_INS_VARIABLE = 'SOLVEGUARD_STAND_INS'

/** The key of the stand-in services. It is worth nothing. */
export const STAND_IN_KEY = '00000000000000000000000000057a4d'

/** A vendor whose stand-in runs with the others: all but those of proofs of work, which sites serve themselves. */
export type StandInVendor = Exclude<WidgetFamily, 'altcha' | 'cap'>

/** A service whose stand-in runs with the others: each that has a solver. */
export type StandInServiceName = ServiceName

/** Where the stand-ins of a suite are: one address for all of them, which any process of the suite may use. */
export interface StandInAddresses {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** Replies with status 200 as soon as all stand-ins can be used: for `webServer.url`, or a script that waits. */
  readonly healthUrl: string
  /** The key that the stand-in services know. It is worth nothing. */
  readonly key: string
  /** Where browsers find the vendors: `await routeVendors(context, standIns.vendors)`. */
  readonly vendors: VendorUrls
  /**
   * The `baseUrl` of a solver.
   * @param name default: `captchaai`
   * @example
   * captchaAI({ baseUrl: standIns.serviceUrl(), polling: { firstPollMs: 0, everyMs: 50 } })
   */
  serviceUrl(name?: StandInServiceName): string
  /**
   * Where your own server verifies a vendor's tokens, in place of `https://www.google.com/recaptcha/api/siteverify`.
   * @example
   * env: { RECAPTCHA_VERIFY_URL: standIns.verifyUrl('recaptcha') }
   */
  verifyUrl(vendor: StandInVendor): string
  /**
   * The secret that your own server shows there for a sitekey, which may be any text. The sitekeys that vendors publish
   * for tests have the secrets that they publish.
   */
  secretFor(sitekey: string): string
}

/**
 * The addresses of the stand-ins that `standInServer` starts, for tests, fixtures and your own server.
 *
 * @param url default: the variable `SOLVEGUARD_STAND_INS`, which `standInServer` sets
 * @throws SolveguardError `CONFIG_INVALID` where there is no address
 * @example
 * await routeVendors(context, standInAddresses().vendors)
 */
export function standInAddresses(url = process.env[STAND_INS_VARIABLE]): StandInAddresses {
  if (!url || !/^http:\/\/(?:127\.0\.0\.1|localhost):\d{1,5}\/?$/.test(url)) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      `The stand-ins have no address: add standInServer().webServer to \`webServer\` in playwright.config.ts, or set ` +
        `${STAND_INS_VARIABLE} to an address such as http://127.0.0.1:4100.`,
    )
  }
  return addressesBelow(url.replace(/\/$/, ''))
}

/** The addresses of the stand-ins below an origin, which is on loopback. */
export function addressesBelow(base: string): StandInAddresses {
  const routed = Object.keys(VENDOR_ADDRESSES) as RoutedVendor[]
  return {
    url: base,
    healthUrl: `${base}/health`,
    key: STAND_IN_KEY,
    vendors: Object.fromEntries(routed.map((vendor) => [vendor, `${base}/vendors/${vendor}`])),
    serviceUrl: (name = 'captchaai') => `${base}/services/${name}`,
    verifyUrl: (vendor) => `${base}/verify/${vendor}`,
    secretFor: (sitekey) => `secret-of-${sitekey}`,
  }
}
