import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../../base/clock.js'
import { serve } from './http.js'
import { type IssuedToken, type TokenDetails, type TokenRules, Tokens } from './tokens.js'

/** Options of a vendor's stand-in. */
export interface StandInOptions {
  /**
   * The clock that tokens expire by and that `afterMs` is measured by.
   *
   * @default the machine's clock
   */
  readonly clock?: Clock | undefined
  /**
   * The port on loopback.
   *
   * @default any free port
   */
  readonly port?: number | undefined
}

/**
 * What every vendor's stand-in has. `B`: the behavior of its widgets. `D`: the details of an answer. `A`: an answer.
 */
export interface StandIn<B, D = TokenDetails, A = string> extends AsyncDisposable {
  /** Where its scripts are. On `localhost`, so that its frames are of another origin than a page on 127.0.0.1. */
  readonly url: string
  /** The verify endpoint, for a site's server. */
  readonly verifyUrl: string
  /** The secret that a site's server has to show there. */
  secretFor(sitekey: string): string
  /**
   * Issues an answer that the verify endpoint accepts, for as long as the vendor's answers are valid: what a stand-in
   * solver service sells.
   */
  issue(details: D): A
  /** All issued tokens, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** Sets how the widgets of a sitekey behave from now on. */
  setBehavior(sitekey: string, behavior: B): void
  /** Closes all connections and frees the port. */
  close(): Promise<void>
}

/** The common half of a vendor's stand-in: its running server, its tokens, and the behaviors that were set. */
export interface StandInServer<B> {
  readonly clock: Clock
  readonly tokens: Tokens
  /** Its own origin. */
  readonly url: string
  /** The behaviors of widgets, by sitekey. */
  readonly behaviors: ReadonlyMap<string, B>
  /** The behavior of a sitekey's widgets. Resolves after its `afterMs`. */
  nextBehavior(sitekey: string): Promise<Partial<B>>
  /** The stand-in: the common members and the vendor's own. */
  standIn<M extends object>(verifyPath: string, own: M): Omit<StandIn<B>, keyof M> & M
}

/** Starts the server of a vendor's stand-in. `handle` is not called before this has resolved. */
export async function startStandIn<B extends { readonly afterMs?: number | undefined }>(
  rules: TokenRules,
  { clock = systemClock, port }: StandInOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<StandInServer<B>> {
  const tokens = new Tokens(clock, rules)
  const behaviors = new Map<string, B>()
  const server = await serve(handle, port)
  const url = `http://localhost:${server.port}`
  return {
    clock,
    tokens,
    url,
    behaviors,
    async nextBehavior(sitekey) {
      const { afterMs = 0 } = behaviors.get(sitekey) ?? {}
      if (afterMs > 0) await new Promise<void>((resolve) => void clock.after(afterMs, resolve))
      return behaviors.get(sitekey) ?? {}
    },
    standIn(verifyPath, own) {
      const common: StandIn<B> = {
        url,
        verifyUrl: `http://127.0.0.1:${server.port}${verifyPath}`,
        secretFor: (sitekey) => tokens.secretFor(sitekey),
        issue: (details) => tokens.issue(details),
        get issued() {
          return tokens.list()
        },
        setBehavior: (sitekey, behavior) => void behaviors.set(sitekey, behavior),
        close: server.close,
        [Symbol.asyncDispose]: server.close,
      }
      return Object.assign(common, own)
    },
  }
}
