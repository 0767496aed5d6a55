// The process under test: does what FAULTS_RUN says, while its calls fail. Writes each outcome as a line of JSON, and
// ends by itself.
import { readdirSync, readlinkSync, writeSync } from 'node:fs'
import { webhookAlerts } from '../../../src/alerts/index.js'
import { copyAudit, elasticsearchAudit, jsonlAudit } from '../../../src/audit/index.js'
import { CODES, SolveguardError } from '../../../src/base/errors.js'
import { createGuard, type Guard, type GuardOptions, usd } from '../../../src/index.js'
import { fileLedger, redisLedger } from '../../../src/ledger/index.js'
import { vaultSecret } from '../../../src/secrets/index.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { fastClock } from '../fast-clock.js'
import { dailyBudget, GUARD_NAME, HOOK_SECRET, type Line, PRICE, pages, type RunConfiguration, SPEED } from './run.js'

const run = JSON.parse(process.env.FAULTS_RUN ?? '') as RunConfiguration
const clock = fastClock(SPEED, run.aheadMs)

/** Written by one call, so that a line is whole even if the process is killed next. */
function write(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

/** Does it, and writes how it ended. */
async function attempt<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    const value = await work()
    write({ what: 'done', name })
    return value
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof SolveguardError && Object.hasOwn(CODES, error.code)) {
      write({ what: 'failed', name, code: error.code, message })
    } else write({ what: 'no code', name, message: error instanceof Error ? (error.stack ?? message) : message })
    return undefined
  }
}

function options(): GuardOptions {
  const { workload, dir, redisUrl, elasticsearchUrl, hookUrl, vaultUrl } = run
  const value = new Secret(run.key)
  const jsonl = jsonlAudit({ dir: `${dir}/audit` })
  const elasticsearch = () => elasticsearchAudit({ url: elasticsearchUrl ?? '', clock })
  return {
    name: GUARD_NAME,
    clock,
    stateDir: dir,
    solver: captchaAI({
      baseUrl: run.serviceUrl,
      // What is to be left behind must not be done before the process ends.
      polling: { firstPollMs: workload === 'orphans' ? 60_000 : 20, everyMs: 20 },
      pricing: { per: 'solve', usd: PRICE },
    }),
    secret:
      vaultUrl === undefined
        ? { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) }
        : vaultSecret({ address: vaultUrl, path: 'captcha', auth: { token: 'a-token' } }),
    policy: {
      origins: ['https://staging.example.com'],
      budget: { perDay: usd(dailyBudget(workload)), alertsAt: [0.5, 0.8] },
      deadline: '20s',
    },
    ledger:
      redisUrl === undefined ? fileLedger({ dir, clock }) : redisLedger({ url: redisUrl, prefix: run.name, clock }),
    audit:
      workload === 'elasticsearch'
        ? elasticsearch()
        : workload === 'copy'
          ? [jsonl, copyAudit(elasticsearch(), { clock })]
          : jsonl,
    ...(hookUrl !== undefined && { alerts: [webhookAlerts({ url: hookUrl, secret: HOOK_SECRET })] }),
  }
}

/** Solves them one after the other, and asks for the guard's state in between. */
async function solveAll(guard: Guard, count: number): Promise<void> {
  for (const page of pages(run, count)) await attempt('solve', () => guard.solve(page))
  await attempt('status', () => guard.status())
}

async function work(guard: Guard): Promise<void> {
  switch (run.workload) {
    case 'solve':
    case 'vault':
    case 'elasticsearch':
    case 'copy':
      return solveAll(guard, 3)
    case 'limit':
    case 'alerts':
    case 'redis':
      return solveAll(guard, 6)
    case 'stream':
      await attempt('stream', () =>
        guard
          .stream(pages(run, 5), { concurrency: 3 })
          .forEach(async (result) => void (await attempt('item', async () => unwrap(result)))),
      )
      return
    case 'batch':
      // The second one finds what the first one has done.
      for (const name of ['batch', 'the batch again']) {
        await attempt(name, () =>
          guard
            .stream(pages(run, 4), { batch: 'nightly', concurrency: 2 })
            .forEach(async (result) => void (await attempt('item', async () => unwrap(result)))),
        )
      }
      await attempt('batch items', () => guard.batch('nightly'))
      return
    case 'recovery':
      // A solve of its own while it follows the tasks that another process left.
      await solveAll(guard, 1)
      await recovered(guard)
      return
    case 'close': {
      const solves = pages(run, 3).map((page) => attempt('solve', () => guard.solve(page)))
      await new Promise<void>((resolve) => void clock.after(30, resolve))
      await attempt('close', () => guard.close())
      await Promise.all(solves)
      return
    }
    case 'orphans':
      guard.on(
        'submitted',
        (() => {
          let left = 3
          return () => {
            // Later, so that the ledger has the task.
            if (--left === 0) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)
          }
        })(),
      )
      await Promise.all(pages(run, 3).map((page) => attempt('solve', () => guard.solve(page))))
  }
}

function unwrap(result: { readonly ok: true } | { readonly ok: false; readonly error: unknown }): void {
  if (!result.ok) throw result.error
}

/** Until nothing is reserved any more, or some heartbeats have passed. */
async function recovered(guard: Guard): Promise<void> {
  for (let tries = 0; tries < 30; tries++) {
    const status = await attempt('status', () => guard.status())
    if (status?.day.reserved === 0) return
    await new Promise<void>((resolve) => void clock.after(1_000, resolve))
  }
}

function openFiles(): string[] {
  try {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${fd}`)
        return path.startsWith(`${run.dir}/`) ? [path] : []
      } catch {
        return []
      }
    })
  } catch {
    // No descriptor is left with which to look.
    return []
  }
}

const guard = await attempt('create', () => createGuard(options()))
if (guard) {
  guard.on('alert', ({ code }) => write({ what: 'alert', code }))
  await work(guard)
  await attempt('close', () => guard.close())
}
const paths = openFiles()
if (paths.length > 0) write({ what: 'open files', paths })
write({ what: 'closed' })
