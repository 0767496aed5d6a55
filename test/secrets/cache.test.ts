import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DeniedError } from '../../src/base/errors.js'
import { createSecretCache, type Outage } from '../../src/secrets/cache.js'
import type { SecretProvider, SecretVersions } from '../../src/secrets/provider.js'
import { Secret } from '../../src/secrets/secret.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'

const TTL = 5 * 60_000
const STALE = 60 * 60_000
const down = () => new DeniedError('SECRET_UNAVAILABLE', 'The store is down.')
const missing = () => new DeniedError('SECRET_MISSING', 'There is no such key.')

const versions = (n: number, expiresAt?: number): SecretVersions => {
  const value = new Secret(`a-key-number-${n}`)
  return { current: { value, version: String(n), expiresAt } }
}

/** A store with scripted answers, which counts simultaneous fetches. */
function store(clock: ManualClock) {
  let fetches = 0
  let simultaneous = 0
  let maxSimultaneous = 0
  let answer: () => SecretVersions | Promise<SecretVersions> = () => versions(fetches)
  const provider: SecretProvider = {
    kind: 'test',
    place: 'the test store',
    async fetch(signal) {
      fetches++
      maxSimultaneous = Math.max(maxSimultaneous, ++simultaneous)
      try {
        return await Promise.race([
          Promise.resolve().then(answer),
          new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
        ])
      } finally {
        simultaneous--
      }
    },
  }
  const outages: Outage[] = []
  const cache = createSecretCache(provider, { clock, ttlMs: TTL, staleForMs: STALE, onStale: (o) => outages.push(o) })
  return {
    cache,
    outages,
    fetches: () => fetches,
    maxSimultaneous: () => maxSimultaneous,
    answers(next: typeof answer) {
      answer = next
    },
    numbers() {
      answer = () => versions(fetches)
    },
    fails(error: () => Error) {
      answer = () => Promise.reject(error())
    },
    version: async (signal?: AbortSignal) => (await cache.get(signal)).current.version,
  }
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: { code: string }) => error.code,
  )

describe('a fresh value', () => {
  test('is returned without a fetch', async () => {
    const clock = manualClock()
    const { cache, fetches } = store(clock)
    expect(cache.peek(clock.now())).toBeUndefined()
    await cache.get()
    await clock.advance(TTL * 0.79)
    expect(cache.peek(clock.now())?.current.version).toBe('1')
    expect(cache.get()).toBe(cache.peek(clock.now()))
    expect(fetches()).toBe(1)
  })

  test('that is read late in its life starts a refresh in the background', async () => {
    const clock = manualClock()
    const { cache, fetches } = store(clock)
    await cache.get()
    await clock.advance(TTL * 0.8)
    expect(cache.peek(clock.now())?.current.version).toBe('1')
    await clock.advance(0)
    expect(cache.peek(clock.now())?.current.version).toBe('2')
    expect(fetches()).toBe(2)
  })

  test('stays usable when the refresh fails, which is not repeated at every read', async () => {
    const clock = manualClock()
    const { cache, fetches, fails } = store(clock)
    await cache.get()
    fails(missing)
    await clock.advance(TTL * 0.8)
    for (let i = 0; i < 100; i++) {
      expect(cache.peek(clock.now())?.current.version).toBe('1')
      await clock.advance(1)
    }
    expect(fetches()).toBe(2)
  })

  test('is not returned after its own expiry', async () => {
    const clock = manualClock()
    const { cache, answers } = store(clock)
    const expires = clock.now() + 60_000
    answers(() => versions(1, expires))
    await cache.get()
    await clock.advance(59_999)
    expect(cache.peek(clock.now())).toBeDefined()
    await clock.advance(1)
    expect(cache.peek(clock.now())).toBeUndefined()
    expect(await codeOf(Promise.resolve().then(() => cache.get()))).toBe('KEY_TOO_OLD')
  })

  test('does not last longer when the wall clock is set back', async () => {
    const clock = manualClock()
    const { cache, version } = store(clock)
    await cache.get()
    clock.set(clock.now() - 24 * 3_600_000)
    expect(cache.peek(clock.now())).toBeUndefined()
    expect(await version()).toBe('2')
  })
})

