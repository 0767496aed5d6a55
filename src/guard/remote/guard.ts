import { systemClock } from '../../base/clock.js'
import { freezeClass } from '../../base/frozen.js'
import { durationMs } from '../../policy/duration.js'
import { check, type NarrowingInput } from '../../policy/schema.js'
import { expiryOf } from '../../tokens/claims.js'
import type { HeldToken } from '../../tokens/held.js'
import { closed, withoutKey } from '../errors.js'
import { RedactedToken } from '../tokens/issued-token.js'
import { tokenOptionsShape } from '../tokens/tokens.js'
import type { Guard, GuardEvents, IssuedToken, TokenOptions } from '../types.js'
import { BrokerCalls } from './calls.js'
import { RemoteContext } from './context.js'
import { type RemoteDeps, RemoteGrant } from './grant.js'
import { checkLightOptions, type LightGuardOptions } from './options.js'
import { RemoteSolving } from './solving.js'

const DEFAULT_TTL_MS = durationMs('15m')

/** A guard that holds no key: what a token allows, a broker solves. */
class LightGuard extends RemoteGrant implements Guard {
  readonly name: string
  readonly #deps: RemoteDeps
  #closing: Promise<void> | undefined

  static {
    freezeClass(LightGuard)
  }

  constructor(deps: RemoteDeps, token: HeldToken) {
    super(deps, token)
    this.name = deps.context.name
    this.#deps = deps
    Object.freeze(this)
  }

  on<K extends keyof GuardEvents>(event: K, callback: (event: GuardEvents[K]) => void): () => void {
    return this.#deps.context.events.on(event, callback)
  }

  /** Narrows the token offline. */
  async issueToken(policy: NarrowingInput, options: TokenOptions = {}): Promise<IssuedToken> {
    const { ttl: ttlMs = DEFAULT_TTL_MS, subject, wire, handle } = check(tokenOptionsShape, options, 'issueToken')
    this.#checkOpen()
    if (handle) throw withoutKey('issueToken({ handle: true })')
    const { text, claims } = this.token.narrow(policy, { ttlMs, subject, wire, now: this.#deps.context.clock.now() })
    return new RedactedToken(text, undefined, claims.links.at(-1)?.id ?? '', expiryOf(claims.links))
  }

  async recommendConcurrency(): Promise<never> {
    return this.#refuse('recommendConcurrency')
  }

  async batch(): Promise<never> {
    return this.#refuse('batch')
  }

  async issueHandle(): Promise<never> {
    return this.#refuse('issueHandle')
  }

  async verifyToken(): Promise<never> {
    return this.#refuse('verifyToken')
  }

  /** Revokes its own token: with any other link, it is refused. */
  async revokeToken(id: string): Promise<void> {
    this.#checkOpen()
    if (id !== this.token.claims.links.at(-1)?.id) this.#refuse('revokeToken of another token')
    await this.#deps.calls.end(this.token.secret)
  }

  async pause(): Promise<never> {
    return this.#refuse('pause')
  }

  async resume(): Promise<never> {
    return this.#refuse('resume')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #refuse(call: string): never {
    this.#checkOpen()
    throw withoutKey(call)
  }

  #checkOpen(): void {
    if (this.#deps.context.closed) throw closed()
  }

  async #close(): Promise<void> {
    const { context, solving } = this.#deps
    context.closed = true
    await solving.close()
    context.events.clear()
  }
}

/**
 * Creates a guard that holds no key. The broker is not asked: a token that is no good is refused at the first solve.
 * @throws SolveguardError `CONFIG_INVALID` that names the field; `DeniedError` `TOKEN_INVALID`
 */
export function createLightGuard(options: LightGuardOptions): Guard {
  const { service, token, connectWithinMs } = checkLightOptions(options)
  const { clock = systemClock, ca, logger } = options
  const context = new RemoteContext(token.claims.audience, clock, logger)
  const calls = new BrokerCalls({ service, ca, clock, connectWithinMs })
  const solving = new RemoteSolving(context, calls, connectWithinMs)
  return new LightGuard({ context, calls, solving }, token)
}
