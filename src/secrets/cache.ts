import { isPromise, type MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import { DeniedError, messageOf, SolveguardError } from '../base/errors.js'
import { withTimeout } from '../base/timeout.js'
import { formatMs } from '../policy/duration.js'
import type { SecretProvider, SecretVersions } from './provider.js'

export interface SecretCacheOptions {
  readonly clock: Clock
  /** How long a fetched value is fresh. */
  readonly ttlMs?: number | undefined
  /** How long after that it may still serve while the store does not answer. */
  readonly staleForMs?: number | undefined
  /** Called once for each time that the store goes down, when a stale value is first used. */
  readonly onStale?: ((outage: Outage) => void) | undefined
}

export interface Outage {
  /** What the store said last, safe to print. */
  readonly message: string
  /** Wall-clock ms until which the cached value serves. */
  readonly until: number
}

/** The key at hand: fetched rarely, one fetch at a time, however many ask. */
export interface SecretCache {
  /**
   * The cached versions if they are fresh, else undefined: for the hot path, where nothing may be awaited. Sets a refresh going in the
   * background when the time for one has come.
   * @param now wall-clock ms
   */
  peek(now: number): SecretVersions | undefined
  /**
   * The versions: cached, or fetched, or stale while the store is down.
   * @param signal ends this caller's wait, not the fetch that others may be waiting for too
   * @throws DeniedError of the secret layer
   */
  get(signal?: AbortSignal): MaybePromise<SecretVersions>
  /** Fetches afresh, for a key that the service refused. A stale value does not serve here. */
  refresh(signal?: AbortSignal): Promise<SecretVersions>
  /** What `get` may still give out, also while the store is down; undefined once that is over. */
  usable(): SecretVersions | undefined
  /** Begins to listen to the provider, where it tells of changes. */
  open(): void
  /** Listens no more. */
  close(): void
}

const PROVIDER_TIMEOUT_MS = 10_000
/** From this part of the ttl on, use sets a refresh going in the background. */
const REFRESH_AHEAD = 0.8
/** Between two background tries while a store is down, as part of the ttl. */
const RETRY_AFTER = 0.05

interface CachedVersions {
  readonly versions: SecretVersions
  /** Wall-clock ms: before `from` the clock was set back, and the age is not known. */
  readonly from: number
  readonly refreshAt: number
  readonly freshUntil: number
  /** By the monotonic clock, so that setting the wall clock back does not make a stale value last. */
  readonly usableUntil: number
}

/** A cache over one provider. */
export function createSecretCache(provider: SecretProvider, options: SecretCacheOptions): SecretCache {
  const { clock, ttlMs = 5 * 60_000, staleForMs = 60 * 60_000, onStale } = options
  let held: CachedVersions | undefined
  let flight: Promise<SecretVersions> | undefined
  let queued: Promise<SecretVersions> | undefined
  let retryAt = Number.NEGATIVE_INFINITY
  let outage: Outage | undefined
  let told = false
  let stop: (() => void) | undefined

  function store(fetched: SecretVersions): SecretVersions {
    const now = clock.now()
    const gone = (fetched.previous?.expiresAt ?? Number.POSITIVE_INFINITY) <= now
    const versions = gone ? { current: fetched.current } : fetched
    const expires = versions.current.expiresAt ?? Number.POSITIVE_INFINITY
    if (expires <= now) {
      throw new DeniedError(
        'KEY_TOO_OLD',
        `The key in ${provider.place} expired at ${new Date(expires).toISOString()}: put a valid one there.`,
      )
    }
    const life = Math.min(ttlMs, expires - now)
    held = {
      versions,
      from: now,
      refreshAt: now + life * REFRESH_AHEAD,
      freshUntil: now + life,
      usableUntil: clock.monotonic() + Math.min(ttlMs + staleForMs, expires - now),
    }
    outage = undefined
    told = false
    return versions
  }

  function failed(error: unknown): SolveguardError {
    const known = error instanceof SolveguardError ? error : unavailable(provider, messageOf(error))
    retryAt = clock.monotonic() + ttlMs * RETRY_AFTER
    // Only a store that does not answer leaves the cached value standing: one that says "no such key" has answered.
    if (known.code === 'SECRET_UNAVAILABLE') outage = { message: known.message, until: clock.now() + staleForMs }
    else outage = undefined
    return known
  }

  /** One call to the provider; at once where the provider answers at once. */
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
    flight = started.finally(() => {
      flight = undefined
    })
    // Whoever waits sees the rejection; if nobody does, it is no crash.
    flight.catch(() => {})
    return flight
  }

  function inBackground(): void {
    if (flight || clock.monotonic() < retryAt) return
    try {
      fetchNow()
    } catch {
      // Told when the cached value is no longer fresh.
    }
  }

  /** The cached value, if the store is down and the value not too old. */
  function stale(): SecretVersions | undefined {
    if (!outage || !held || clock.monotonic() >= held.usableUntil) return undefined
    if (!told) {
      told = true
      onStale?.({ message: outage.message, until: clock.now() + held.usableUntil - clock.monotonic() })
    }
    return held.versions
  }

  function staleOr(error: unknown): SecretVersions {
    const versions = stale()
    if (versions) return versions
    throw error
  }

  function peek(now: number): SecretVersions | undefined {
    if (held === undefined || now < held.from || now >= held.freshUntil) return undefined
    if (now >= held.refreshAt) inBackground()
    return held.versions
  }

  function refresh(): Promise<SecretVersions> {
    // A fetch already under way may have read the key that was refused: a refresh begins after it.
    queued ??= Promise.resolve().then(async () => {
      while (flight) await flight.catch(() => {})
      queued = undefined
      return fetchNow()
    })
    queued.catch(() => {})
    return queued
  }

  return {
    peek,
    usable: () => (held && clock.monotonic() < held.usableUntil ? held.versions : undefined),
    open() {
      // What nobody has asked for yet is not fetched for being new.
      stop ??= provider.start?.({ clock, changed: () => void (held && refresh()) })
    },
    close() {
      stop?.()
      stop = undefined
    },
    get(signal) {
      const fresh = peek(clock.now())
      if (fresh) return fresh
      const old = stale()
      if (old) {
        inBackground()
        return held?.versions ?? old
      }
      try {
        const answer = flight ?? fetchNow()
        return isPromise(answer) ? waitFor(answer.catch(staleOr), signal) : answer
      } catch (error) {
        return staleOr(error)
      }
    },
    refresh: (signal) => waitFor(refresh(), signal),
  }
}

function unavailable(provider: SecretProvider, why: string): DeniedError {
  return new DeniedError('SECRET_UNAVAILABLE', `The key could not be read from ${provider.place}: ${why}.`)
}

/** Waits until the promise is settled or the signal aborts, whichever comes first. */
function waitFor<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new SolveguardError('SOLVE_ABORTED', 'Aborted while waiting for the key.'))
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
