import { expect, test } from 'vitest'
import type { DriverFrame, DriverPage } from '../../../src/adapters/driver.js'
import { Finder } from '../../../src/adapters/engine/finder.js'
import { NamedFrames } from '../../../src/adapters/engine/named-frames.js'
import { PageSolver } from '../../../src/adapters/engine/solve-page.js'
import type { MaybePromise } from '../../../src/base/async.js'
import { manualClock } from '../../../src/testing/clock.js'
import { fakeGrant } from '../fake-grant.js'

const widget = { id: 'dabc-0', family: 'recaptcha', kind: 'checkbox', enterprise: false, sitekey: '6Lc' }
const state = { visible: true, answered: false, executed: false, challenged: false }
const secret = '0'.repeat(64)
const FOUND = JSON.stringify({ doc: 'dabc', secret, origin: '', omitted: 0, widgets: [{ ...widget, ...state }] })
const PAD = JSON.stringify({ secret, id: 1, numbers: '00ff'.repeat(4_096) })

/**
 * A page whose frame answers the calls of a solve, in a tool that reports no navigation.
 * @param answer a reply in place of the document's own, by the number of the call from 1; undefined: its own
 */
function silentPage(answer: (method: string, nth: number) => MaybePromise<string | undefined>) {
  const calls: string[] = []
  const frame: DriverFrame = {
    url: () => 'http://127.0.0.1/',
    name: () => '',
    parent: () => undefined,
    isDetached: () => false,
    async evaluate(expression) {
      const method = /main\.(find|pad|inject|notifyPage|isSameDocument)\(/.exec(expression)?.[1] ?? ''
      calls.push(method === 'inject' ? expression : method)
      const own = { find: FOUND, pad: PAD }[method] ?? '{"result":"ok"}'
      return (await answer(method, calls.length)) ?? own
    },
  }
  const page: DriverPage = { frames: () => [frame], isClosed: () => false, watch: () => () => {} }
  const clock = manualClock()
  const grant = fakeGrant({ issue: () => 'a-token' })
  const frames = new NamedFrames(grant, clock, 5_000)
  const tools = {
    ...{ grant, clock, evaluateMs: 5_000, frames, finder: new Finder(clock, 5_000, frames) },
    refreshChallenge: async <T>(found: T) => found,
  }
  return { page, grant, calls, solver: new PageSolver(tools, new AbortController().signal) }
}

const foreign = (reply: string) => reply.replace(secret, 'f'.repeat(64))

test.each([
  ['a second look at the widget', (method: string, nth: number) => method === 'find' && nth > 1],
  ['the request for a pad', (method: string) => method === 'pad'],
  ['both', (method: string, nth: number) => method === 'pad' || (method === 'find' && nth > 1)],
])('buys nothing where another document answers %s, also if the tool reports no navigation', async (_, isForeign) => {
  const { page, grant, calls, solver } = silentPage((method, nth) =>
    isForeign(method, nth) ? foreign(method === 'pad' ? PAD : FOUND) : undefined,
  )
  const result = await solver.solve(page, {})
  expect(result).toMatchObject({ solved: [], failed: [{}] })
  expect(grant.challenges).toEqual([])
  expect(calls.join()).not.toContain('main.inject(')
})

test('sends no token that can be read without the pad', async () => {
  const { page, calls, solver } = silentPage(() => undefined)
  expect(await solver.solve(page, {})).toMatchObject({ solved: [{}] })
  const sent = calls.find((call) => call.includes('main.inject(')) ?? ''
  expect(sent).not.toContain('a-token')
  // The pad of this document is 0x00ff throughout.
  expect(sent).toContain(`[${[...'a-token'].map((letter) => letter.charCodeAt(0) ^ 0xff).join(',')}]`)
  expect(sent).not.toContain(`[${[...'a-token'].map((letter) => letter.charCodeAt(0)).join(',')}]`)
})

test('sends the solution and the call of the callback at once, in one round trip', async () => {
  let reply: (() => void) | undefined
  const replied = new Promise<undefined>((resolve) => (reply = () => resolve(undefined)))
  const { page, calls, solver } = silentPage((method) => (method === 'inject' ? replied : undefined))
  const solving = solver.solve(page, {})
  await expect.poll(() => calls.at(-1)).toBe('notifyPage')
  expect(calls.at(-2)).toContain('main.inject(')
  reply?.()
  expect(await solving).toMatchObject({ solved: [{ told: true }] })
  expect(calls.filter((call) => call === 'notifyPage')).toHaveLength(1)
})

test('asks again how the callback ended where a tool ran that call first', async () => {
  const replies = ['{"result":"page-gone"}', '{"result":"callback-threw"}']
  const { page, solver } = silentPage((method) => (method === 'notifyPage' ? replies.shift() : undefined))
  expect(await solver.solve(page, {})).toMatchObject({ solved: [{ told: false, notifyFailure: 'callback-threw' }] })
})

test('does not pay again for a widget that was solved during a slow scan', async () => {
  let release: (() => void) | undefined
  const { page, grant, solver } = silentPage(async (method) => {
    if (method === 'find' && !release) await new Promise<void>((resolve) => (release = resolve))
    return undefined
  })
  const slow = solver.scan(page)
  expect(await solver.solve(page, {})).toMatchObject({ solved: [{}] })
  release?.()
  const [place] = (await slow).widgets
  if (!place) throw new Error('Nothing was found.')
  expect(await solver.solveFound(page, place.challenge, new AbortController().signal)).toMatchObject({
    outcome: { kind: 'skipped', reason: 'answered' },
  })
  expect(grant.challenges).toHaveLength(1)
})
