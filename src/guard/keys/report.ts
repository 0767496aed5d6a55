import { counted } from '../../base/counted.js'
import type { Fact } from '../../ledger/ledger.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { KnownKey } from '../types.js'

/** What one process publishes: the keys that it would use, and how many tasks are under way with each. */
export interface Presence {
  readonly holds: readonly string[]
  readonly underWay: Readonly<Record<string, number>>
}

/** How long a key must be unused before it is revocable: longer than any process caches a key. */
const UNUSED_MS = 24 * 3_600_000

interface SeenKey {
  version: string
  lastUsedAt: number | undefined
}

/**
 * The keys of one place (a guard and one of its accounts), the one in use first, each with its verdict.
 * @param facts the ledger's facts about keys, of every guard
 * @param own the present state of this process
 */
export function reportKeys(
  current: SecretVersion | undefined,
  facts: readonly Fact[],
  own: Presence,
  place: string,
  now: number,
): KnownKey[] {
  const seen = new Map<string, SeenKey>()
  const lastUsed = new Map<string, number>()
  const presences: Presence[] = [own]
  for (const { name, value, at } of facts) {
    if (name.startsWith('owner/')) presences.push(presenceIn(value))
    if (!name.startsWith('used/')) continue
    const fingerprint = name.slice(name.lastIndexOf('/') + 1)
    // A use by another guard or account counts too: it is the same key at the service.
    lastUsed.set(fingerprint, Math.max(lastUsed.get(fingerprint) ?? 0, at))
    if (name === `used/${place}/${fingerprint}`) seen.set(fingerprint, { version: versionIn(value), lastUsedAt: at })
  }
  if (current && !seen.has(current.value.fingerprint)) {
    seen.set(current.value.fingerprint, { version: current.version, lastUsedAt: undefined })
  }
  const holders = (fingerprint: string) => presences.filter(({ holds }) => holds.includes(fingerprint)).length
  const keys = [...seen].map(([fingerprint, { version }]) => ({
    fingerprint,
    version,
    lastUsedAt: lastUsed.get(fingerprint),
    heldBy: holders(fingerprint),
    underWay: presences.reduce((sum, { underWay }) => sum + (underWay[fingerprint] ?? 0), 0),
    current: fingerprint === current?.value.fingerprint,
  }))
  keys.sort((a, b) => Number(b.current) - Number(a.current) || (b.lastUsedAt ?? now) - (a.lastUsedAt ?? now))
  return keys.map(({ current: isCurrent, ...key }, index) => {
    // The key in use or, if no process holds a key, the one that was used last.
    const needed = isCurrent || (index === 0 && !keys.some(({ heldBy }) => heldBy > 0))
    return { ...key, lastUsedAt: dateOf(key.lastUsedAt), ...verdict(key, needed, now) }
  })
}

/** A guard's account, the keys that it has used, and the budget that their solves draw on. */
export interface KeyPlace {
  readonly budget: string
  readonly fingerprints: readonly string[]
}

/** Which place has used which keys, from the ledger's facts about keys. */
export function placesIn(facts: readonly Fact[]): readonly KeyPlace[] {
  const places = new Map<string, { budget: string; fingerprints: string[] }>()
  for (const { name, value } of facts) {
    const [, place, guard, fingerprint] = /^used\/(([^/]+)\/[^/]+)\/([^/]+)$/.exec(name) ?? []
    if (place === undefined || guard === undefined || fingerprint === undefined) continue
    const { budget } = parsed(value) as { budget?: unknown }
    const known = places.get(place) ?? { budget: typeof budget === 'string' ? budget : guard, fingerprints: [] }
    places.set(place, known)
    known.fingerprints.push(fingerprint)
  }
  return [...places.values()]
}

type Verdict = Pick<KnownKey, 'revocable' | 'revocableAt' | 'reason'>

function verdict(
  key: { heldBy: number; underWay: number; lastUsedAt?: number | undefined },
  needed: boolean,
  now: number,
): Verdict {
  const { heldBy, underWay, lastUsedAt } = key
  if (needed) return { revocable: false, reason: 'it is the key in use' }
  if (heldBy > 0) return { revocable: false, reason: `${counted(heldBy, 'process', 'es')} would still use it` }
  if (underWay > 0) return { revocable: false, reason: `${counted(underWay, 'task')} under way with it` }
  const at = (lastUsedAt ?? now) + UNUSED_MS
  const revocable = now >= at
  return {
    revocable,
    revocableAt: new Date(at),
    reason: revocable
      ? 'unused for 24 hours, nothing under way, every process on another key'
      : 'it was used within the last 24 hours; unless it is used again ' +
        `it may be revoked from ${new Date(at).toISOString()} on`,
  }
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms)
}

/** A process's presence. Another version may have written it: a value that cannot be parsed is ignored. */
function presenceIn(value: string): Presence {
  const found = parsed(value) as { holds?: unknown; underWay?: unknown }
  const { holds, underWay } = found
  return {
    holds: Array.isArray(holds) ? holds : [],
    underWay: Object.fromEntries(
      Object.entries(typeof underWay === 'object' && underWay !== null ? underWay : {}).filter(
        ([, n]) => Number.isSafeInteger(n) && n >= 0,
      ),
    ),
  }
}

function versionIn(value: string): string {
  const { version } = parsed(value) as { version?: unknown }
  return typeof version === 'string' ? version : 'unknown'
}

function parsed(value: string): object {
  try {
    const found: unknown = JSON.parse(value)
    return typeof found === 'object' && found !== null ? found : {}
  } catch {
    return {}
  }
}
