import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { antiCaptcha, captchaAI } from '../../../src/solvers/index.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { leaks } from '../../support/key-leaks.js'
import { after, challenge, errorOf, rig } from '../support.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-echo-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const KEY = '5f0c1d9ab73e42688c1f4e7d20b9a6c3'
/** How a service may repeat the key. */
const WRITTEN: readonly (readonly [how: string, text: string])[] = [
  ['as it is', KEY],
  ['in capitals', KEY.toUpperCase()],
  ['cut off at its end', KEY.slice(0, 20)],
  ['cut off at its beginning', KEY.slice(-12)],
  ['with spaces', KEY.replace(/..../g, '$& ')],
  ['with zero-width characters', [...KEY].join('\u200b')],
  ['in two lines, in capitals', `${KEY.slice(0, 16)}\n${KEY.slice(16)}`.toUpperCase()],
]

const SERVICES = [
  ['captchaai', captchaAI, (text: string) => ({ status: 0, request: `ERROR_NEW ${text}` })],
  [
    'anticaptcha',
    antiCaptcha,
    (text: string) => ({ errorId: 99, errorCode: `ERROR_${text}`, errorDescription: `the key ${text} is unknown` }),
  ],
] as const
const CASES = SERVICES.flatMap(([name, make, reply]) =>
  WRITTEN.map(([how, text]) => [name, how, text, make, reply] as const),
)

it.each(CASES)(
  'a key that %s repeats %s is in no error, event, log, record or wire log',
  async (as, _, text, make, reply) => {
    const service = await startSolverService({ as, keys: { [KEY]: 10 } })
    after(() => service.close())
    const logged: unknown[] = []
    const log = (...line: unknown[]) => void logged.push(line)
    const polling = { firstPollMs: 0, everyMs: 1 }
    const { guard, audit } = await rig({
      service,
      guardOptions: {
        solver: make({ baseUrl: service.url, polling, pricing: { per: 'solve', usd: 0.001 } }),
        logger: { debug: log, info: log, warn: log },
        trace: join(folder, 'wire.har'),
      },
    })
    const errors: unknown[] = []
    const solve = async () => errors.push(await errorOf(guard.solve(challenge)))
    service.next('in', { body: JSON.stringify(reply(text)) })
    await solve()
    service.next('res', { body: JSON.stringify(reply(text)) })
    await solve()
    service.next('in', { status: 403, body: `<html>${text}</html>` })
    await solve()
    // As the id of a task, which is then polled.
    service.next('in', { body: JSON.stringify({ status: 1, request: text, errorId: 0, taskId: text }) })
    service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    await solve()
    service.next('balance', { body: JSON.stringify(reply(text)) })
    const advice = await guard.recommendConcurrency().catch((error: unknown) => error)
    const [file = ''] = readdirSync(folder)
    const seen = {
      errors: errors.map((error) => inspect(error, { depth: 9 }) + JSON.stringify(error)).join('\n'),
      advice: inspect(advice, { depth: 9 }),
      logged: JSON.stringify(logged),
      records: JSON.stringify(audit.events),
      wireLog: readFileSync(join(folder, file), 'utf8'),
    }
    expect(errors).toHaveLength(4)
    for (const [place, shown] of Object.entries(seen)) expect([place, leaks(KEY, shown)]).toEqual([place, []])
    expect(seen.wireLog).toContain('[secret ')
  },
)
