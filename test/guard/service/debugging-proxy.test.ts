import { afterAll, beforeAll, expect, it } from 'vitest'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { type SolverService, startSolverService } from '../../../src/testing/service/index.js'
import { type DebuggingProxy, startDebuggingProxy } from '../../support/debugging-proxy.js'
import { challenge, errorOf, fixedSecret, rig } from '../support.js'

let service: SolverService
let proxy: DebuggingProxy

beforeAll(async () => {
  service = await startSolverService()
  proxy = await startDebuggingProxy(Number(new URL(service.url).port))
})
afterAll(async () => {
  await proxy?.close()
  await service?.close()
})

/** A guard whose service has a host name that only the proxy resolves. */
function through(ca?: string) {
  return rig({
    service,
    secret: fixedSecret(service.key),
    policy: { egress: { proxy: proxy.url } },
    guardOptions: {
      ca,
      solver: captchaAI({
        baseUrl: 'https://solver.test',
        polling: { firstPollMs: 1_000, everyMs: 1_000 },
        pricing: { per: 'solve', usd: 0.001 },
      }),
    },
  })
}

it('a guard sends nothing through a proxy that intercepts TLS with a certificate that is not trusted', async () => {
  const { guard } = await through()
  const abort = new AbortController()
  guard.on('retrying', ({ message }) => abort.abort(message))
  expect(await errorOf(guard.solve(challenge, { signal: abort.signal }))).toMatchObject({ code: 'SOLVE_ABORTED' })
  expect(abort.signal.reason).toMatch(/its certificate was not accepted/)
  expect(proxy.asked).toContain('solver.test:443')
  expect([proxy.read(), service.requests]).toEqual(['', []])
  const day = async () => (await guard.status()).day
  await expect.poll(day).toMatchObject({ spent: 0, reserved: 0 })
})

it('a guard with the authority of the intercepting proxy in `ca` solves through that proxy', async () => {
  const { guard } = await through(proxy.ca)
  const { token } = await guard.solve(challenge)
  expect(token).not.toBe('')
  expect(proxy.read()).toMatch(/^POST \/in\.php HTTP\/1\.1\r\n/)
  expect(proxy.read()).toContain(`key=${service.key}`)
  expect(service.tasks).toMatchObject([{ state: 'ready' }])
})
