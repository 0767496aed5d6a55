/**
 * The stand-ins at the vendors' own addresses: pages load `https://www.google.com/recaptcha/api.js` as they always do, and are
 * answered from loopback.
 */

/** A stand-in that can be put in its vendor's place. */
export interface VendorStandIn {
  readonly url: string
  /** The vendor's own addresses, as hosts and how their paths begin: `www.google.com/recaptcha/`. */
  readonly vendorAddresses: readonly string[]
}

/** A request for a vendor, in whatever tool's hands. */
export interface VendorRequest {
  readonly url: string
  readonly method: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | string | null | undefined
}

/** What the stand-in answers. */
export interface VendorReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** What a Playwright page or context has for answering requests. */
export interface RouteTarget {
  route(matches: (url: URL) => boolean, handle: (route: VendorRoute) => Promise<void>): Promise<unknown>
}

/** One request that Playwright holds. */
export interface VendorRoute {
  request(): {
    url(): string
    method(): string
    headers(): Record<string, string>
    postDataBuffer(): Uint8Array | null
  }
  fulfill(reply: { status: number; headers: Record<string, string>; body: Buffer }): Promise<void>
}

/**
 * Has a Playwright context, or page, answer requests for vendors from their stand-ins. All others go where they go.
 *
 * @example
 * const recaptcha = await startRecaptcha()
 * await routeVendors(context, recaptcha) // https://www.google.com/recaptcha/api.js is the stand-in's now
 */
export async function routeVendors(context: RouteTarget, ...standIns: readonly VendorStandIn[]): Promise<void> {
  await context.route(
    (url) => standInFor(standIns, url) !== undefined,
    async (route) => {
      const request = route.request()
      const asked = { url: request.url(), method: request.method(), headers: request.headers() }
      const reply = await answerAsVendor({ ...asked, body: request.postDataBuffer() }, ...standIns)
      if (reply) await route.fulfill({ ...reply, headers: { ...reply.headers } })
    },
  )
}

/**
 * A stand-in's answer to a request for its vendor: for tools that `routeVendors` does not know.
 *
 * @returns undefined for a request that is not for any of these vendors
 * @example
 * await page.setRequestInterception(true) // Puppeteer
 * page.on('request', async (request) => {
 *   const asked = { url: request.url(), method: request.method(), headers: request.headers(), body: request.postData() }
 *   const reply = await answerAsVendor(asked, recaptcha)
 *   await (reply ? request.respond(reply) : request.continue())
 * })
 */
export async function answerAsVendor(
  { url, method, headers = {}, body }: VendorRequest,
  ...standIns: readonly VendorStandIn[]
): Promise<VendorReply | undefined> {
  const asked = new URL(url)
  const standIn = standInFor(standIns, asked)
  if (!standIn) return undefined
  const response = await fetch(standIn.url + asked.pathname + asked.search, {
    method,
    headers: {
      // The stand-in names itself by this in what it answers.
      'x-forwarded-host': asked.host,
      'x-forwarded-proto': asked.protocol.slice(0, -1),
      ...(headers['content-type'] !== undefined && { 'content-type': headers['content-type'] }),
    },
    ...(method !== 'GET' && method !== 'HEAD' && body && { body: Buffer.from(body) }),
  })
  return {
    status: response.status,
    headers: { 'access-control-allow-origin': '*', ...kept(response.headers) },
    body: Buffer.from(await response.arrayBuffer()),
  }
}

function standInFor(standIns: readonly VendorStandIn[], { host, pathname }: URL): VendorStandIn | undefined {
  const address = host + pathname
  return standIns.find(({ vendorAddresses }) => vendorAddresses.some((start) => address.startsWith(start)))
}

/** Those about the connection are not the answer's. */
function kept(headers: Headers): Record<string, string> {
  const own = /^(?:connection|keep-alive|transfer-encoding|content-length|content-encoding|date)$/
  return Object.fromEntries([...headers].filter(([name]) => !own.test(name)))
}
