import type { Challenge } from '../base/challenge.js'
import { tokenAnswer } from './answers.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

const NAME = 'aws-waf-token'
const COOKIE = `${NAME}=`

/**
 * A CAPTCHA of Amazon WAF's as the task family says it. Services that sell a voucher, which is yet to be changed for a token at
 * AWS, are none for it.
 *
 * @param rest how a service names the page's key and its script, which all of them load
 */
export function awsWafTask(
  type: string,
  rest: (challenge: Challenge) => Readonly<Record<string, unknown>>,
): Method<'aws-waf'> {
  return {
    variants: ['widget'],
    unsupported: ({ scriptUrl }) =>
      scriptUrl === undefined ? 'a challenge of aws-waf without its scriptUrl' : undefined,
    fields: (challenge) => ({ type, websiteURL: pageAddress(challenge), ...rest(challenge) }),
    // One service gives the value, another the cookie, a third all cookies.
    answer({ token, cookie, cookies, userAgent }) {
      const value = token ?? cookie ?? (cookies as Readonly<Record<string, unknown>> | null | undefined)?.[NAME]
      const bare = typeof value === 'string' && value.startsWith(COOKIE) ? value.slice(COOKIE.length) : value
      return tokenAnswer(bare, { userAgent })
    },
  }
}
