const RECAPTCHA_HOSTS = ['www.google.com', 'google.com', 'www.recaptcha.net', 'recaptcha.net', 'www.gstatic.com']

/** The vendors' own addresses, as hosts with the beginning of their paths. Of those that a stand-in can answer for. */
export const VENDOR_ADDRESSES = {
  recaptcha: RECAPTCHA_HOSTS.map((host) => `${host}/recaptcha/`),
  turnstile: ['challenges.cloudflare.com/'],
  hcaptcha: ['js.hcaptcha.com/', 'hcaptcha.com/', 'newassets.hcaptcha.com/'],
  friendly: [
    ...['api.friendlycaptcha.com/', 'eu-api.friendlycaptcha.eu/', 'global.frcapi.com/', 'eu.frcapi.com/'],
    ...['cdn.jsdelivr.net/npm/friendly-challenge', 'cdn.jsdelivr.net/npm/@friendlycaptcha/sdk'],
  ],
  arkose: ['client-api.arkoselabs.com/', 'funcaptcha.com/', 'api.funcaptcha.com/'],
  geetest: ['static.geetest.com/', 'api.geetest.com/', 'gcaptcha4.geetest.com/'],
  captchafox: ['cdn.captchafox.com/'],
  yandex: ['smartcaptcha.yandexcloud.net/', 'smartcaptcha.cloud.yandex.ru/'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** A vendor whose own addresses a stand-in can answer. */
export type RoutedVendor = keyof typeof VENDOR_ADDRESSES

/** A stand-in that can answer in place of its vendor. */
export interface VendorStandIn {
  /** Its origin. */
  readonly url: string
  /** The vendor's own addresses, as hosts with the beginning of their paths: `www.google.com/recaptcha/`. */
  readonly vendorAddresses: readonly string[]
}
