import { expect, test } from 'vitest'
import { startHcaptcha } from '../../../src/testing/vendors/hcaptcha/index.js'
import { startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'
import { answerAsVendor, type RouteTarget, routeVendors, type VendorRoute } from '../../../src/testing/vendors/route.js'
import { startTurnstile } from '../../../src/testing/vendors/turnstile/index.js'

const get = (url: string) => ({ url, method: 'GET' })

test('a stand-in answers at its vendor’s address, and its scripts name that address', async () => {
  await using recaptcha = await startRecaptcha()
  await using hcaptcha = await startHcaptcha()
  await using turnstile = await startTurnstile()
  const scripts: [string, string][] = [
    ['https://www.google.com/recaptcha/api.js?render=explicit', '"base":"https://www.google.com"'],
    ['https://www.recaptcha.net/recaptcha/enterprise.js', '"base":"https://www.recaptcha.net"'],
    ['https://js.hcaptcha.com/1/api.js', '"base":"https://newassets.hcaptcha.com"'],
    ['https://challenges.cloudflare.com/turnstile/v0/api.js', '"base":"https://challenges.cloudflare.com"'],
  ]
  for (const [url, named] of scripts) {
    const reply = await answerAsVendor(get(url), recaptcha, hcaptcha, turnstile)
    expect(reply?.status).toBe(200)
    expect(reply?.headers).toMatchObject({ 'access-control-allow-origin': '*' })
    expect(String(reply?.body)).toContain(named)
  }
})

test('at its own address, its scripts name its own', async () => {
  await using recaptcha = await startRecaptcha()
  const script = await (await fetch(`${recaptcha.url}/recaptcha/api.js`)).text()
  expect(script).toContain(`"base":"${recaptcha.url}"`)
  expect(script).toContain(`"releases":"${recaptcha.url}"`)
})

test('does not answer requests for other hosts and paths', async () => {
  await using recaptcha = await startRecaptcha()
  for (const url of [
    'https://www.google.com/search?q=recaptcha',
    'https://www.google.com.example.com/recaptcha/api.js',
    'https://example.com/recaptcha/api.js',
    'https://js.hcaptcha.com/1/api.js',
  ]) {
    expect(await answerAsVendor(get(url), recaptcha)).toBeUndefined()
  }
})

test('passes on the body that a frame posts', async () => {
  await using recaptcha = await startRecaptcha()
  recaptcha.setBehavior('a-sitekey', { passes: true })
  const url = 'https://www.google.com/recaptcha/api2/reload?k=a-sitekey&hostname=staging.example.com&action='
  const reply = await answerAsVendor({ url, method: 'POST' }, recaptcha)
  const { token } = JSON.parse(String(reply?.body)) as { token: string }
  const verify = await answerAsVendor(
    {
      url: 'https://www.google.com/recaptcha/api/siteverify',
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `secret=${recaptcha.secretFor('a-sitekey')}&response=${token}`,
    },
    recaptcha,
  )
  expect(JSON.parse(String(verify?.body))).toMatchObject({ success: true })
})

test('fulfills a request that Playwright has intercepted', async () => {
  await using turnstile = await startTurnstile()
  const routes: Parameters<RouteTarget['route']>[] = []
  await routeVendors({ route: async (...args) => void routes.push(args) }, turnstile)
  const [matches, handle] = routes[0] ?? []
  expect(matches?.(new URL('https://challenges.cloudflare.com/turnstile/v0/api.js'))).toBe(true)
  expect(matches?.(new URL('https://cloudflare.com/turnstile/v0/api.js'))).toBe(false)
  const replies: number[] = []
  const route: VendorRoute = {
    request: () => ({
      url: () => 'https://challenges.cloudflare.com/turnstile/v0/api.js',
      method: () => 'GET',
      headers: () => ({}),
      postDataBuffer: () => null,
    }),
    fulfill: async ({ status }) => void replies.push(status),
  }
  await handle?.(route)
  expect(replies).toEqual([200])
})