describe('simultaneous callers', () => {
  test('share one fetch', async () => {
    const clock = manualClock()
    const { fetches, maxSimultaneous, version } = store(clock)
    const found = await Promise.all(Array.from({ length: 100 }, () => version()))
    expect(new Set(found)).toEqual(new Set(['1']))
    expect([fetches(), maxSimultaneous()]).toEqual([1, 1])
  })

  test('share one failure, and the next caller fetches again', async () => {
    const clock = manualClock()
    const { fetches, fails, numbers, version } = store(clock)
    fails(missing)
    const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(version())))
    expect(new Set(codes)).toEqual(new Set(['SECRET_MISSING']))
    expect(fetches()).toBe(1)
    numbers()
    expect(await version()).toBe('2')
  })

  test('can each abort without ending the fetch of the others', async () => {
    const clock = manualClock()
    const { answers, version } = store(clock)
    let release: (found: SecretVersions) => void = () => {}
    answers(() => new Promise((resolve) => (release = resolve)))
    const abort = new AbortController()
    const impatient = codeOf(version(abort.signal))
    const patient = version(new AbortController().signal)
    await clock.advance(0)
    abort.abort()
    expect(await impatient).toBe('SOLVE_ABORTED')
    release(versions(7))
    expect(await patient).toBe('7')
  })
})

describe('a store that does not answer', () => {
  test('fails the fetch after ten seconds', async () => {
    const clock = manualClock()
    const { answers, numbers, version } = store(clock)
    answers(() => new Promise(() => {}))
    const asked = codeOf(version())
    await clock.advance(9_999)
    numbers()
    await clock.advance(1)
    expect(await asked).toBe('SECRET_UNAVAILABLE')
    expect(await version()).toBe('2')
    expect(clock.waiting).toBe(0)
  })

  test('leaves the old value usable for an hour, with one alert, and then fails', async () => {
    const clock = manualClock()
    const { cache, outages, fails, fetches, version } = store(clock)
    await cache.get()
    const fetchedAt = clock.now()
    fails(down)
    await clock.advance(TTL)
    expect(cache.peek(clock.now())).toBeUndefined()
    for (let minute = 0; minute < 60; minute++) {
      expect(await version()).toBe('1')
      await clock.advance(60_000)
    }
    expect(outages).toEqual([{ message: 'The store is down.', until: fetchedAt + TTL + STALE }])
    expect(await codeOf(version())).toBe('SECRET_UNAVAILABLE')
    // The background fetches are few: not one for every read.
    expect(fetches()).toBeLessThan(65)
  })

  test('is not awaited while the old value is usable', async () => {
    const clock = manualClock()
    const { cache, answers, fails, version } = store(clock)
    await cache.get()
    fails(down)
    await clock.advance(TTL)
    await version()
    answers(() => new Promise(() => {}))
    await clock.advance(60_000)
    expect(cache.get()).toHaveProperty('current.version', '1')
  })

  test('is fetched from again soon after, and its next outage causes another alert', async () => {
    const clock = manualClock()
    const { cache, outages, fails, numbers, version } = store(clock)
    await cache.get()
    for (let outage = 1; outage <= 2; outage++) {
      fails(down)
      await clock.advance(TTL)
      await version()
      expect(outages).toHaveLength(outage)
      numbers()
      await clock.advance(TTL * 0.05)
      await version()
      await clock.advance(0)
      expect(cache.peek(clock.now())).toBeDefined()
    }
  })

  test('may throw any error', async () => {
    const clock = manualClock()
    const { fails, version } = store(clock)
    fails(() => new TypeError('fetch\u001b failed'))
    const error = await version().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'SECRET_UNAVAILABLE', message: expect.stringContaining('the test store') })
    expect((error as Error).message).not.toContain('\u001b')
  })

  test.each([missing, () => new DeniedError('SECRET_UNSAFE', 'x'), () => new DeniedError('SECRET_INVALID', 'x')])(
    'is not one that answers with an error: then the old value is not used (%#)',
    async (error) => {
      const clock = manualClock()
      const { cache, outages, fails, version } = store(clock)
      await cache.get()
      fails(error)
      await clock.advance(TTL)
      expect(await codeOf(version())).toBe(error().code)
      expect(outages).toEqual([])
    },
  )
})

describe('refresh', () => {
  test('fetches although the value is fresh, once for all callers', async () => {
    const clock = manualClock()
    const { cache, fetches, maxSimultaneous } = store(clock)
    await cache.get()
    const found = await Promise.all([cache.refresh(), cache.refresh(), cache.refresh()])
    expect(found.map(({ current }) => current.version)).toEqual(['2', '2', '2'])
    expect([fetches(), maxSimultaneous()]).toEqual([2, 1])
    expect(cache.peek(clock.now())?.current.version).toBe('2')
  })

  test('fetches at each call', async () => {
    const clock = manualClock()
    const { cache } = store(clock)
    for (const version of ['1', '2', '3']) expect((await cache.refresh()).current.version).toBe(version)
  })

  test('does not use the result of a fetch that started before it', async () => {
    const clock = manualClock()
    const { cache, maxSimultaneous } = store(clock)
    const before = Promise.resolve(cache.get())
    const refreshed = cache.refresh()
    expect((await before).current.version).toBe('1')
    expect((await refreshed).current.version).toBe('2')
    expect(maxSimultaneous()).toBe(1)
  })

  test('never returns a stale value', async () => {
    const clock = manualClock()
    const { cache, fails } = store(clock)
    await cache.get()
    fails(down)
    expect(await codeOf(cache.refresh())).toBe('SECRET_UNAVAILABLE')
    expect(cache.peek(clock.now())?.current.version).toBe('1')
  })

  test('can be aborted by one caller', async () => {
    const clock = manualClock()
    const { cache } = store(clock)
    expect(await codeOf(cache.refresh(AbortSignal.abort()))).toBe('SOLVE_ABORTED')
    expect((await cache.refresh()).current.version).toBeDefined()
  })
})

