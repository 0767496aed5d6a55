import type { Answer } from '../base/challenge.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/**
 * GeeTest in the form family's fields (https://2captcha.com/2captcha-api#solving_geetest). For v4 CaptchaAI has the
 * field `version`, and 2Captcha another method.
 */
export function geetestForm(service: 'captchaai' | 'twocaptcha'): Method<'geetest'> {
  return {
    variants: ['v3', 'v4'],
    fields(challenge) {
      const { variant, sitekey, challenge: oneTime, apiHost } = challenge
      const pageurl = pageAddress(challenge)
      if (variant === 'v3') {
        const server = apiHost === undefined ? {} : { api_server: apiHost }
        return { method: 'geetest', gt: sitekey, challenge: oneTime, pageurl, ...server }
      }
      return service === 'captchaai'
        ? { method: 'geetest', gt: sitekey, version: '4', pageurl }
        : { method: 'geetest_v4', captcha_id: sitekey, pageurl }
    },
    answer: ({ request }) => geetestAnswer(request),
  }
}

/** GeeTest as a task (https://anti-captcha.com/apidoc/task-types/GeeTestTaskProxyless). */
export function geetestTask(
  type: string,
  v4 = (captchaId: string): Readonly<Record<string, unknown>> => ({
    gt: captchaId,
    version: 4,
    initParameters: { captcha_id: captchaId },
  }),
): Method<'geetest'> {
  return {
    variants: ['v3', 'v4'],
    fields(challenge) {
      const { variant, sitekey, challenge: oneTime, apiHost } = challenge
      const page = { type, websiteURL: pageAddress(challenge) }
      if (variant === 'v4') return { ...page, ...v4(sitekey) }
      const server = apiHost === undefined ? {} : { geetestApiServerSubdomain: apiHost }
      return { ...page, gt: sitekey, challenge: oneTime, ...server }
    },
    answer: geetestAnswer,
  }
}

/**
 * The values that a site's server verifies for each version, under the vendor's names, and the one that is the token.
 */
const PARTS = [
  { prefix: 'geetest_', names: ['challenge', 'validate', 'seccode'], token: 'validate' },
  {
    prefix: '',
    names: ['captcha_id', 'lot_number', 'pass_token', 'gen_time', 'captcha_output'],
    token: 'pass_token',
  },
] as const

const VALUE = /^[\x21-\x7e]{1,16384}$/
const MAX_TEXT_LENGTH = 64 * 1024

/**
 * Reads a GeeTest answer in any form that a service gives it: an object, the same as JSON text, or
 * `name:value,name:value`; the names of v3 with or without the prefix `geetest_`.
 *
 * @returns undefined for an answer that is not complete
 */
function geetestAnswer(raw: unknown): Answer | undefined {
  const values = typeof raw === 'string' ? valuesIn(raw) : raw
  if (typeof values !== 'object' || values === null) return undefined
  for (const { prefix, names, token } of PARTS) {
    const fields: Record<string, string> = {}
    for (const name of names) {
      const value = valueIn(values, prefix + name) ?? valueIn(values, name)
      if (value !== undefined) fields[prefix + name] = value
    }
    const chosen = fields[prefix + token]
    if (chosen !== undefined && Object.keys(fields).length === names.length) return { token: chosen, fields }
  }
  return undefined
}

function valueIn(values: object, name: string): string | undefined {
  const value: unknown = Object.hasOwn(values, name) ? (values as Record<string, unknown>)[name] : undefined
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  return typeof text === 'string' && VALUE.test(text) ? text : undefined
}

function valuesIn(text: string): unknown {
  if (text.length > MAX_TEXT_LENGTH) return undefined
  if (text.startsWith('{')) {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  }
  // No value contains a comma.
  return Object.fromEntries(
    text.split(',', 20).map((part) => {
      const at = part.indexOf(':')
      return [part.slice(0, Math.max(at, 0)), part.slice(at + 1)]
    }),
  )
}
