import type { Call, Reply } from '../src/base/wire.js'
import { PollSchedule } from '../src/guard/accounts/poll-schedule.js'
import { composeGuard } from '../src/guard/create.js'
import { memoryLedger } from '../src/ledger/memory.js'
import { usd } from '../src/policy/money.js'
import { Secret } from '../src/secrets/secret.js'
import { antiCaptcha, capMonster, twoCaptcha } from '../src/solvers/index.js'
import type { Polling } from '../src/solvers/solver.js'
import { manualClock } from '../src/testing/clock.js'
import { challenge, noSink } from './guard.js'
import type { BenchRow } from './row.js'

/**
 * How often an answer is asked for, and how long it lies at the service before it is known here, against the schedules of the services' own
 * npm clients. Simulated, in virtual time, with chance that is the same each time; ours learns from what a poll can see, and starts from
 * the solver's table.
 */
interface Client {
  readonly name: string
  readonly polling: Polling
  readonly firstMs: number
  readonly everyMs: number
  /** Whether the figures have to be reached against it. */
  readonly isGoal: boolean
}

const CLIENTS: readonly Client[] = [
  {
    name: '@2captcha/captcha-solver',
    polling: twoCaptcha().polling(challenge),
    firstMs: 5e3,
    everyMs: 5e3,
    isGoal: true,
  },
  {
    name: '@antiadmin/anticaptchaofficial',
    polling: antiCaptcha().polling(challenge),
    firstMs: 5e3,
    everyMs: 2e3,
    isGoal: true,
  },
  {
    name: 'capmonstercloud-client',
    polling: capMonster().polling(challenge),
    firstMs: 1e3,
    everyMs: 3e3,
    isGoal: true,
  },
  // Its first poll is so late that no schedule whatever, knowing the distribution, gets below 0.93 × its polls at 1.05 × its idle time.
  {
    name: 'capmonstercloud-client, nocache',
    polling: capMonster().polling(challenge),
    firstMs: 10e3,
    everyMs: 3e3,
    isGoal: false,
  },
]

/** How long tasks take, in ms: the share of the run that is over tells the time of day. */
type Times = (normal: () => number, over: number) => number

const TIMES: Readonly<Record<string, Times>> = {
  'log-normal, median 14 s, σ 0.4': (normal) => 14_000 * Math.exp(0.4 * normal()),
  // A model of a service's day: slower and quicker hours, and less difference within an hour.
  'a day with rush hours': (normal, over) =>
    14_000 * Math.exp(0.45 * Math.sin(over * 2 * Math.PI) + 0.12 * Math.sin(over * 50) + 0.3 * normal()),
}

const SOLVES = 20_000

export async function pollsBench(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const [name, times] of Object.entries(TIMES)) {
    for (const client of CLIENTS) rows.push(...against(client, name, times))
  }
  return [...rows, ...(await together())]
}

function against({ name, polling, firstMs, everyMs, isGoal }: Client, timesName: string, times: Times): BenchRow[] {
  const normal = chance(7)
  const pace = new PollSchedule(polling)
  const ours = { polls: 0, idleMs: 0 }
  const theirs = { polls: 0, idleMs: 0 }
  for (let i = 0; i < SOLVES; i++) {
    const readyMs = times(normal, i / SOLVES)
    const polls = Math.max(0, Math.ceil((readyMs - firstMs) / everyMs)) + 1
    theirs.polls += polls
    theirs.idleMs += firstMs + (polls - 1) * everyMs - readyMs
    let last: number | undefined
    for (;;) {
      const at = pace.next(last)
      ours.polls++
      if (at >= readyMs) {
        ours.idleMs += at - readyMs
        pace.observe({ after: last ?? 0, by: at })
        break
      }
      last = at
    }
  }
  return compared(
    `${timesName}`,
    `${name}: ${firstMs / 1000} s, then every ${everyMs / 1000}`,
    ours,
    theirs,
    SOLVES,
    isGoal,
  )
}

/** Many solves at a time, at a service that can be asked for many tasks in one call: a whole guard, over a service in memory. */
async function together(): Promise<BenchRow[]> {
  const atATime = 40
  const solves = 2_000
  const normal = chance(11)
  const clock = manualClock()
  const tasks = new Map<string, number>()
  const ours = { polls: 0, idleMs: 0 }
  const theirs = { polls: 0, idleMs: 0 }
  const send = async ({ path, fields }: Call): Promise<Reply> => {
    if (path === '/in.php') {
      const id = String(tasks.size + 1)
      const tookMs = 14_000 * Math.exp(0.4 * normal())
      const polls = Math.max(0, Math.ceil((tookMs - 5_000) / 5_000)) + 1
      theirs.polls += polls
      theirs.idleMs += polls * 5_000 - tookMs
      tasks.set(id, clock.monotonic() + tookMs)
      return plain(`OK|${id}`)
    }
    ours.polls++
    const words = String(fields.ids ?? fields.id)
      .split(',')
      .map((id) => ((tasks.get(id) as number) <= clock.monotonic() ? `token-${id}` : 'CAPCHA_NOT_READY'))
    return plain(fields.ids === undefined && words[0] !== 'CAPCHA_NOT_READY' ? `OK|${words[0]}` : words.join('|'))
  }
  const version = { value: new Secret('0123456789abcdef0123456789abcdef'), version: '1' }
  const guard = await composeGuard(
    { origins: ['https://staging.example.com'], budget: { perDay: usd(100_000) } },
    {
      name: 'bench',
      clock,
      accounts: [
        {
          name: 'twocaptcha',
          solver: twoCaptcha({ api: 'v1' }),
          secret: { kind: 'bench', place: 'the benchmark', fetch: () => ({ current: version }) },
          transport: () => ({ route: 'direct', verify() {}, send, async close() {} }),
        },
      ],
      ledger: memoryLedger(),
      sink: noSink,
    },
  )
  let begun = 0
  let done = 0
  const one = async (): Promise<void> => {
    while (begun < solves) {
      begun++
      const { taskId } = await guard.solve(challenge)
      ours.idleMs += clock.monotonic() - (tasks.get(taskId) as number)
      done++
    }
  }
  for (let i = 0; i < atATime; i++) void one()
  for (let step = 0; done < solves && step < 100_000; step++) await clock.advance(100)
  await guard.close()
  return compared(`${atATime} at a time, several in one call`, '@2captcha/captcha-solver', ours, theirs, solves, true)
}

interface Figures {
  polls: number
  idleMs: number
}

function compared(
  name: string,
  against: string,
  ours: Figures,
  theirs: Figures,
  solves: number,
  isGoal: boolean,
): BenchRow[] {
  const row = (what: string, value: number, baseline: number, unit: string, most: number): BenchRow => {
    const ratio = value / baseline
    const goal = isGoal ? { target: `≤ ${most} ×`, ok: ratio <= most } : {}
    return { name: `${what}: ${name}`, value, unit, against, baseline, ratio, ...goal }
  }
  return [
    row('calls for an answer', ours.polls / solves, theirs.polls / solves, 'calls', 0.75),
    row('ready until known', ours.idleMs / solves / 1000, theirs.idleMs / solves / 1000, 's', 1.05),
  ]
}

/** Standard normal numbers, the same each time. */
function chance(seed: number): () => number {
  let state = seed
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

function plain(body: string): Reply {
  return { status: 200, contentType: 'text/html', body }
}
