import fc from 'fast-check'
import type { TestInfo } from 'playwright/test'
import { describe, expect, it } from 'vitest'
import { WorkerSpending } from '../../../src/adapters/playwright-test/worker-spending.js'
import { createGuardOver } from '../../../src/guard/create.js'
import { SpendingMeter } from '../../../src/guard/spending/meter.js'
import type { Ledger } from '../../../src/ledger/ledger.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { memoryAudit } from '../../../src/testing/audit.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { after, challenge, fixedSecret } from '../../guard/support.js'

interface Attachment {
  readonly spent: number
  readonly solved: number
  readonly failed: number
}

/** A worker with a guard, and the tests that it runs: what Playwright has of them. */
async function worker(ledger: Ledger = memoryLedger()) {
  const service = await startSolverService()
  after(() => service.close())
  const meter = new SpendingMeter()
  const guard = await createGuardOver(
    {
      name: 'suite',
      solver: captchaAI({
        baseUrl: service.url,
        polling: { firstPollMs: 0, everyMs: 5 },
        pricing: { per: 'solve', usd: 0.001 },
      }),
      secret: fixedSecret(service.key),
      policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(1) } },
      ledger,
      audit: memoryAudit(),
      tokens: { keys: fixedSecret('0123456789abcdef'.repeat(4)) },
    },
    { meter },
  )
  after(() => guard.close())
  let current: TestInfo | undefined
  const spending = new WorkerSpending(() => current)
  spending.watch({ guard, meter })
  /** Begins a test, with its hooks; undefined: the worker runs none. */
  const test = (): Pick<TestInfo, 'annotations' | 'attachments'> & { attached: () => readonly Attachment[] } => {
    const attachments: TestInfo['attachments'] = []
    const info = {
      annotations: [] as TestInfo['annotations'],
      attachments,
      attach: async (name: string, content: { body: Buffer; contentType: string }) => {
        attachments.push({ name, ...content })
      },
      attached: () => attachments.map(({ body }) => JSON.parse(String(body)) as Attachment),
    }
    current = info as Partial<TestInfo> as TestInfo
    return info
  }
  return {
    guard,
    service,
    spending,
    test,
    begin: () => spending.begin(current as TestInfo),
    buy: () => guard.solve(challenge),
  }
}

describe('what a worker spends', () => {
  it('is reported to the test in which it was spent, with what hooks before it spent', async () => {
    const { test, begin, spending, buy } = await worker()
    const first = test()
    await buy()
    begin()
    await buy()
    await spending.end()
    const second = test()
    begin()
    await buy()
    await spending.end()
    expect(first.attached()).toMatchObject([{ spent: 2_000, solved: 2 }])
    expect(second.attached()).toMatchObject([{ spent: 1_000, solved: 1 }])
  })

  it('is no more than nothing for a test that asks for nothing: it asks no ledger', async () => {
    const ledger = memoryLedger()
    const { test, begin, spending } = await worker(ledger)
    const info = test()
    begin()
    ledger.usage = () => {
      throw new Error('asked')
    }
    await spending.end()
    expect(info).toMatchObject({ annotations: [], attachments: [] })
  })

  it('by hooks after a test is added to the test, and is not reported again to the next one', async () => {
    const { test, begin, spending, buy } = await worker()
    const first = test()
    begin()
    await buy()
    await spending.end()
    await buy()
    expect(first.attached()).toMatchObject([
      { spent: 1_000, solved: 1 },
      { spent: 1_000, solved: 1 },
    ])
    expect(first.annotations).toHaveLength(2)
    const second = test()
    begin()
    await buy()
    await spending.end()
    expect(second.attached()).toMatchObject([{ spent: 1_000, solved: 1 }])
  })

  it('is reported to the cent, whatever is bought when, and also where it is in doubt what a solve cost', async () => {
    const { guard, service, spending, test, begin, buy } = await worker()
    const tests: ReturnType<typeof test>[] = []
    let open = false
    const steps = {
      begin() {
        if (open) return
        tests.push(test())
        begin()
        open = true
      },
      buy: () => buy(),
      async fail() {
        service.next('in', { drop: true })
        await expect(buy()).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
      },
      async deny() {
        const elsewhere = { ...challenge, pageUrl: 'https://elsewhere.example/' }
        await expect(guard.solve(elsewhere)).rejects.toMatchObject({ code: 'ORIGIN_NOT_NAMED' })
      },
      async end() {
        if (!open) return
        await spending.end()
        open = false
      },
    }
    const names = fc.constantFrom(...(Object.keys(steps) as (keyof typeof steps)[]))
    await fc.assert(
      fc.asyncProperty(fc.array(names, { maxLength: 12 }), async (order) => {
        for (const name of order) await steps[name]()
        // What hooks spent after the last test whose hooks are over is reported to the next one.
        steps.begin()
        await steps.end()
        const { spent, reserved } = (await guard.status()).day
        const reports = tests.flatMap((info) => info.attached())
        expect(reports.reduce((sum, each) => sum + each.spent, 0)).toBe(spent + reserved)
      }),
      { numRuns: 30 },
    )
  })

  it('is reported as far as it is known where the ledger does not answer', async () => {
    const ledger = memoryLedger()
    const { test, begin, spending, buy } = await worker(ledger)
    const info = test()
    begin()
    await buy()
    ledger.usage = () => {
      throw new Error('The ledger is down.')
    }
    await spending.end()
    expect(info.attached()).toMatchObject([{ spent: 1_000, solved: 1 }])
  })
})
