import { describe, expect, it } from 'vitest'
import { formatStatus } from '../../../src/guard/format-status.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import { describeToken } from '../../../src/tokens/describe.js'
import { narrowToken } from '../../../src/tokens/narrow.js'
import { challenge, errorOf, rig } from '../support.js'

/** Two guards of one name over one ledger, as two processes have them. */
async function pair() {
  const ledger = memoryLedger()
  const here = await rig({ ledger })
  return { here, there: await rig({ ledger, service: here.service }) }
}

const outcome = (solve: Promise<unknown>) =>
  solve.then(
    () => 'solved',
    (error: { code: string }) => error.code,
  )

describe('guard.pause', () => {
  it('pauses the guard for every process at once, until it is resumed, with a reason on the record', async () => {
    const { here, there } = await pair()
    const paused: string[] = []
    there.guard.on('paused', ({ reason }) => paused.push(reason.message))
    await here.guard.pause('The bill is being investigated.')
    const error = await errorOf(there.guard.narrow({}).solve(challenge))
    expect(error).toMatchObject({ code: 'GUARD_PAUSED', layer: 'spending' })
    expect(error.message).toContain('The bill is being investigated.')
    expect(paused).toEqual(['The bill is being investigated.'])
    expect((await there.guard.status()).paused).toMatchObject({ code: 'MANUAL' })
    // The first reason is kept.
    await there.guard.pause('Another one.')
    expect((await here.guard.status()).paused?.message).toBe('The bill is being investigated.')
    await there.guard.resume()
    await here.guard.solve(challenge)
    const pauses = [here, there].map(({ audit }) => audit.events.filter(({ action }) => action === 'paused').length)
    expect(pauses).toEqual([1, 0])
  })

  it('pauses a subject: each of its tokens and grants, whichever process has them, and nothing else', async () => {
    const { here, there } = await pair()
    const { token } = await here.guard.issueToken({}, { subject: 'ci-4711' })
    const { token: other } = await here.guard.issueToken({}, { subject: 'ci-4712' })
    const grants = [
      await here.guard.verifyToken(token),
      await here.guard.verifyToken(await narrowToken(token, {}, { subject: 'sign-in' })),
      there.guard.narrow({}, { subject: 'ci-4711' }),
      there.guard.narrow({}, { subject: 'ci-4711' }).narrow({}),
      await here.guard.verifyToken(other),
      there.guard,
    ]
    const outcomes = () => Promise.all(grants.map((grant) => outcome(grant.solve(challenge))))
    await there.guard.pause('It loops.', { subject: 'ci-4711' })
    expect(await outcomes()).toEqual([...Array(4).fill('GUARD_PAUSED'), 'solved', 'solved'])
    const error = await errorOf((grants[0] ?? here.guard).solve(challenge))
    expect(error.message).toContain('It loops.')
    expect(there.audit.events).toContainEqual(
      expect.objectContaining({ action: 'paused', subject: 'ci-4711', message: 'It loops.', code: 'MANUAL' }),
    )
    expect((await grants[1]?.status())?.links).toMatchObject([
      { subject: 'ci-4711', paused: { message: 'It loops.' } },
      { subject: 'sign-in', paused: undefined },
    ])
    expect((await here.guard.status()).pauses).toEqual([
      { subject: 'ci-4711', reason: { code: 'MANUAL', message: 'It loops.', at: expect.any(Number) } },
    ])
    expect((await here.guard.narrow({}).status()).pauses).toEqual([])
    expect(formatStatus(await here.guard.status())).toMatch(/^PAUSED, the subject 'ci-4711', since .*: It loops\.$/m)
    const shown = formatStatus((await grants[1]?.status()) ?? (await here.guard.status()))
    expect(shown).toMatch(/^Link [\w-]{16} \(ci-4711\): \$0\.00 spent, \$0\.00 reserved, valid until .*, paused\.$/m)
    // The guard's own resume lifts no pause of a subject.
    await here.guard.resume()
    expect(await outcome(there.guard.narrow({}, { subject: 'ci-4711' }).solve(challenge))).toBe('GUARD_PAUSED')
    await here.guard.resume({ subject: 'ci-4711' })
    expect(await outcomes()).toEqual(Array(6).fill('solved'))
    expect(here.audit.events).toContainEqual(expect.objectContaining({ action: 'resumed', subject: 'ci-4711' }))
  })

  it('pauses a token by the id of any of its links, with all that was narrowed from it', async () => {
    const { here } = await pair()
    const { token, id } = await here.guard.issueToken({})
    const child = await narrowToken(token, {})
    const grants = await Promise.all([token, child].map((each) => here.guard.verifyToken(each)))
    const outcomes = () => Promise.all(grants.map((grant) => outcome(grant.solve(challenge))))
    await here.guard.pause(undefined, { token: describeToken(child).links[1]?.id })
    expect(await outcomes()).toEqual(['solved', 'GUARD_PAUSED'])
    await here.guard.pause(undefined, { token: id })
    expect(await outcomes()).toEqual(['GUARD_PAUSED', 'GUARD_PAUSED'])
    expect((await here.guard.status()).pauses.map(({ token }) => token)).toContain(id)
    await here.guard.resume({ token: id })
    expect(await outcomes()).toEqual(['solved', 'GUARD_PAUSED'])
  })

  it('stays for longer than a token or a process lives', async () => {
    const clock = manualClock(Date.UTC(2026, 10, 25, 12))
    const { guard } = await rig({ clock })
    await guard.pause('For good.', { subject: 'x' })
    clock.set(Date.UTC(2031, 10, 25, 12))
    expect(await outcome(guard.narrow({}, { subject: 'x' }).solve(challenge))).toBe('GUARD_PAUSED')
  })

  it('takes a subject of any length and characters', async () => {
    const { guard } = await rig()
    for (const subject of ['x'.repeat(5_000), 'ü "\n\u0000', 'token AAAAAAAAAAAAAAAA']) {
      await guard.pause('Why.', { subject })
      expect(await outcome(guard.narrow({}, { subject }).solve(challenge))).toBe('GUARD_PAUSED')
      await guard.resume({ subject })
      expect(await outcome(guard.narrow({}, { subject }).solve(challenge))).toBe('solved')
    }
  })

  it.each([
    [4711, undefined],
    ['x', { subject: '' }],
    ['x', { token: 'short' }],
    ['x', { token: 'AAAAAAAAAAAAAAAA', subject: 'x' }],
    ['x', { guard: 'tests' }],
  ])('rejects what it does not understand (%#)', async (reason, target) => {
    const { guard } = await rig()
    const error = await errorOf(guard.pause(reason as string, target as object))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^(reason|target)/) })
    expect(await outcome(guard.solve(challenge))).toBe('solved')
  })

  it('is on the record once, by its first process, with a sentence that names a token', async () => {
    const { here, there } = await pair()
    const { id } = await here.guard.issueToken({})
    await here.guard.pause('  It is being looked at.  ', { token: id })
    await there.guard.pause('Another one.', { token: id })
    await there.guard.resume({ token: id })
    await here.guard.pause('  ', { subject: 'ci-4711' })
    await here.guard.resume({ subject: 'ci-4711' })
    const recorded = [here, there].map(({ audit }) =>
      audit.events.flatMap(({ action, subject, message }) =>
        action === 'paused' || action === 'resumed' ? [[action, subject, message]] : [],
      ),
    )
    expect(recorded).toEqual([
      [
        ['paused', undefined, `The link ${id} of tokens. It is being looked at.`],
        ['paused', 'ci-4711', 'It was paused by hand.'],
        ['resumed', 'ci-4711', undefined],
      ],
      [['resumed', undefined, `The link ${id} of tokens. `]],
    ])
  })

  it('does not repeat a token that was passed in place of its id', async () => {
    const { guard } = await rig()
    const { token } = await guard.issueToken({})
    for (const call of [guard.revokeToken(token), guard.pause('x', { token }), guard.resume({ token })]) {
      const error = await errorOf(call)
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
      expect(error.message).not.toContain(token.split('.')[2])
    }
  })
})

describe('an operator', () => {
  it('gets no alert for the links of a holder, which can make as many as it likes', async () => {
    const { guard } = await rig({ policy: { budget: { perDay: usd(1), alertsAt: [0.5] } } })
    const alerts: string[] = []
    guard.on('alert', ({ code }) => alerts.push(code))
    const { token } = await guard.issueToken({ budget: { perDay: usd(0.1) } })
    for (let i = 0; i < 5; i++) {
      const grant = await guard.verifyToken(await narrowToken(token, { budget: { perDay: usd(0.001) } }))
      await grant.solve(challenge)
    }
    expect(alerts).toEqual([])
    const { token: watched } = await guard.issueToken({ budget: { perDay: usd(0.001), alertsAt: [0.9] } })
    await (await guard.verifyToken(watched)).solve(challenge)
    expect(alerts).toEqual(['BUDGET_THRESHOLD'])
  })
})
