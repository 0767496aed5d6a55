import { z } from 'zod'
import { messageOf, SolveguardError } from '../base/errors.js'
import { checkPostUrl, type PostResult, post } from '../egress/post.js'
import { parseProxy } from '../egress/proxy.js'
import { TransportError } from '../egress/transport.js'
import type { Secret } from '../secrets/secret.js'
import { type DeliveryContext, DeliveryError } from './channel.js'
import { type ResolvedSecret, resolveSecret, type SecretSource } from './secret-source.js'

/** What every channel takes that posts to an address. */
export interface HttpPostOptions {
  /**
   * Where to: `https:`, or `http:` on a loopback address. It is kept as the secret that it may be: shown nowhere. Itself, or a
   * secret provider that has it.
   */
  readonly url: SecretSource
  /** Certificates (PEM) to trust in place of the machine's. */
  readonly ca?: string | readonly string[] | undefined
  /** The only way out to it: `http(s)://[user:password@]host:port`, or `socks5://…`. Default: none; not that of the policy. */
  readonly proxy?: string | undefined
}

const secretSourceShape = z.custom<SecretSource>((value) => value !== undefined && value !== null, {
  error: 'expected an https: address, or a secret provider that has one',
})
export const httpPostShape = {
  url: secretSourceShape,
  ca: z.union([z.string(), z.array(z.string())]).optional(),
  proxy: z.string().optional(),
}

const TIMEOUT_MS = 15_000

/** An address that a channel posts to. */
export class PostTarget {
  readonly url: ResolvedSecret
  /** Its host; or where it is kept, until it was fetched. */
  readonly place: string
  readonly #options: HttpPostOptions

  /** @throws SolveguardError `CONFIG_INVALID`, which names the option */
  constructor(channel: string, options: HttpPostOptions) {
    this.url = resolveSecret(options.url, `${channel}: url`)
    this.place = this.url.value ? checkPostUrl(this.url.value, `${channel}: url`) : 'the address from its secrets store'
    if (options.proxy !== undefined) parseProxy(options.proxy, `${channel}: proxy`)
    this.#options = options
  }

  /** Posts once. @throws DeliveryError */
  async post(
    body: string,
    { clock, signal }: DeliveryContext,
    signed?: { readonly id: string; readonly secrets: readonly Secret[] },
  ): Promise<void> {
    const { ca, proxy } = this.#options
    const [url] = await fetchSecrets(this.url, signal)
    let reply: PostResult
    try {
      reply = await post({ url, body, signed, ca, proxy, clock, signal, timeoutMs: TIMEOUT_MS })
    } catch (error) {
      if (error instanceof TransportError) throw new DeliveryError(error.message, true)
      throw new DeliveryError(messageOf(error), false)
    }
    const { status, retryAfterMs } = reply
    if (status >= 200 && status < 300) return
    const again = status >= 500 || status === 429 || status === 408
    throw new DeliveryError(`${this.place} answered ${status}${meaning(status)}.`, again, retryAfterMs)
  }
}

/** What is held, for now. @throws DeliveryError where its store does not give it */
export async function fetchSecrets(held: ResolvedSecret, signal: AbortSignal): Promise<readonly [Secret, ...Secret[]]> {
  try {
    return await held.get(signal)
  } catch (error) {
    throw new DeliveryError(messageOf(error), error instanceof SolveguardError)
  }
}

function meaning(status: number): string {
  if (status >= 300 && status < 400) return ', a redirect, which is not followed: give the address that it leads to'
  if (status === 404 || status === 410) return ': nothing takes alerts there any more'
  return ''
}
