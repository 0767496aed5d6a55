import { type RoutedVendor, VENDOR_ADDRESSES, type VendorStandIn } from '../shared/vendor-addresses.js'

export type { RoutedVendor, VendorStandIn } from '../shared/vendor-addresses.js'

/** Where stand-ins of another process are, by vendor: `{ recaptcha: 'http://127.0.0.1:4100/vendors/recaptcha' }`. */
export type VendorUrls = { readonly [vendor in RoutedVendor]?: string | undefined }

/** A request for a vendor, without the types of any browser tool. */
export interface VendorRequest {
  /** Its whole URL. */
  readonly url: string
  /** The HTTP method. */
  readonly method: string
  /** With names in lower case. Only `content-type` is used. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Its body, if it has one. */
  readonly body?: Uint8Array | string | null | undefined
}

/** The stand-in's reply. */
export interface VendorReply {
  /** The HTTP status. */
  readonly status: number
  /** Without those about the connection. */
  readonly headers: Readonly<Record<string, string>>
  /** The whole body. */
  readonly body: Buffer
}

/** The part of a Playwright page or context that answers requests. */
export interface RouteTarget {
  /** Passes the requests that match to `handle`. */
  route(matches: (url: URL) => boolean, handle: (route: VendorRoute) => Promise<void>): Promise<unknown>
}

/** A request that Playwright has intercepted. */
export interface VendorRoute {
  /** The request. */
  request(): {
    /** Its whole URL. */
    url(): string
    /** The HTTP method. */
    method(): string
    /** With names in lower case. */
    headers(): Record<string, string>
    /** Its body; `null` if it has none. */
    postDataBuffer(): Uint8Array | null
  }
  /** Answers the request. */
  fulfill(reply: { status: number; headers: Record<string, string>; body: Buffer }): Promise<void>
}

/**
 * Makes a Playwright context, or page, answer requests for vendors from their stand-ins: pages load
 * `https://www.google.com/recaptcha/api.js` as always, and the reply comes from loopback. Other requests are not
 * affected.
 *
 * @example
 * const recaptcha = await startRecaptcha()
 * await routeVendors(context, recaptcha) // https://www.google.com/recaptcha/api.js is the stand-in's now
 * await routeVendors(context, { recaptcha: process.env.RECAPTCHA_URL }) // a stand-in of another process, by its name
 */
export async function routeVendors(
  context: RouteTarget,
  ...standIns: readonly (VendorStandIn | VendorUrls)[]
): Promise<void> {
  await context.route(
    (url) => standInFor(standIns, url) !== undefined,
    async (route) => {
      const request = route.request()
      const copy = { url: request.url(), method: request.method(), headers: request.headers() }
      const reply = await answerAsVendor({ ...copy, body: request.postDataBuffer() }, ...standIns)
      if (reply) await route.fulfill({ ...reply, headers: { ...reply.headers } })
    },
  )
}

/**
 * A stand-in's reply to a request for its vendor, for browser tools other than Playwright.
 *
 * @returns undefined if the request is for none of these vendors
 * @example
 * await page.setRequestInterception(true) // Puppeteer
 * page.on('request', async (request) => {
 *   const copy = { url: request.url(), method: request.method(), headers: request.headers(), body: request.postData() }
 *   const reply = await answerAsVendor(copy, recaptcha)
 *   await (reply ? request.respond(reply) : request.continue())
 * })
 */
export async function answerAsVendor(
  { url, method, headers = {}, body }: VendorRequest,
  ...standIns: readonly (VendorStandIn | VendorUrls)[]
): Promise<VendorReply | undefined> {
  const target = new URL(url)
  const standIn = standInFor(standIns, target)
  if (!standIn) return undefined
  const response = await fetch(standIn.url + target.pathname + target.search, {
    method,
    headers: {
      // The stand-in puts this origin into the scripts that it sends.
      'x-forwarded-host': target.host,
      'x-forwarded-proto': target.protocol.slice(0, -1),
      ...(headers['content-type'] !== undefined && { 'content-type': headers['content-type'] }),
    },
    ...(method !== 'GET' && method !== 'HEAD' && body && { body: Buffer.from(body) }),
  })
  return {
    status: response.status,
    headers: { 'access-control-allow-origin': '*', ...endToEnd(response.headers) },
    body: Buffer.from(await response.arrayBuffer()),
  }
}

function standInFor(
  standIns: readonly (VendorStandIn | VendorUrls)[],
  { host, pathname }: URL,
): Pick<VendorStandIn, 'url'> | undefined {
  const address = host + pathname
  return standIns
    .flatMap((one) => (isStandIn(one) ? [one] : byName(one)))
    .find(({ vendorAddresses }) => vendorAddresses.some((start) => address.startsWith(start)))
}

function isStandIn(one: VendorStandIn | VendorUrls): one is VendorStandIn {
  return 'vendorAddresses' in one
}

function byName(urls: VendorUrls): VendorStandIn[] {
  return (Object.keys(VENDOR_ADDRESSES) as RoutedVendor[]).flatMap((vendor) => {
    const url = urls[vendor]?.replace(/\/$/, '')
    return url ? [{ url, vendorAddresses: VENDOR_ADDRESSES[vendor] }] : []
  })
}

/** The headers without those about the connection, which is another one for the browser. */
function endToEnd(headers: Headers): Record<string, string> {
  const perConnection = /^(?:connection|keep-alive|transfer-encoding|content-length|content-encoding|date)$/
  return Object.fromEntries([...headers].filter(([name]) => !perConnection.test(name)))
}
