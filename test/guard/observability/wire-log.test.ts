import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AnyChallenge } from '../../../src/base/challenge.js'
import { usd } from '../../../src/policy/money.js'
import type { SolverOptions } from '../../../src/solvers/options.js'
import type { Solver } from '../../../src/solvers/solver.js'
import { SOLVERS } from '../../../src/solvers/table.js'
import { twoCaptcha } from '../../../src/solvers/two-captcha.js'
import { type ServiceName, startSolverService } from '../../../src/testing/service/index.js'
import { EVERY, GRID, IMAGE } from '../../solvers/contract.js'
import { parseHar } from '../../support/har.js'
import { after, challenge, errorOf, rig } from '../support.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-trace-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function traced(): { text: string; log: ReturnType<typeof parseHar> } {
  const [name = ''] = readdirSync(folder)
  const text = readFileSync(join(folder, name), 'utf8')
  return { text, log: parseHar(text) }
}

it('`trace` writes each call of a guard to the wire log in order, as soon as the call has ended', async () => {
  const trace = join(folder, 'wire.har')
  const { guard, service } = await rig({ serviceOptions: { solveMs: 20 }, guardOptions: { trace } })
  const solution = await guard.solve(challenge)
  await solution.reportGood()
  service.next('in', { error: 'ERROR_WRONG_GOOGLEKEY' }, { drop: true })
  await errorOf(guard.solve(challenge))
  await errorOf(guard.solve(challenge))
  await guard.recommendConcurrency()
  const { entries } = traced().log
  const polls = service.requests.filter(({ endpoint }) => endpoint === 'res').length
  expect(entries.map(({ comment }) => comment)).toEqual([
    'submit: direct',
    ...Array(polls).fill('poll: direct'),
    'report: direct',
    'submit: direct',
    'submit: direct',
    'balance: direct',
  ])
  expect(entries.at(-1)?.response.content.text).toMatch(/"request":"?\d/)
  expect(entries.at(-3)?.response.content.text).toContain('ERROR_WRONG_GOOGLEKEY')
  expect(entries.at(-2)?._error).toMatch(/cut off/)
  expect(readdirSync(folder)).toEqual([`wire.${process.pid}.har`])
})

it('a guard that cannot be created leaves no wire log', async () => {
  await errorOf(rig({ policy: { origins: [] }, guardOptions: { trace: join(folder, 'wire.har') } }))
  expect(readdirSync(folder)).toEqual([])
})

const MAKERS: [string, ServiceName, (options: SolverOptions) => Solver][] = [
  ...Object.entries(SOLVERS).map(([name, make]): (typeof MAKERS)[number] => [name, name as ServiceName, make]),
  ['twocaptcha, by its older API', 'twocaptcha', (options) => twoCaptcha({ ...options, api: 'v1' })],
]

describe.each(MAKERS)('a wire log of %s', (_, as, make) => {
  it('has every call, and no key, answer, picture or query of a page', async () => {
    const service = await startSolverService({ as, solveMs: 5 })
    after(() => service.close())
    const polling = { firstPollMs: 0, everyMs: 1 }
    const solver = make({ baseUrl: service.url, polling, pricing: { per: 'solve', usd: 0.001 } })
    const { guard } = await rig({
      service,
      policy: { budget: { perDay: usd(1) }, recaptchaV3: 'solve' },
      guardOptions: { solver, trace: join(folder, 'wire.har') },
    })
    const solvable = [...EVERY, IMAGE, GRID].filter((one: AnyChallenge) => solver.unsupported(one) === undefined)
    expect(solvable.length).toBeGreaterThan(2)
    const proxied = guard.narrow({ pageProxy: 'http://203.0.113.9:3128' })
    const solutions = await Promise.all(
      solvable.map((one) => (solver.proxyUnsupported(one, undefined) === undefined ? guard : proxied).solve(one)),
    )
    const { text, log } = traced()
    expect(log.entries.length).toBeGreaterThanOrEqual(service.requests.length)
    expect(text.includes(service.key)).toBe(false)
    // Answers to pictures and grids are too short to search everywhere: only the replies could contain them. The ids of
    // tasks there may contain the same digits.
    const ids = service.tasks.map(({ id }) => id)
    const replies = log.entries.map(({ response }) =>
      ids.reduce((reply, id) => reply.replaceAll(id, 'id'), response.content.text ?? ''),
    )
    for (const [i, { token, fields }] of solutions.entries()) {
      // The time of creation is no secret: services return it beside the answer as well.
      const { gen_time: _, ...values } = fields ?? {}
      for (const answer of [token, ...Object.values(values)]) {
        const of = solvable[i] as AnyChallenge
        // GeeTest's answers repeat values of the challenge.
        const asked = [of].flatMap((one) => ('sitekey' in one ? [one.sitekey, one.challenge ?? one.sitekey] : []))
        if (asked.some((one) => answer.startsWith(one))) continue
        const where = of.family === 'image' || of.family === 'bls' ? replies.join('\n') : text
        for (const spelling of [answer, answer.slice(0, 20), JSON.stringify(answer).slice(1, -1)]) {
          expect(`${of.family}: ${where.includes(spelling)}`).toBe(`${of.family}: false`)
        }
      }
    }
    expect(text.includes('%2Fhome')).toBe(false)
    const asked = log.entries.map(({ request }) => request.postData?.text ?? '')
    for (const body of asked) expect(body.length).toBeLessThan(1_500)
  })
})
