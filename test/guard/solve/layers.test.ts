import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { SOLVE_LAYERS } from '../../../src/guard/solve/pipeline.js'
import { usd } from '../../../src/policy/money.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, fixedSecret, rig } from '../support.js'

const MONDAY_NOON = Date.UTC(2025, 0, 6, 12)
const CLOSED = { timeZone: 'Europe/Berlin', windows: [{ days: 'Tue', from: '09:00', to: '10:00' }] }

/** The error of a solve that every layer from this one on would deny. */
async function errorWhereDeniedFrom(first: number) {
  const denies = (layer: (typeof SOLVE_LAYERS)[number]) => SOLVE_LAYERS.indexOf(layer) >= first
  const secret = fixedSecret('a-key-for-the-tests')
  if (denies('secret')) secret.fail(new Error('connection refused'))
  const { guard, audit, service } = await rig({
    secret,
    clock: manualClock(MONDAY_NOON),
    policy: {
      egress: denies('network') ? { proxy: 'http://127.0.0.1:1' } : {},
      budget: { perDay: usd(denies('spending') ? 0.000_1 : 1) },
      ...(denies('time') && { schedule: CLOSED }),
    },
  })
  guard.on('alert', () => {})
  if (denies('audit')) audit.failWith(new Error('disk full'))
  const grant = denies('network') ? guard.narrow({ egress: { proxy: 'http://127.0.0.1:2' } }) : guard
  const pageUrl = denies('origin') ? 'https://elsewhere.example/' : challenge.pageUrl
  const error = await errorOf(grant.solve({ ...challenge, pageUrl }))
  expect(service.requests).toHaveLength(0)
  return error
}

it.each(SOLVE_LAYERS.map((layer, at) => ({ layer, at })))(
  'the $layer layer denies a solve before the layers after it',
  async ({ layer, at }) => {
    expect(await errorWhereDeniedFrom(at)).toMatchObject({ name: 'DeniedError', layer })
  },
)

it('the README lists the layers in the order in which a solve passes them', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const [, table = ''] = /\| layer \|[^\n]*\n\|[ |-]*\n((?:\|[^\n]*\n)+)/.exec(readme) ?? []
  const layers = table
    .trim()
    .split('\n')
    .map((row) => row.split('|')[1]?.trim())
  expect(layers).toEqual([...SOLVE_LAYERS])
})
