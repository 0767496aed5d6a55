import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { BudgetClaim, Ledger } from '../src/ledger/ledger.js'
import { KEYS } from '../src/ledger/redis/lua.js'
import { scriptsBy } from '../src/ledger/redis/scripts.js'
import { createRedisLedger, redisLedger } from '../src/ledger/redis.js'
import { micros, usd } from '../src/policy/money.js'
import { type RunningRedis, startRedis } from '../test/support/redis.js'
import { mediansByTurns } from './median.js'
import type { BenchRow } from './row.js'

const ONE: readonly BudgetClaim[] = [
  { id: 'checkout-tests', limits: { perDay: usd(1_000_000), perMinute: 1e9, concurrent: 1e6 }, alertsAt: [0.5, 0.8] },
]
const TWO: readonly BudgetClaim[] = [...ONE, { id: 'checkout-tests/context-1', limits: { perDay: usd(1_000_000) } }]
const HEAD = { file: '2026-11-24-4711-abcdef-0001.jsonl', hash: 'a'.repeat(64) }

/** The time of a Redis ledger for each solve, against one call of a rate limiter on the same server. */
export async function redisBench(): Promise<BenchRow[]> {
  const server = await startRedis()
  const theirs = new Redis(server.url)
  try {
    return [...(await speed(server, theirs)), await history(server, theirs)]
  } finally {
    theirs.disconnect()
    await server.stop()
  }
}

/**
 * Reserves in one batch of calls and settles in the next, so that as many reservations are open as a batch has calls.
 */
function solver(ledger: Ledger, path: readonly BudgetClaim[]): { reserve(): unknown; settle(): unknown } {
  const open: string[] = []
  let seq = 0
  return {
    reserve() {
      const id = randomUUID()
      const now = Date.now()
      open.push(id)
      return ledger.reserve({ id, ownerId: 'bench', path, amount: micros(3_000), deadline: now + 120_000 }, now)
    },
    settle() {
      const head = { ...HEAD, seq: ++seq }
      return ledger.settle({ reservationId: open.pop() ?? '', cost: micros(2_990), head }, Date.now())
    },
  }
}

async function speed(server: RunningRedis, theirs: Redis): Promise<BenchRow[]> {
  const limiter = new RateLimiterRedis({ storeClient: theirs, points: 1e9, duration: 86_400 })
  const ledger = redisLedger({ url: server.url })
  await ledger.open()
  const [one, two] = [solver(ledger, ONE), solver(ledger, TWO)]
  const ping = () => theirs.ping()
  const consume = () => limiter.consume('bench')
  const works = [ping, consume, one.reserve, one.settle, two.reserve, two.settle]
  const spaced = await mediansByTurns(works, { rounds: 30, calls: 20, pauseMs: 1 })
  const backToBack = await mediansByTurns(works)
  await ledger.close()
  return [...rows('1 ms between calls', spaced, 1.5), ...rows('back to back', backToBack)]
}

/** A guard does other work between two calls. Back to back, neither side has to wake up. */
function rows(how: string, [ping = 0, consume = 0, ...ours]: readonly number[], max?: number): BenchRow[] {
  const names = [
    'reserve from one budget',
    'settle, with an audit head',
    'reserve from two budgets',
    'settle two, with an audit head',
  ]
  return [ping, ...ours].map((value, i) => {
    const name = `redis, ${how}: ${['ping', ...names][i]}, p50`
    const ratio = value / consume
    const against = 'one consume() of rate-limiter-flexible'
    const goal = max !== undefined && i > 0 ? { target: `≤ ${max} ×`, ok: ratio <= max } : {}
    return { name, value, unit: 'µs', against, baseline: consume, ratio, ...goal }
  })
}

/** Lua by which the ledger's time is the caller's. */
const CALLERS_TIME = `
clock = tonumber(ARGV[2])
shift = 0
`
const { reserve, settle } = scriptsBy(CALLERS_TIME)
/** For each call, the server makes a thousand solves by the ledger's own scripts. */
const SOLVES = `
local input, ARGV = ARGV, nil
local function reserve()
${reserve.lua}
end
local function settle()
${settle.lua}
end
for i = tonumber(input[2]), tonumber(input[3]) do
  local now = input[5] + math.floor(i / input[4] * 86400000)
  ARGV = { input[1], now, 'old-' .. i, 3000, 120000, 'old-' .. i, 'bench', input[6], input[7], '', '', '', 'reserve' }
  if reserve()[1] ~= 'ok' then return redis.error_reply('ERR not reserved') end
  -- One in a thousand was never settled.
  ARGV = { input[1], now, 'old-' .. i, 2990, 'old-' .. i, '', '', '', 'settle' }
  if i % 1000 > 0 and settle()[1] ~= 'ok' then return redis.error_reply('ERR not settled') end
end
`

/** A ledger with this many solves, all within the last 24 hours. */
async function aged(server: RunningRedis, theirs: Redis, solves: number): Promise<Ledger> {
  const prefix = `after-${solves}`
  const ledger = redisLedger({ url: server.url, prefix })
  // First opened with the caller's time: otherwise the server's time would be recorded before the past is.
  const startedAt = Date.now() - 86_400_000
  const first = createRedisLedger({ url: server.url, prefix }, CALLERS_TIME)
  await first.open()
  await first.close()
  const keys = KEYS.map((name) => `{${prefix}}:${name}`)
  const identity = (await theirs.hget(keys[0] ?? '', 'e')) ?? ''
  const ids = JSON.stringify(TWO.map(({ id }) => id))
  const path = JSON.stringify(TWO.map(({ id, limits }) => [id, limits.perDay, false, false, false]))
  for (let from = 1; from <= solves; from += 1_000) {
    const to = Math.min(solves, from + 999)
    await theirs.eval(SOLVES, keys.length, ...keys, identity, from, to, solves, startedAt, ids, path)
  }
  await ledger.open()
  return ledger
}

async function history(server: RunningRedis, theirs: Redis): Promise<BenchRow> {
  const ledgers = [await aged(server, theirs, 1_000), await aged(server, theirs, 1_000_000)]
  const [few, many] = ledgers.map((ledger) => solver(ledger, TWO))
  const [baseline = 0, settleFew = 0, value = 0, settleMany = 0] = await mediansByTurns([
    () => few?.reserve(),
    () => few?.settle(),
    () => many?.reserve(),
    () => many?.settle(),
  ])
  for (const ledger of ledgers) await ledger.close()
  const ratio = (value + settleMany) / (baseline + settleFew)
  return {
    name: 'redis: reserve + settle after 1,000,000 solves',
    value: value + settleMany,
    unit: 'µs',
    against: 'after 1,000',
    baseline: baseline + settleFew,
    ratio,
    target: '≤ 1.1 ×',
    ok: ratio <= 1.1,
  }
}
