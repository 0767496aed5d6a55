import type { AbortWatch } from '../base/abort.js'
import { isPromise, type MaybePromise } from '../base/async.js'
import { callUserCode } from '../base/call-back.js'
import type { Clock } from '../base/clock.js'
import { DeniedError, messageOf, SolveguardError } from '../base/errors.js'
import { withTimeout } from '../base/timeout.js'
import { formatMs } from '../policy/duration.js'
import { invalidKey } from './parse.js'
import type { SecretProvider, SecretVersions } from './provider.js'

export interface SecretCacheOptions {
  readonly clock: Clock
  /** How long a fetched value is fresh, in ms. @default 5 minutes */
  readonly ttlMs?: number | undefined
  /** How long after that it may still be used while the store does not answer, in ms. @default 1 hour */
  readonly staleForMs?: number | undefined
  /** Called once for each outage of the store, when a stale value is first used. */
  readonly onStale?: ((outage: Outage) => void) | undefined
}

/** A time during which the store does not answer. */
export interface Outage {
  /** The store's last error, safe to print. */
  readonly message: string
  /** Wall-clock ms until which the cached value is used. */
  readonly until: number
}

/** Caches a provider's key. At most one fetch is under way at a time, for any number of callers. */
export interface SecretCache {
  /**
   * The cached versions if they are fresh, else undefined: for the hot path, which must not await anything. Starts a
   * refresh in the background when one is due.
   * @param now wall-clock ms
   */
  peek(now: number): SecretVersions | undefined
  /**
   * The versions: cached, or fetched, or stale while the store is down.
   * @param signal ends this caller's wait, but not the fetch, which other callers may await too
   * @throws DeniedError of the secret layer
   */
  get(signal?: AbortWatch): MaybePromise<SecretVersions>
  /** Fetches again, for a key that the service refused. Never resolves with a stale value. */
  refresh(signal?: AbortWatch): Promise<SecretVersions>
  /** The versions that `get` may still return, also while the store is down; undefined once they are too old. */
  usable(): SecretVersions | undefined
  /** Whether `peek` would return the versions at that time. Fetches nothing. @param at wall-clock ms */
  isFresh(at: number): boolean
  /** Starts the provider, where it reports changes. */
  open(): void
  /** Stops the provider. */
  close(): void
}

const PROVIDER_TIMEOUT_MS = 10_000
/** After this part of the TTL a read starts a refresh in the background. */
const REFRESH_AHEAD = 0.8
/** The pause between two background fetches while a store is down, as part of the TTL. */
const RETRY_AFTER = 0.05

interface CachedVersions {
  readonly versions: SecretVersions
  /** Wall-clock ms of the fetch. A clock before it was set back, and the age is not known. */
  readonly from: number
  readonly refreshAt: number
  readonly freshUntil: number
  /** By the monotonic clock, so that setting the wall clock back does not make a stale value last. */
  readonly usableUntil: number
}

