import { expect, test } from 'vitest'
import type { Challenge } from '../../src/base/challenge.js'
import { antiCaptcha, captchaAI, twoCaptcha } from '../../src/solvers/index.js'
import type { Solver } from '../../src/solvers/solver.js'
import { ARKOSE, ok } from './contract.js'

const { sitekey, pageUrl } = ARKOSE
const whole = { ...ARKOSE, blob: 'a+b"c', apiHost: 'company-api.arkoselabs.com' }

const fieldsOf = (solver: Solver, challenge: Challenge) => {
  const { fields } = solver.submit(challenge)
  return 'task' in fields ? fields.task : fields
}

test('the form family has Arkose under its older name', () => {
  const solver = twoCaptcha({ api: 'v1' })
  const fields = { method: 'funcaptcha', publickey: sitekey, pageurl: pageUrl, json: '1' }
  expect(fieldsOf(solver, ARKOSE)).toEqual(fields)
  expect(fieldsOf(solver, whole)).toEqual({
    ...fields,
    surl: 'https://company-api.arkoselabs.com',
    'data[blob]': 'a+b"c',
  })
})

test.each([twoCaptcha(), antiCaptcha()])('the task family has it too: $name', (solver) => {
  const fields = { type: 'FunCaptchaTaskProxyless', websiteURL: pageUrl, websitePublicKey: sitekey }
  expect(fieldsOf(solver, ARKOSE)).toEqual(fields)
  expect(fieldsOf(solver, whole)).toEqual({
    ...fields,
    funcaptchaApiJSSubdomain: 'company-api.arkoselabs.com',
    data: '{"blob":"a+b\\"c"}',
  })
  const token = `1.2|r=eu|pk=${sitekey}|surl=https%3A%2F%2Fx`
  const reply = ok(JSON.stringify({ errorId: 0, status: 'ready', solution: { token } }))
  expect(solver.readPoll(reply, 'arkose')).toMatchObject({ kind: 'ready', answer: { token } })
})

test('CaptchaAI does not solve Arkose', () => {
  expect(captchaAI().unsupported(ARKOSE)).toBe('the family arkose')
})