describe('a provider that reports changes', () => {
  const reporting = (clock: ManualClock) => {
    let fetches = 0
    let reportChange = () => {}
    let stops = 0
    const provider: SecretProvider = {
      kind: 'test',
      place: 'x',
      fetch: async () => versions(++fetches),
      start({ changed }) {
        reportChange = changed
        return () => {
          stops++
        }
      },
    }
    const cache = createSecretCache(provider, { clock, ttlMs: TTL, staleForMs: STALE })
    return { cache, fetches: () => fetches, reportChange: () => reportChange(), stops: () => stops }
  }

  test('causes a fetch when it does, but not before the first read', async () => {
    const clock = manualClock()
    const { cache, fetches, reportChange } = reporting(clock)
    cache.open()
    reportChange()
    await clock.advance(0)
    expect(fetches()).toBe(0)
    await cache.get()
    reportChange()
    await clock.advance(0)
    expect(cache.peek(clock.now())?.current.version).toBe('2')
  })

  test('is started once, and stopped when the cache is closed', () => {
    const { cache, stops } = reporting(manualClock())
    cache.open()
    cache.open()
    cache.close()
    cache.close()
    expect(stops()).toBe(1)
  })
})

test('usable returns what get may still return', async () => {
  const clock = manualClock()
  const { cache } = store(clock)
  expect(cache.usable()).toBeUndefined()
  await cache.get()
  await clock.advance(TTL + STALE - 1)
  expect(cache.usable()?.current.version).toBe('1')
  await clock.advance(1)
  expect(cache.usable()).toBeUndefined()
})

test('get omits a previous version that has expired', async () => {
  const clock = manualClock()
  const { cache, answers } = store(clock)
  answers(() => ({ current: versions(2).current, previous: versions(1, clock.now()).current }))
  expect((await cache.get()).previous).toBeUndefined()
  answers(() => ({ current: versions(2).current, previous: versions(1, clock.now() + 1).current }))
  expect((await cache.refresh()).previous?.version).toBe('1')
})

test('get is synchronous where the store is', () => {
  const clock = manualClock()
  const provider: SecretProvider = { kind: 'test', place: 'x', fetch: () => versions(1) }
  const cache = createSecretCache(provider, { clock })
  expect(cache.get()).toHaveProperty('current.version', '1')
})

test('never returns a value older than TTL and stale time together, and fetches once at a time', async () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: STALE }),
    store: fc.constantFrom('answers', 'down', 'missing', 'hangs'),
    ask: fc.constantFrom('peek', 'get', 'refresh'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const clock = manualClock()
      const { cache, answers, maxSimultaneous } = store(clock)
      const fetchedAt = new Map<string, number>()
      const found: { version: string; at: number }[] = []
      let state = 'answers'
      let fetch = 0
      answers(() => {
        if (state === 'hangs') return new Promise(() => {})
        if (state !== 'answers') return Promise.reject(state === 'down' ? down() : missing())
        const fresh = versions(++fetch)
        fetchedAt.set(fresh.current.version, clock.monotonic())
        return fresh
      })
      const asked: Promise<unknown>[] = []
      const note = (given: SecretVersions | undefined) => {
        if (given) found.push({ version: given.current.version, at: clock.monotonic() })
      }
      for (const { wait, store: next, ask } of steps) {
        state = next
        await clock.advance(wait)
        if (ask === 'peek') note(cache.peek(clock.now()))
        else
          asked.push(
            Promise.resolve()
              .then(() => cache[ask]())
              .then(note, () => {}),
          )
      }
      await clock.advance(60_000)
      await Promise.all(asked)
      for (const { version, at } of found) {
        expect(at - (fetchedAt.get(version) ?? Number.NaN)).toBeLessThanOrEqual(TTL + STALE + 20_000)
      }
      expect(maxSimultaneous()).toBeLessThanOrEqual(1)
    }),
    { numRuns: 60 },
  )
})