/** A cache over one provider. */
export function createSecretCache(provider: SecretProvider, options: SecretCacheOptions): SecretCache {
  const { clock, ttlMs = 5 * 60_000, staleForMs = 60 * 60_000, onStale } = options
  let cached: CachedVersions | undefined
  let inFlight: Promise<SecretVersions> | undefined
  let queued: Promise<SecretVersions> | undefined
  let retryAt = Number.NEGATIVE_INFINITY
  let outage: Outage | undefined
  let staleReported = false
  let stop: (() => void) | undefined

  function store(fetched: SecretVersions): SecretVersions {
    // A provider of the user's own may have made its secrets from any text.
    for (const version of [fetched.current, fetched.previous]) {
      const problem = version?.value.problem()
      if (problem) throw invalidKey(provider.place, problem)
    }
    const now = clock.now()
    const previousExpired = (fetched.previous?.expiresAt ?? Number.POSITIVE_INFINITY) <= now
    const versions = previousExpired ? { current: fetched.current } : fetched
    const expires = versions.current.expiresAt ?? Number.POSITIVE_INFINITY
    if (expires <= now) {
      throw new DeniedError(
        'KEY_TOO_OLD',
        `The key in ${provider.place} expired at ${new Date(expires).toISOString()}: store a valid one there.`,
      )
    }
    const life = Math.min(ttlMs, expires - now)
    cached = {
      versions,
      from: now,
      refreshAt: now + life * REFRESH_AHEAD,
      freshUntil: now + life,
      usableUntil: clock.monotonic() + Math.min(ttlMs + staleForMs, expires - now),
    }
    outage = undefined
    staleReported = false
    return versions
  }

  function failed(error: unknown): SolveguardError {
    const known = error instanceof SolveguardError ? error : unavailable(provider, messageOf(error))
    retryAt = clock.monotonic() + ttlMs * RETRY_AFTER
    // The cached value stays usable only while the store does not answer: "no such key" is an answer.
    if (known.code === 'SECRET_UNAVAILABLE') outage = { message: known.message, until: clock.now() + staleForMs }
    else outage = undefined
    return known
  }

  /** Calls the provider once. Synchronous where the provider is. */
  function fetchNow(): MaybePromise<SecretVersions> {
    const abort = new AbortController()
    let answer: MaybePromise<SecretVersions>
    try {
      answer = provider.fetch(abort.signal)
      if (!isPromise(answer)) return store(answer)
    } catch (error) {
      throw failed(error)
    }
    const started = withTimeout(answer, {
      clock,
      ms: PROVIDER_TIMEOUT_MS,
      error() {
        abort.abort()
        return unavailable(provider, `no answer within ${formatMs(PROVIDER_TIMEOUT_MS)}`)
      },
    })
      .then(store)
      .catch((error: unknown) => {
        throw failed(error)
      })
    inFlight = started.finally(() => {
      inFlight = undefined
    })
    // Callers that wait see the rejection; without any, it must not be an unhandled rejection.
    inFlight.catch(() => {})
    return inFlight
  }

  function inBackground(): void {
    if (inFlight || clock.monotonic() < retryAt) return
    try {
      fetchNow()
    } catch {
      // Reported when the cached value is no longer fresh.
    }
  }

  /** The cached value, if the store is down and the value is not too old. */
  function stale(): SecretVersions | undefined {
    if (!outage || !cached || clock.monotonic() >= cached.usableUntil) return undefined
    if (!staleReported) {
      staleReported = true
      onStale?.({ message: outage.message, until: clock.now() + cached.usableUntil - clock.monotonic() })
    }
    return cached.versions
  }

  function staleOr(error: unknown): SecretVersions {
    const versions = stale()
    if (versions) return versions
    throw error
  }

  function isFresh(at: number): boolean {
    return cached !== undefined && at >= cached.from && at < cached.freshUntil
  }

  function peek(now: number): SecretVersions | undefined {
    if (cached === undefined || !isFresh(now)) return undefined
    if (now >= cached.refreshAt) inBackground()
    return cached.versions
  }

  function refresh(): Promise<SecretVersions> {
    // A fetch under way may have read the refused key: the refresh starts after it.
    queued ??= Promise.resolve().then(async () => {
      while (inFlight) await inFlight.catch(() => {})
      queued = undefined
      return fetchNow()
    })
    queued.catch(() => {})
    return queued
  }

  return {
    peek,
    isFresh,
    usable: () => (cached && clock.monotonic() < cached.usableUntil ? cached.versions : undefined),
    open() {
      // A key that was never read is not fetched because it changed.
      if (stop || !provider.start) return
      let started: unknown
      try {
        started = provider.start({ clock, changed: () => void (cached && refresh()) })
      } catch (error) {
        throw failed(error)
      }
      // A provider of the user's own may start asynchronously, and return no function.
      if (typeof started === 'function') stop = started as () => void
      else callUserCode(() => started)
    },
    close() {
      const stopping = stop
      stop = undefined
      if (stopping) callUserCode(stopping)
    },
    get(signal) {
      const fresh = peek(clock.now())
      if (fresh) return fresh
      const old = stale()
      if (old) {
        inBackground()
        return cached?.versions ?? old
      }
      try {
        const answer = inFlight ?? fetchNow()
        return isPromise(answer) ? waitFor(answer.catch(staleOr), signal) : answer
      } catch (error) {
        return staleOr(error)
      }
    },
    refresh: (signal) => waitFor(refresh(), signal),
  }
}

function unavailable(provider: SecretProvider, reason: string): DeniedError {
  return new DeniedError('SECRET_UNAVAILABLE', `The key could not be read from ${provider.place}: ${reason}.`)
}

/** Waits until the promise settles or the signal aborts, whichever is first. */
function waitFor<T>(promise: Promise<T>, signal: AbortWatch | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new SolveguardError('SOLVE_ABORTED', 'Aborted while waiting for the key.'))
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
