import { z } from 'zod'
import { messageOf, SolveguardError } from '../base/errors.js'
import { checkPostUrl, type PostResult, post } from '../egress/post.js'
import { TransportError } from '../egress/transport.js'
import { parseProxy } from '../net/proxy.js'
import type { Secret } from '../secrets/secret.js'
import { type DeliveryContext, DeliveryError } from './channel.js'
import { type ResolvedSecret, resolveSecret, type SecretSource } from './secret-source.js'

/** Options of every channel that posts to an address. */
export interface HttpPostOptions {
  /**
   * The address to post to: `https:`, or `http:` on a loopback address. It is treated as a secret and shown nowhere.
   * Give the address itself, or a secret provider that has it.
   */
  readonly url: SecretSource
  /**
   * Certificates (PEM) to trust in place of the machine's.
   * @default the machine's
   */
  readonly ca?: string | readonly string[] | undefined
  /**
   * The proxy to post through: `http(s)://[user:password@]host:port`, or `socks5://…`. The policy's proxy is not used
   * for alerts.
   * @default none
   */
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

/** The address that a channel posts to. */
export class PostTarget {
  readonly url: ResolvedSecret
  /** The host, for messages. Not known for an address that is still to be fetched from a secrets store. */
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
    context: DeliveryContext,
    signed?: { readonly id: string; readonly secrets: readonly Secret[] },
  ): Promise<void> {
    const { ca, proxy } = this.#options
    const [url] = await fetchSecrets(this.url, context)
    let reply: PostResult
    try {
      reply = await post({ url, body, signed, ca, proxy, ...context, timeoutMs: TIMEOUT_MS })
    } catch (error) {
      if (error instanceof TransportError) throw new DeliveryError(error.message, true)
      throw new DeliveryError(messageOf(error), false)
    }
    const { status, retryAfterMs } = reply
    if (status >= 200 && status < 300) return
    const retryable = status >= 500 || status === 429 || status === 408
    throw new DeliveryError(`${this.place} answered ${status}${meaning(status)}.`, retryable, retryAfterMs)
  }
}

/** The secret's current value, then the previous one. @throws DeliveryError when its store does not answer */
export async function fetchSecrets(
  secret: ResolvedSecret,
  context: DeliveryContext,
): Promise<readonly [Secret, ...Secret[]]> {
  try {
    return await secret.get(context)
  } catch (error) {
    throw new DeliveryError(messageOf(error), error instanceof SolveguardError)
  }
}

function meaning(status: number): string {
  if (status >= 300 && status < 400) return ', a redirect, which is not followed: set the address that it leads to'
  if (status === 404 || status === 410) return ': this address no longer accepts alerts'
  return ''
}
