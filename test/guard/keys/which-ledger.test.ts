import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { jsonlAudit } from '../../../src/audit/jsonl.js'
import type { Reply } from '../../../src/base/wire.js'
import { composeGuard } from '../../../src/guard/compose.js'
import { machineKeys } from '../../../src/guard/keys/machine-keys.js'
import { fileLedger } from '../../../src/ledger/file.js'
import { usd } from '../../../src/policy/money.js'
import { parsePolicy } from '../../../src/policy/schema.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, fixedSecret, settleWith } from '../support.js'

// The ledger compares the clock with the file's own time.
const T0 = Date.now()
let dir: string
let tasks = 0

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'solveguard-which-'))
  return () => rmSync(dir, { recursive: true })
})

interface Setup {
  readonly state?: string
  readonly isCi?: boolean
  readonly sharedKey?: boolean
  readonly solves?: number
}

/** A guard's life: it solves, and closes. Returns its alerts. */
async function live({ state = 'state', isCi = false, sharedKey, solves = 0 }: Setup = {}): Promise<string[]> {
  const clock = manualClock(T0)
  const audit = join(dir, 'audit')
  const json = (body: string): Reply => ({ status: 200, contentType: 'application/json', body })
  const guard = await composeGuard(
    parsePolicy({ origins: ['https://staging.example.com'], budget: { perDay: usd(1) } }),
    {
      name: 'tests',
      clock,
      tokenKeys: fixedSecret('0123456789abcdef0123456789abcdef'),
      accounts: [
        {
          name: 'captchaai',
          solver: captchaAI({
            baseUrl: 'http://127.0.0.1:9',
            polling: { firstPollMs: 0, everyMs: 0 },
            pricing: { per: 'solve', usd: 0.001 },
          }),
          secret: fixedSecret('0123456789abcdef0123456789abcdef'),
          transport: () => ({
            route: 'direct',
            verify() {},
            send: async ({ path }) =>
              json(
                path === '/in.php'
                  ? `{"status":1,"request":"${++tasks}"}`
                  : `{"status":1,"request":"03AF${'x'.repeat(500)}"}`,
              ),
            async close() {},
          }),
          sharedKey,
        },
      ],
      ledger: fileLedger({ dir: join(dir, state) }),
      sink: jsonlAudit({ dir: audit }),
      auditFolder: audit,
      machine: { keys: machineKeys(join(dir, 'keys.json')), isCi },
    },
  )
  const alerts: string[] = []
  guard.on('alert', ({ code, message }) => void alerts.push(`${code}: ${message}`))
  await clock.advance(1)
  for (let i = 0; i < solves; i++) await settleWith(clock, guard.solve(challenge), 10)
  await guard.close()
  return alerts
}

describe('the ledger of a guard', () => {
  it('is reported where it has forgotten what the audit log of today has', async () => {
    expect(await live({ solves: 2 })).toEqual([])
    const older = join(dir, 'older.db')
    copyFileSync(join(dir, 'state/ledger.db'), older)
    expect(await live({ solves: 3 })).toEqual([])
    copyFileSync(older, join(dir, 'state/ledger.db'))
    const [alert] = await live()
    expect(alert).toMatch(/^LEDGER_BEHIND_AUDIT: .*has spent \$0\.005, and its ledger .* knows of \$0\.002/)
  })

  it('is reported where a CI job began it, once', async () => {
    const [alert] = await live({ isCi: true })
    expect(alert).toMatch(/^LEDGER_NEW_IN_CI: .*redisLedger/)
    expect(await live({ isCi: true })).toEqual([])
    expect(await live({ state: 'elsewhere' })).toEqual([])
  })

  it('is reported where its key is used with another one on this machine, once', async () => {
    expect(await live({ solves: 1 })).toEqual([])
    const alerts = await live({ state: 'elsewhere', solves: 2 })
    const [found] = alerts.filter((alert) => alert.startsWith('KEY_IN_TWO_LEDGERS'))
    expect(found).toContain(join(dir, 'elsewhere/ledger.db'))
    expect(found).toContain(join(dir, 'state/ledger.db'))
    expect(found).not.toContain('0123456789abcdef0123456789abcdef')
    for (const state of ['state', 'elsewhere']) {
      const later = await live({ state, solves: 1 })
      expect(later.filter((alert) => alert.startsWith('KEY_IN_TWO_LEDGERS'))).toEqual([])
    }
  })

  it('may be one of several where the key is shared on purpose', async () => {
    await live({ solves: 1, sharedKey: true })
    const alerts = await live({ state: 'elsewhere', solves: 1, sharedKey: true })
    expect(alerts.filter((alert) => alert.startsWith('KEY_IN_TWO_LEDGERS'))).toEqual([])
  })
})
