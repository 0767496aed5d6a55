import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import type { GuardEvents } from '../../../src/guard/types.js'
import { usd } from '../../../src/policy/money.js'
import { describeToken } from '../../../src/tokens/describe.js'
import { challenge, errorOf } from '../support.js'
import { anyToken, lightOver, lightRig } from './support.js'

const elsewhere = { ...challenge, pageUrl: 'https://shop.example.com/' }

describe('a guard that holds no key', () => {
  it('solves by the broker, which spends, records and counts it', async () => {
    const { light, service, guard, audit } = await lightRig({ tokenOptions: { subject: 'ci-4711' } })
    const solved: GuardEvents['solved'][] = []
    light.on('solved', (event) => solved.push(event))
    const solution = await light.solve(challenge)
    expect(solution).toMatchObject({ cost: 1_000, imputed: false, taskId: expect.stringMatching(/./) })
    expect(service.tasks).toHaveLength(1)
    expect(solution.token).not.toBe('')
    expect(solution.expiresAt.getTime()).toBeGreaterThan(Date.now())
    expect(inspect(solution) + JSON.stringify(solution)).not.toContain(solution.token)
    expect((await guard.status()).day.spent).toBe(1_000)
    expect(audit.events.filter(({ action }) => action === 'solved')).toMatchObject([{ subject: 'ci-4711' }])
    expect(solved).toMatchObject([{ solver: 'broker', cost: 1_000, taskId: solution.taskId }])
    await solution.reportBad()
    expect(audit.events.map(({ action }) => action)).toContain('rejected')
  })

  it('solves a picture', async () => {
    const { light, service } = await lightRig({ serviceOptions: { answer: () => '4711' } })
    const image = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47]), Buffer.alloc(200)])
    const { token } = await light.solve({ family: 'image', pageUrl: challenge.pageUrl, image })
    expect(token).toBe('4711')
    expect(service.tasks).toHaveLength(1)
  })

  it('throws the errors of the guard behind the broker: code, layer, message, retryAt, details, docs', async () => {
    const { light, guard, token, service } = await lightRig({ policy: { budget: { perDay: usd(0.001) } } })
    await light.solve(challenge)
    const there = await errorOf((await guard.verifyToken(token)).solve(challenge))
    const here = await errorOf(light.solve(challenge))
    expect(here).toMatchObject({ name: 'DeniedError', code: 'BUDGET_EXHAUSTED', layer: 'spending' })
    expect(here.message).toBe(there.message)
    expect(here.retryAt).toEqual(there.retryAt)
    expect({ ...here }).toEqual({ ...there })
    expect(here.stack).toContain('light.test.ts')
    expect((await light.status()).process.denied).toEqual({ BUDGET_EXHAUSTED: 1 })
    expect(service.tasks).toHaveLength(1)
  })

  it('throws what the service has said of a task, and buys nothing more', async () => {
    const unsolvable = () => {
      throw new Error('unsolvable')
    }
    const { light, service } = await lightRig({ serviceOptions: { answer: unsolvable } })
    const failed: string[] = []
    light.on('failed', ({ code }) => failed.push(code))
    await expect(light.solve(challenge)).rejects.toMatchObject({ code: 'CAPTCHA_UNSOLVABLE' })
    expect(failed).toEqual(['CAPTCHA_UNSOLVABLE'])
    expect(service.tasks).toHaveLength(1)
  })

  it('asks the free layers first, and the broker nothing then', async () => {
    const schedule = { timeZone: 'UTC', windows: [{ days: 'Mon', from: '09:00', to: '10:00' }] }
    const token = await anyToken({ testKeys: 'answer', schedule })
    const clock = { now: Date.now, monotonic: () => performance.now(), after: () => () => {} }
    const at = (iso: string) => ({ ...clock, now: () => Date.parse(iso) })
    // Port 9 has no broker.
    const url = 'http://127.0.0.1:9'
    const closed = await createGuard({ broker: url, token, clock: at('2020-01-07T12:00:00Z') })
    const denied: string[] = []
    closed.on('denied', ({ code }) => denied.push(code))
    await expect(closed.solve(elsewhere)).rejects.toMatchObject({ code: 'ORIGIN_NOT_NAMED', layer: 'origin' })
    await expect(closed.solve(challenge)).rejects.toMatchObject({ code: 'OUTSIDE_SCHEDULE', layer: 'time' })
    expect(closed.denyUnnamed(elsewhere.pageUrl)).toMatchObject({ code: 'ORIGIN_NOT_NAMED' })
    expect(closed.originDenial('page', challenge.pageUrl)).toBeUndefined()
    expect(denied).toEqual(['ORIGIN_NOT_NAMED', 'OUTSIDE_SCHEDULE', 'ORIGIN_NOT_NAMED'])
    const open = await createGuard({ broker: url, token, clock: at('2020-01-06T09:30:00Z') })
    const testKey = { ...challenge, sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI' }
    expect(await open.solve(testKey)).toMatchObject({ cost: 0, taskId: '' })
    const late = await createGuard({ broker: url, token: await anyToken(), clock: at('2220-01-06T09:30:00Z') })
    await expect(late.solve(challenge)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED', layer: 'time' })
    await Promise.all([closed.close(), open.close(), late.close()])
  })

  it('counts the solves for one load of a page itself', async () => {
    const { light, service } = await lightRig({ token: { budget: { perPage: 1 } } })
    const pageLoad = {}
    await light.solve(challenge, { pageLoad })
    await expect(light.solve(challenge, { pageLoad })).rejects.toMatchObject({ code: 'PAGE_LIMIT_REACHED' })
    expect(service.tasks).toHaveLength(1)
  })

  it('explains what a page load has left, as the guard with the key does, and counts nothing', async () => {
    const { light, guard } = await lightRig({ token: { budget: { perPage: 1 } } })
    for (const grant of [light, guard.narrow({ budget: { perPage: 1 } })]) {
      const pageLoad = {}
      const spending = async () => {
        const { allowed, code, layers } = await grant.explain(challenge, { pageLoad })
        return [allowed, code, layers.find(({ layer }) => layer === 'spending')?.ok]
      }
      for (let i = 0; i < 3; i++) expect(await spending()).toEqual([true, undefined, true])
      await grant.solve(challenge, { pageLoad })
      for (let i = 0; i < 3; i++) expect(await spending()).toEqual([false, 'PAGE_LIMIT_REACHED', false])
      expect((await grant.explain(challenge)).allowed).toBe(true)
      expect((await grant.explain(elsewhere, { pageLoad })).code).toBe('ORIGIN_NOT_NAMED')
    }
  })

  it('shows for each link of its token what was spent, and what stops it', async () => {
    const { light, guard } = await lightRig({ tokenOptions: { subject: 'ci-4711' } })
    const narrower = light.narrow({ budget: { perDay: usd(0.01) } }, { subject: 'sign-in' })
    await light.solve(challenge)
    await narrower.solve(challenge)
    const { links } = await narrower.status()
    expect(links.map(({ subject, spent, reserved }) => ({ subject, spent, reserved }))).toEqual([
      { subject: 'ci-4711', spent: 2_000, reserved: 0 },
      { subject: 'sign-in', spent: 1_000, reserved: 0 },
    ])
    expect(links.every(({ expiresAt }) => expiresAt instanceof Date && expiresAt.getTime() > Date.now())).toBe(true)
    const grant = await guard.verifyToken((await light.issueToken({})).token)
    expect((await light.status()).links).toEqual((await grant.status()).links.slice(0, 1))
    await guard.pause('It loops.', { token: links[0]?.id ?? '' })
    expect((await light.status()).links[0]?.paused).toMatchObject({ message: 'It loops.' })
  })

  it('narrows offline: each grant is a link of the token, of one budget for one name', async () => {
    const { light, service, guard } = await lightRig()
    const one = light.narrow({ budget: { perDay: usd(0.001) } }, { name: 'sign-in', subject: 'test-1' })
    const same = light.narrow({ budget: { perDay: usd(0.001) } }, { name: 'sign-in' })
    const other = light.narrow({ budget: { perDay: usd(0.001) } })
    expect(one.path).toEqual(same.path)
    expect(other.path).not.toEqual(one.path)
    expect(one.path.slice(0, -1)).toEqual(light.path)
    await one.solve(challenge)
    await expect(same.solve(challenge)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    await other.solve(challenge)
    expect(service.tasks).toHaveLength(2)
    expect((await one.status()).day).toMatchObject({ cap: 1_000, spent: 1_000, left: 0 })
    expect((await guard.status()).day.spent).toBe(2_000)
    expect(() => one.narrow({ budget: { perDay: usd(1) } })).toThrow(expect.objectContaining({ code: 'TOKEN_WIDENED' }))
    expect(() => light.narrow({ origins: ['https://shop.example.com'] })).toThrow(/policy\.origins/)
  })

  it('issues a narrower token offline, which works like any other', async () => {
    const { light, url } = await lightRig()
    const issued = await light.issueToken({ budget: { perDay: usd(0.001) } }, { ttl: '1m', subject: 'sign-in' })
    expect(describeToken(issued.token).links).toHaveLength(2)
    expect(issued.id).toBe(describeToken(issued.token).links.at(-1)?.id)
    expect(issued.expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 61_000)
    expect(inspect(issued) + JSON.stringify(issued)).not.toContain(issued.token)
    const narrower = await lightOver(url, issued.token)
    await narrower.solve(challenge)
    await expect(narrower.solve(challenge)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    await expect(light.issueToken({}, { handle: true })).rejects.toMatchObject({ code: 'GUARD_WITHOUT_KEY' })
  })

  it('streams, without batches', async () => {
    const { light } = await lightRig()
    const { solved, failed, cost } = await light.stream([challenge, elsewhere, challenge]).forEach(() => {})
    expect({ solved, failed, cost }).toEqual({ solved: 2, failed: 1, cost: 2_000 })
    expect(() => light.stream([], { batch: 'nightly' })).toThrow(expect.objectContaining({ code: 'GUARD_WITHOUT_KEY' }))
  })

  it('has a status: what the holder of the token may know', async () => {
    const { light, url, service } = await lightRig({ token: { budget: { perDay: usd(0.5), concurrent: 3 } } })
    const status = await light.status()
    expect(status).toMatchObject({
      name: light.path.at(-1),
      day: { cap: 500_000, spent: 0 },
      slots: { cap: 3, used: 0 },
      solver: 'broker',
      ledger: { kind: 'broker', place: url },
    })
    expect(inspect(status)).toContain('broker')
    expect(JSON.stringify(status)).not.toContain(service.key)
    expect(JSON.parse(JSON.stringify(status)).day.capUsd).toBe(0.5)
  })

  it('explains the layers that it decides, and says which it does not', async () => {
    const { light } = await lightRig()
    const { allowed, layers } = await light.explain(challenge)
    expect(allowed).toBe(true)
    expect(layers.filter(({ checked }) => checked).map(({ layer }) => layer)).toEqual(['origin', 'time'])
    expect(await light.explain(elsewhere.pageUrl)).toMatchObject({ allowed: false, code: 'ORIGIN_NOT_NAMED' })
  })

  it('refuses what only the guard with the key can do', async () => {
    const { light, token } = await lightRig()
    const calls = [
      light.pause(),
      light.resume(),
      light.verifyToken(token),
      light.revokeToken('AAAAAAAAAAAAAAAA'),
      light.batch('nightly'),
      light.recommendConcurrency(),
    ]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'GUARD_WITHOUT_KEY' })
  })

  it('revokes its own token, and what was narrowed from it, but not those above', async () => {
    const { light, url, guard, token } = await lightRig()
    const { token: narrowed, id } = await light.issueToken({}, { ttl: '1m' })
    const { token: below } = await (await lightOver(url, narrowed)).issueToken({}, { ttl: '1m' })
    const holder = await lightOver(url, narrowed)
    await expect(holder.revokeToken(describeToken(token).links.at(-1)?.id ?? '')).rejects.toMatchObject({
      code: 'GUARD_WITHOUT_KEY',
    })
    await holder.revokeToken(id)
    for (const over of [narrowed, below]) {
      await expect((await lightOver(url, over)).solve(challenge)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' })
    }
    await expect(holder.revokeToken(id)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' })
    expect(await light.solve(challenge)).toMatchObject({ cost: 1_000 })
    expect((await guard.status()).day.spent).toBe(1_000)
  })

  it('is closed after close(), which ends what is under way', async () => {
    const { light } = await lightRig({ serviceOptions: { solveMs: 600_000 } })
    const solving = errorOf(light.solve(challenge))
    await light.close()
    expect(await solving).toMatchObject({ code: 'GUARD_CLOSED' })
    for (const call of [light.solve(challenge), light.status(), light.explain(challenge), light.pause()]) {
      await expect(call).rejects.toMatchObject({ code: 'GUARD_CLOSED' })
    }
  })

  it('is frozen, with all that is reachable from it', async () => {
    const light = await lightOver('http://127.0.0.1:9', await anyToken())
    expect(Object.isFrozen(light)).toBe(true)
    expect(Object.isFrozen(light.policy.origins)).toBe(true)
    expect(() => Object.assign(light, { solve: () => {} })).toThrow(TypeError)
  })
})
