import { type Clock, systemClock } from '../src/base/clock.js'
import { KeyRotation } from '../src/guard/accounts/key-rotation.js'
import { createSecretCache } from '../src/secrets/cache.js'
import { Secret } from '../src/secrets/secret.js'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const ROUNDS = 21
const LOOKUPS = 200_000

/** A solve's time to get the cached key: it reads the time, reads the cache, and chooses the version. */
export async function secretsBench(): Promise<BenchRow[]> {
  const version = (key: string, name: string) => ({ value: new Secret(key), version: name, createdAt: Date.now() })
  const versions = {
    current: version('0123456789abcdef0123456789abcdef', '2'),
    previous: version('fedcba9876543210fedcba9876543210', '1'),
  }
  const cache = createSecretCache(
    { kind: 'bench', place: 'bench', fetch: async () => versions },
    { clock: systemClock },
  )
  const keys = new KeyRotation(cache)
  await cache.get()
  const took: number[] = []
  for (let round = 0; round < ROUNDS; round++) took.push(nanoseconds(() => lookUp(cache, keys, systemClock)))
  const value = median(took)
  return [{ name: 'get the key from the cache', value, unit: 'ns', target: '≤ 1,000 ns', ok: value <= 1000 }]
}

function lookUp(cache: ReturnType<typeof createSecretCache>, keys: KeyRotation, clock: Clock): void {
  const found = cache.peek(clock.now())
  if (!found || keys.choose(found, clock.monotonic()).version !== '2') throw new Error('the key was not in the cache')
}

function nanoseconds(once: () => void): number {
  const start = performance.now()
  for (let i = 0; i < LOOKUPS; i++) once()
  return ((performance.now() - start) * 1e6) / LOOKUPS
}
