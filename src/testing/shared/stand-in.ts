import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Clock, systemClock } from '../../base/clock.js'
import { serve } from './http.js'
import { type IssuedToken, type TokenDetails, type TokenRules, Tokens } from './tokens.js'

/** How a vendor's stand-in is started. */
export interface StandInOptions {
  /** What its tokens expire by, and what it waits by. Default: the machine's. */
  readonly clock?: Clock | undefined
  /** Default: any free port. */
  readonly port?: number | undefined
}

/** What every vendor's stand-in has. `B` is how its widgets can behave, `D` what an answer is given out for, `A` an answer. */
export interface StandIn<B, D = TokenDetails, A = string> extends AsyncDisposable {
  /** Where its scripts are. On `localhost`, so that a page on 127.0.0.1 has its frames from another origin. */
  readonly url: string
  /** The verify endpoint, for a site's server. */
  readonly verifyUrl: string
  /** What a site's server has to show there, for a sitekey. */
  secretFor(sitekey: string): string
  /** Gives out an answer that the verify endpoint will accept, for as long as the vendor's do: what a stand-in solver service sells. */
  issue(details: D): A
  /** All tokens given out, oldest first. */
  readonly issued: readonly IssuedToken[]
  /** How the widgets of a sitekey behave from now on. */
  setBehavior(sitekey: string, behavior: B): void
  close(): Promise<void>
}

/** What each vendor's own half works with: a server that runs, the tokens that it gives out, and what it was told to do. */
export interface StandInServer<B> {
  readonly clock: Clock
  readonly tokens: Tokens
  /** Its own address. */
  readonly url: string
  /** How widgets behave, by sitekey. */
  readonly behaviors: ReadonlyMap<string, B>
  /** How the widgets of a sitekey behave, after the time that they take for it. */
  nextBehavior(sitekey: string): Promise<Partial<B>>
  /** The stand-in, with what is its own. */
  standIn<M extends object>(verifyPath: string, own: M): Omit<StandIn<B>, keyof M> & M
}

/** Starts the server of a vendor's stand-in. Nobody knows where to ask before this has ended. */
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
