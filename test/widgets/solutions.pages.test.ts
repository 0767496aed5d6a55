import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { WidgetFamily } from '../../src/base/challenge.js'
import { startCaptchafox } from '../../src/testing/vendors/captchafox/index.js'
import { startFriendly } from '../../src/testing/vendors/friendly/index.js'
import { startHcaptcha } from '../../src/testing/vendors/hcaptcha/index.js'
import { startMtcaptcha } from '../../src/testing/vendors/mtcaptcha/index.js'
import { startRecaptcha } from '../../src/testing/vendors/recaptcha/index.js'
import { startTurnstile } from '../../src/testing/vendors/turnstile/index.js'
import { startYandex } from '../../src/testing/vendors/yandex/index.js'
import type { Vendor } from '../support/stage.js'
import { stage } from './stage.js'

/*
 * A solver's answer is text from outside: it is injected unchanged, and is only text in the page. The solvers' contract
 * tests that an answer is bounded before it is injected.
 */

const SOLUTIONS: Record<string, string> = JSON.parse(
  readFileSync(new URL('../../fixtures/hostile/solutions.json', import.meta.url), 'utf8'),
)
const HUNDRED_KILOBYTES = '0\'"<'.repeat(25_600)

const FAMILIES: readonly [WidgetFamily, (options: object) => Promise<Vendor>, string, string][] = [
  ['recaptcha', startRecaptcha, '/named', 'textarea[name="g-recaptcha-response"]'],
  ['hcaptcha', startHcaptcha, '/hcaptcha/named', 'textarea[name="h-captcha-response"]'],
  ['turnstile', startTurnstile, '/turnstile/named', 'input[name="cf-turnstile-response"]'],
  ['friendly', startFriendly, '/friendly/v1/named', 'input[name="frc-captcha-solution"]'],
  ['mtcaptcha', startMtcaptcha, '/mtcaptcha/named', 'input[name="mtcaptcha-verifiedtoken"]'],
  ['captchafox', startCaptchafox, '/captchafox/named', 'input[name="cf-captcha-response"]'],
  ['yandex', startYandex, '/yandex/named', 'input[name="smart-token"]'],
]

describe.each(FAMILIES)('a %s treats a solver’s answer as text:', (family, start, path, field) => {
  const at = stage(family, start as Parameters<typeof stage>[1])

  test.each([...Object.entries(SOLUTIONS), ['a hundred kilobytes', HUNDRED_KILOBYTES]])('%s', async (_, token) => {
    await at.visit(path)
    at.grant.answer = async () => token
    await at.page.waitForFunction('document.querySelectorAll("script").length > 0')
    await at.due()
    const scripts = await at.page.evaluate('document.querySelectorAll("script, img").length')
    const { solved, failed } = await at.captcha.solve(at.page)
    expect(failed).toEqual([])
    expect(solved).toHaveLength(1)
    expect(await at.calls()).toEqual([token])
    // A field normalizes line ends.
    const kept = await at.page.inputValue(field)
    expect(kept.replace(/\r\n?/g, '\n')).toBe(token.replace(/\r\n?/g, '\n'))
    expect(await at.page.evaluate('document.querySelectorAll("script, img").length')).toBe(scripts)
    expect(await at.page.evaluate('window.ran')).toBeUndefined()
  })
})
