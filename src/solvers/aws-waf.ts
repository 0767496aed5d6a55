import type { Challenge } from '../base/challenge.js'
import { tokenAnswer } from './answers.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

const NAME = 'aws-waf-token'
const COOKIE = `${NAME}=`

/**
 * A CAPTCHA of Amazon WAF as a task. Services that return a voucher, which AWS has yet to exchange for a token, cannot
 * be used for it.
 *
 * @param rest the service's fields for the page's key and its script
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
    // One service returns the value, another the cookie, a third all cookies.
    answer({ token, cookie, cookies, userAgent }) {
      const value = token ?? cookie ?? (cookies as Readonly<Record<string, unknown>> | null | undefined)?.[NAME]
      const bare = typeof value === 'string' && value.startsWith(COOKIE) ? value.slice(COOKIE.length) : value
      return tokenAnswer(bare, { userAgent })
    },
  }
}
