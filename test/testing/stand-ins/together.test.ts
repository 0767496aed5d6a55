import { afterAll, beforeAll, expect, it } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import type { Guard } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/index.js'
import { usd } from '../../../src/policy/money.js'
import { Secret } from '../../../src/secrets/secret.js'
import { SOLVERS, type SolverName } from '../../../src/solvers/table.js'
import {
  memoryAudit,
  type StandInServiceName,
  type StandIns,
  standInAddresses,
  startSolverService,
  startStandIns,
} from '../../../src/testing/index.js'

let standIns: StandIns
beforeAll(async () => {
  standIns = await startStandIns()
})
afterAll(() => standIns.close())

const NAMES = Object.keys(SOLVERS) as SolverName[]

function guardFor(
  name: StandInServiceName,
  { url, key } = { url: standIns.serviceUrl(name), key: standIns.key },
): Promise<Guard> {
  return createGuard({
    solver: SOLVERS[name]?.({ baseUrl: url, polling: { firstPollMs: 0, everyMs: 5 } }),
    secret: {
      kind: 'test',
      place: 'test',
      fetch: () => ({ current: { value: new Secret(key), version: '1' } }),
    },
    policy: { origins: ['https://shop.example'], budget: { perDay: usd(1) } },
    ledger: memoryLedger(),
    audit: memoryAudit(),
  })
}

const verify = async (url: string, fields: Record<string, string>) =>
  (await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })).json()

it.each(NAMES)('what the stand-in of %s sells, the vendor accepts, once', async (name) => {
  await using guard = await guardFor(name)
  // Another process knows no more than the address.
  const { verifyUrl, secretFor } = standInAddresses(standIns.url)
  const sitekey = '6LcOfTheShop'
  const pageUrl = 'https://shop.example/login'
  const { token: response } = await guard.solve({ family: 'recaptcha', variant: 'v2-checkbox', sitekey, pageUrl })
  const fields = { secret: secretFor(sitekey), response }
  expect(await verify(verifyUrl('recaptcha'), fields)).toMatchObject({ success: true, hostname: 'shop.example' })
  expect(await verify(verifyUrl('recaptcha'), fields)).toMatchObject({ success: false })

  const widget = { family: 'turnstile', variant: 'turnstile', sitekey: '0x4OfTheShop', pageUrl } as const
  const { token } = await guard.solve(widget)
  expect(await verify(verifyUrl('turnstile'), { secret: secretFor(widget.sitekey), response: token })).toMatchObject({
    success: true,
  })
})

it.each(NAMES)('%s: a score has the page’s action', async (name) => {
  await using guard = await guardFor(name)
  const { token: response } = await guard.solve({
    family: 'recaptcha',
    variant: 'v3',
    sitekey: '6LcScore',
    pageUrl: 'https://shop.example/login',
    action: 'login',
    minScore: 0.3,
  })
  expect(
    await verify(standIns.verifyUrl('recaptcha'), { secret: standIns.secretFor('6LcScore'), response }),
  ).toMatchObject({ success: true, action: 'login', score: 0.9 })
})

it.each(NAMES)('onAnswer has the sitekey of the widget with %s too', async (name) => {
  const sold: string[] = []
  await using service = await startSolverService({ as: name, onAnswer: ({ sitekey }) => sold.push(sitekey) })
  await using guard = await guardFor(name, service)
  const pageUrl = 'https://shop.example/login'
  await guard.solve({ family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6LcFirst', pageUrl })
  await guard.solve({ family: 'turnstile', variant: 'turnstile', sitekey: '0x4Second', pageUrl })
  expect(sold).toEqual(['6LcFirst', '0x4Second'])
})

it('answers a GeeTest with what its vendor has issued', async () => {
  await using guard = await guardFor('twocaptcha')
  const { fields } = await guard.solve({
    family: 'geetest',
    variant: 'v4',
    sitekey: 'e392e1d7fd421dc63325744d5a2b9c73',
    pageUrl: 'https://shop.example/login',
  })
  expect(standIns.standIns.geetest.issued.map(({ token }) => token.split('/')[1])).toContain(fields?.pass_token)
})

it('says when it can be used, and 404 where nothing is', async () => {
  const health = await fetch(standIns.healthUrl)
  expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
  for (const path of ['/', '/vendors/none/x', '/services/none/in.php', '/verify/toString']) {
    expect((await fetch(standIns.url + path)).status).toBe(404)
  }
})

it('serves a vendor’s script as the vendor would', async () => {
  const script = await fetch(`${standIns.vendors.recaptcha}/recaptcha/api.js?onload=ready`)
  expect(await script.text()).toContain('ready')
})

it('says what to do where there is no address', () => {
  expect(() => standInAddresses('')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(() => standInAddresses('http://stand-ins.example:80')).toThrow('standInServer()')
})
