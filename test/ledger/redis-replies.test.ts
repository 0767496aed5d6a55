import { expect, it } from 'vitest'
import { readReserved } from '../../src/ledger/redis/replies.js'
import { usd } from '../../src/policy/money.js'

const request = { path: [{ id: 'ci', limits: {} }], amount: usd(1) }
const paused = (reason: string) => readReserved(['paused', 'ci', reason], request)

it('a pause that the server has is read with its reason', () => {
  const pause = { code: 'MANUAL', message: 'It loops.', at: 8.64e15 }
  expect(paused(JSON.stringify(pause))).toEqual({ ok: false, budgetId: 'ci', reason: 'paused', pause })
})

it.each([
  '',
  'null',
  '[]',
  '{"code":"MANUAL","message":"It loops."}',
  '{"code":"MANUAL","message":"It loops.","at":"5"}',
  '{"code":"MANUAL","message":"It loops.","at":-1}',
  '{"code":"MANUAL","message":"It loops.","at":8640000000000001}',
  '{"code":"MANUAL","message":"It loops.","at":1e400}',
  '{"code":1,"message":"It loops.","at":5}',
  '{"code":"MANUAL","message":2,"at":5}',
])('a pause whose reason another process has damaged is a denial all the same: %j', (reason) => {
  expect(() => paused(reason)).toThrow(expect.objectContaining({ code: 'LEDGER_UNAVAILABLE' }))
})
